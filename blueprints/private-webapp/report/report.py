"""The dashboard of somebody else: reads through the far end of the tunnel and draws one page. It cannot write.

    REPORT_URL=mysql://bi:PASSWORD@127.0.0.1:15240/log?ssl_ca=PATH  report.py report.html     writes the page
    gunicorn report:application                                                              serves it; `/healthz` says whether it could be drawn

`REPORT_SERVER_NAME` is the name in the database's certificate when that is not the host of the URL: at the far end of a
tunnel the host is 127.0.0.1, but the certificate is that of the database, and it is checked all the same.

Before anything is read the server is asked what this role may do. When it may change anything, or read how passwords
are checked, nothing is drawn and the program ends with 3: a dashboard with such a role is a mistake of whoever made it.
"""

import os
import ssl
import sys
import tempfile
from html import escape
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

TABLES = ("harbours", "ships", "calls", "weather")


class Refused(Exception):
    """The role may more than read, or the way there is not safe."""


def connect(url_text, server_name=None):
    """An engine whose sessions are read-only, over TLS with a checked certificate."""
    url = make_url(url_text)
    query = dict(url.query)
    if url.get_backend_name() == "postgresql":
        if not query.get("sslrootcert"):
            raise Refused("the URL has no sslrootcert: the server's certificate could not be checked")
        query["sslmode"] = "verify-full"
        arguments = {"connect_timeout": 5, "options": "-c default_transaction_read_only=on -c statement_timeout=20000"}
        url = url.set(drivername="postgresql+psycopg", query=query)
        if server_name:
            # The name is checked, the address is connected to.
            arguments["hostaddr"] = "127.0.0.1" if url.host == "localhost" else url.host
            url = url.set(host=server_name)
        return create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True, pool_size=2, pool_recycle=280)
    authority = query.pop("ssl_ca", None)
    if not authority:
        raise Refused("the URL has no ssl_ca: the server's certificate could not be checked")
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = server_name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(authority)
    arguments = {
        "ssl": context, "connect_timeout": 5, "read_timeout": 20, "init_command": "SET SESSION TRANSACTION READ ONLY",
    }
    query = {name: value for name, value in query.items() if not name.startswith("ssl_")}
    url = url.set(drivername="mysql+pymysql", query=query)
    return create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True, pool_size=2, pool_recycle=280)


class _Named(ssl.SSLContext):
    """Checks for another name than that of the host."""

    name = None

    def wrap_socket(self, *args, server_hostname=None, **kwargs):
        return super().wrap_socket(*args, server_hostname=self.name or server_hostname, **kwargs)


def refuse_more_than_reading(db):
    """Asks the server, and raises `Refused` when the role may do anything but read the tables."""
    if db.dialect.name == "postgresql":
        rights = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
        asked = " OR ".join(f"has_table_privilege(to_regclass('{table}'), '{right}')" for table in TABLES for right in rights)
        may = db.execute(text(f"SELECT {asked} OR has_schema_privilege(current_schema(), 'CREATE')")).scalar_one()
        hashes = db.execute(text("SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')")).scalar_one()
        if may or hashes:
            raise Refused("the role may write" if may else "the role may read how passwords are checked")
        return
    grants = [row[0] for row in db.execute(text("SHOW GRANTS"))]
    for grant in grants:
        given = grant.split(" ON ")[0].removeprefix("GRANT ")
        beyond = {name.strip() for name in given.split(",")} - {"SELECT", "USAGE", "SHOW VIEW"}
        if beyond:
            raise Refused("the role may " + ", ".join(sorted(beyond)))
        if given.strip() != "USAGE" and " ON *.*" in grant:
            raise Refused("the role may read every database, that with the passwords too")


def read(db):
    """What the page shows."""
    totals = db.execute(text("SELECT COUNT(*), SUM(tonnes), SUM(passengers) FROM calls")).one()
    harbours = db.execute(text(
        "SELECT h.name, COUNT(*) AS calls, SUM(c.tonnes) AS tonnes FROM calls c JOIN harbours h ON h.id = c.harbour_id"
        " GROUP BY h.name ORDER BY calls DESC"
    )).all()
    months = db.execute(text(
        "SELECT EXTRACT(MONTH FROM arrived_at) AS month, SUM(tonnes) AS tonnes FROM calls"
        " GROUP BY EXTRACT(MONTH FROM arrived_at) ORDER BY month"
    )).all()
    return totals, harbours, [(int(month), int(tonnes)) for month, tonnes in months]


