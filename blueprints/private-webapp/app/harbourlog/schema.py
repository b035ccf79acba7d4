"""The tables, as the application sees them. data/schema-*.sql make them."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Integer, MetaData, String, Table

metadata = MetaData()


def _integers(*names):
    return [Column(name, Integer) for name in names]


harbours = Table(
    "harbours", metadata, Column("id", Integer, primary_key=True), Column("slug", String(40)), Column("name", String(60)),
    Column("island", String(60)), *_integers("chart_x", "chart_y", "berths", "bar_cm", "tide_cm", "tide_lag_min", "founded"),
    Column("about", String(400)),
)
ships = Table(
    "ships", metadata, Column("id", Integer, primary_key=True), Column("slug", String(60)), Column("name", String(60)),
    Column("kind", String(12)), *_integers("built", "length_m", "draught_cm", "tonnage"), Column("home_id", ForeignKey("harbours.id")),
    Column("note", String(400)), Column("version", Integer),
)
weather = Table(
    "weather", metadata, Column("day", Date, primary_key=True),
    *_integers("wind_kn", "gust_kn", "wave_cm", "glass_hpa", "air_c"), Column("sky", String(10)),
)
calls = Table(
    "calls", metadata, Column("id", Integer, primary_key=True), Column("ship_id", ForeignKey("ships.id")),
    Column("harbour_id", ForeignKey("harbours.id")), Column("from_id", ForeignKey("harbours.id")),
    Column("due_at", DateTime), Column("arrived_at", DateTime), Column("departed_at", DateTime),
    *_integers("waited_min", "tide_cm", "wind_kn"), Column("cargo", String(20)), *_integers("tonnes", "passengers"),
    Column("remark", String(400)), Column("version", Integer),
)
changes = Table(
    "changes", metadata, Column("id", BigInteger, primary_key=True), Column("changed_at", DateTime), Column("who", String(64)),
    Column("role", String(64)), Column("what", String(20)), Column("row_id", Integer), Column("field", String(40)),
    Column("old_value", String(400)), Column("new_value", String(400)),
)
login_attempts = Table(
    "login_attempts", metadata, Column("id", BigInteger, primary_key=True), Column("subject", String(64)),
    Column("attempted_at", DateTime),
)

KINDS = ("ferry", "freighter", "tanker", "fishing", "sail", "research", "cruise")