def page(totals, harbours, months):
    """One page with one picture, whole in itself."""
    width, height, base = 720, 300, 250
    most = max((tonnes for _, tonnes in months), default=1) or 1
    points = [(60 + (month - 1) * 58, base - 210 * tonnes / most) for month, tonnes in months]
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d"><title id="t">Tonnes landed by month</title>'
        f'<desc id="d">A line with twelve points; the highest is {most:,} tonnes.</desc>',
        "".join(f'<line x1="50" x2="710" y1="{base - 70 * i}" y2="{base - 70 * i}" class="grid"/>' for i in range(4)),
        f'<path class="area" d="M{" L".join(f"{x:.0f} {y:.1f}" for x, y in points)} L{points[-1][0]:.0f} {base} L{points[0][0]:.0f} {base} Z"/>' if points else "",
        f'<path class="line" d="M{" L".join(f"{x:.0f} {y:.1f}" for x, y in points)}"/>' if points else "",
    ]
    for (x, y), (month, tonnes) in zip(points, months):
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="4.5"><title>{names[month - 1]}: {tonnes:,} t</title></circle>')
        parts.append(f'<text x="{x:.0f}" y="{base + 22}">{names[month - 1]}</text><text x="{x:.0f}" y="{y - 11:.1f}" class="n">{tonnes / 1000:.0f}k</text>')
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{calls:,}</td><td>{int(tonnes):,}</td></tr>' for name, calls, tonnes in harbours
    )
    calls, tonnes, passengers = (int(value or 0) for value in totals)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Harbour report</title><style>{STYLE}</style></head>
<body><main><h1>Harbour report</h1>
<p>{calls:,} calls, {tonnes:,} tonnes and {passengers:,} passengers, read through the tunnel by a role that can do nothing else.</p>
<figure><figcaption>Tonnes landed by month</figcaption>{"".join(parts)}</svg></figure>
<table><caption>Calls by harbour</caption><thead><tr><th scope="col">Harbour</th><th scope="col">Calls</th><th scope="col">Tonnes</th></tr></thead><tbody>{rows}</tbody></table>
</main></body></html>
"""


STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5d6a78;--paper:#f5f6f8;--panel:#fff;--rule:#dde2e8;--line:#1f6f78}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#9aa7b4;--paper:#12181f;--panel:#1a222b;--rule:#2c3742;--line:#5cc1c9}}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}main{width:min(100% - 2rem,52rem);margin:2.5rem auto}
h1{margin:0 0 .3rem;font-size:1.9rem}p{color:var(--soft)}figure,table{background:var(--panel);border:1px solid var(--rule);border-radius:10px}
figure{margin:1.2rem 0;padding:1.2rem}figcaption,caption{font-weight:600;text-align:left}caption{padding:0 0 .5rem}svg{width:100%;height:auto}.grid{stroke:var(--rule)}
.area{fill:var(--line);fill-opacity:.14}.line{fill:none;stroke:var(--line);stroke-width:2.5}circle{fill:var(--line)}text{font-size:12px;fill:var(--soft);text-anchor:middle}
text.n{fill:var(--ink)}table{border-collapse:collapse;width:100%}th,td{padding:.5rem 1rem;text-align:right;border-bottom:1px solid var(--rule);font-weight:400}
th:first-child{text-align:left}thead th{color:var(--soft)}tr:last-child>*{border-bottom:0}
"""


def draw(engine):
    """The page, as it is in the database now; nothing of it when the role may more than read."""
    with engine.connect() as db:
        refuse_more_than_reading(db)
        return page(*read(db))


def _engine():
    url = os.environ.get("REPORT_URL", "")
    if not url:
        raise Refused("REPORT_URL is not set")
    return connect(url, os.environ.get("REPORT_SERVER_NAME") or None)


_ENGINE = None


def application(environ, start_response):
    """The same page for a web server."""
    global _ENGINE
    headers = [
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
    ]
    try:
        _ENGINE = _ENGINE or _engine()
        said = draw(_ENGINE)
        status, kind = "200 OK", "text/html; charset=utf-8"
    except Refused as refused:
        status, kind, said = "500 Refused", "text/plain; charset=utf-8", f"nothing is drawn: {refused}\n"
    except DBAPIError as problem:
        print(f"report: {type(problem.orig).__name__}", file=sys.stderr, flush=True)
        status, kind, said = "503 Service Unavailable", "text/plain; charset=utf-8", "the database does not answer through the tunnel\n"
    if environ.get("PATH_INFO") == "/healthz" and status == "200 OK":
        kind, said = "text/plain; charset=utf-8", "ok: rows come through the tunnel\n"
    start_response(status, [("Content-Type", kind), *headers])
    return [said.encode()]


def main():
    """Writes the page into a file, whole or not at all."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    try:
        said = draw(_engine())
    except Refused as refused:
        print(f"report: nothing is drawn: {refused}", file=sys.stderr)
        sys.exit(3)
    except DBAPIError as problem:
        words = " ".join(str(problem.orig).split())[:200]
        sys.exit(f"report: the database does not answer: {type(problem.orig).__name__}: {words}")
    with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=".report", delete=False, encoding="utf-8") as file:
        file.write(said)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, target)
    print(f"{target}: {len(said):,} bytes")


if __name__ == "__main__":
    main()
