"""Makes the CSV files beside it: one year of the harbours of the Merrow Isles, which do not exist.

    python3 data/generate.py            writes harbours.csv, ships.csv, weather.csv, calls.csv and the schemas
    python3 data/generate.py --check    says whether they are what it would write

Nothing is taken from anywhere. A small simulation moves every ship from harbour to harbour, minute by
minute, so that the figures fit together: a ship is in one place at a time, sails as fast as it can, waits
outside until the tide lets it over the harbour's bar, stays in when the wind is too strong for it, and
loads what the harbour has. The only source of chance is `Chance`, the same on every Python.
"""

import csv
import io
import sys
from datetime import datetime, timedelta
from math import cos, hypot, log, pi, sin, sqrt
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "app" / "harbourlog"))
import tides  # noqa: E402

START, END = datetime(2025, 1, 1), datetime(2026, 1, 1)
DAYS = (END - START).days

# id, slug, name, island, x and y on the chart (cables), berths, depth over the bar (cm at datum),
# amplitude of the tide (cm), lag (min), founded, what it ships, a line about it
HARBOURS = [
    (1, "port-alder", "Port Alder", "Alder", 112, 148, 14, 640, 118, 42, 1634, "machinery grain general",
     "The one town of the isles with a tram. Everything that is not fish passes here first."),
    (2, "saltern", "Saltern", "Alder", 92, 298, 6, 360, 126, 55, 1702, "salt general",
     "White pans as far as one sees, and a crane that is older than the harbour office."),
    (3, "hollin-bay", "Hollin Bay", "Great Merrow", 256, 78, 7, 420, 104, 28, 1688, "timber oats",
     "Timber comes down the valley and waits for a tide."),
    (4, "quillan-quay", "Quillan Quay", "Great Merrow", 322, 142, 9, 560, 98, 24, 1651, "grain general timber",
     "The middle of the sound: whoever goes anywhere goes past here."),
    (5, "fennick", "Fennick", "Merrow Holm", 268, 268, 5, 310, 110, 36, 1755, "oats wool",
     "A drying harbour with a good inn; ships that draw much know the inn well."),
    (6, "thornholm", "Thornholm", "Thornholm", 446, 222, 8, 520, 92, 14, 1669, "stone wool",
     "Grey stone for every quay of the isles, this one included."),
    (7, "gannet-roads", "Gannet Roads", "Thornholm", 498, 128, 6, 700, 86, 8, 1811, "stone general",
     "Deep water and no shelter from the north-east."),
    (8, "lanternhead", "Lanternhead", "Lantern Isle", 418, 334, 4, 380, 101, 19, 1723, "wool general",
     "The lighthouse has been lit every night since the year of the harbour."),
    (9, "outer-skerry", "Outer Skerry", "Outer Skerry", 556, 284, 3, 450, 80, 0, 1899, "general",
     "Four families, a weather station and the first tide of the day."),
]

# length m, draught cm, tonnage, speed kn, hours in harbour, wind it stays in for, built from, to
KINDS = {
    "ferry": (62, 310, 1400, 15.0, 1.2, 40, 1988, 2021),
    "freighter": (88, 520, 2900, 11.0, 64.0, 46, 1979, 2019),
    "tanker": (96, 600, 3800, 10.5, 76.0, 46, 1995, 2018),
    "fishing": (24, 290, 180, 9.0, 19.0, 34, 1971, 2016),
    "sail": (38, 330, 240, 7.5, 58.0, 29, 1904, 1998),
    "research": (46, 350, 900, 10.0, 78.0, 40, 1992, 2014),
    "cruise": (118, 520, 7200, 14.0, 26.0, 36, 1998, 2017),
}
FLEET = {
    "ferry": "Ottilie|Merrow Maid|Sound of Morning|Kittiwake",
    "freighter": "Grey Heron|Maren Vale|North Lamp|Ardent|Hollin Trader|Ida Brandreth|Perseverance|Tansy|Quillan|Silver "
    "Birch|Cornelia|Long Reach|Ebb and Flow|Marigold|Halcyon Day",
    "tanker": "Lampwick|Amber Road|Stella Fenn",
    "fishing": "Gannet|Two Brothers|Sea Thrift|Patience|Girl Alys|Herring King|Kelpie|Bright Morning|Skua|Minnow|Our "
    "Hilda|Whelk|Blue Door|Fair Chance|Petrel|Morning Catch|Nan Tucker|Driftwood|Samphire|Old Bess",
    "sail": "Windflower|Albatross|Lady Quillan|Merry Andrew|Evening Star|Cormorant|Sea Holly|Wanderer|Blackthorn",
    "research": "Doctor Linden|Sounding|Plumb Line",
    "cruise": "Queen of Alder|Island Empress|Northern Promise",
}
NOTES = {
    "ferry": ("Carries bicycles free of charge.", "The horn is a minor third.", "Post on weekdays.", "Bakes her own bread."),
    "freighter": ("Two cranes of her own.", "Rebuilt after a fire in the galley.", "Named by the owner's mother.",
                  "Holds are washed for grain.", "Lengthened by eleven metres.", "Slow in a head sea."),
    "tanker": ("Double hull.", "Berths by day only.", "Brings lamp oil to the Skerry."),
    "fishing": ("Smokes a part of the catch on board.", "Third of her name.", "Painted every spring.", "Lost a mast once.",
                "Belongs to the whole crew.", "Knows where the crab is."),
    "sail": ("Sail training for schools.", "Gaff schooner.", "Carries chocolate and coffee at times.", "Built on Thornholm."),
    "research": ("Measures the bars twice a year.", "Counts kittiwakes.", "Looks for the lost bell of Fennick."),
    "cruise": ("Anchors when the quay is full.", "A small orchestra.", "Guests come back with wool."),
}
CATCH = ("herring", "mackerel", "cod", "crab", "herring", "herring")


SCHEMA = """\
-- The harbours of the Merrow Isles, for @ENGINE@. Times of calls are local time, those of changes are UTC.
-- Made by generate.py, as those for the other engines; app/harbourlog/schema.py is what the application expects.

CREATE TABLE harbours (
  id integer NOT NULL PRIMARY KEY,
  slug varchar(40) NOT NULL UNIQUE,
  name varchar(60) NOT NULL,
  island varchar(60) NOT NULL,
  chart_x integer NOT NULL,
  chart_y integer NOT NULL,
  berths integer NOT NULL CHECK (berths > 0),
  bar_cm integer NOT NULL,
  tide_cm integer NOT NULL,
  tide_lag_min integer NOT NULL,
  founded integer NOT NULL,
  about varchar(400)
@END@;

CREATE TABLE ships (
  id integer NOT NULL PRIMARY KEY,
  slug varchar(60) NOT NULL UNIQUE,
  name varchar(60) NOT NULL,
  kind varchar(12) NOT NULL CHECK (kind IN ('ferry', 'freighter', 'tanker', 'fishing', 'sail', 'research', 'cruise')),
  built integer NOT NULL CHECK (built BETWEEN 1850 AND 2100),
  length_m integer NOT NULL CHECK (length_m BETWEEN 5 AND 400),
  draught_cm integer NOT NULL CHECK (draught_cm BETWEEN 50 AND 2500),
  tonnage integer NOT NULL CHECK (tonnage >= 0),
  home_id integer NOT NULL,
  note varchar(400),
  version integer DEFAULT 1 NOT NULL,
  CONSTRAINT ships_home FOREIGN KEY (home_id) REFERENCES harbours (id)
@END@;

CREATE TABLE weather (
  day date NOT NULL PRIMARY KEY,
  wind_kn integer NOT NULL,
  gust_kn integer NOT NULL,
  wave_cm integer NOT NULL,
  glass_hpa integer NOT NULL,
  air_c integer NOT NULL,
  sky varchar(10) NOT NULL
@END@;

CREATE TABLE calls (
  id integer NOT NULL PRIMARY KEY,
  ship_id integer NOT NULL,
  harbour_id integer NOT NULL,
  from_id integer,
  due_at @TIME@ NOT NULL,
  arrived_at @TIME@ NOT NULL,
  departed_at @TIME@,
  waited_min integer NOT NULL CHECK (waited_min >= 0),
  tide_cm integer NOT NULL,
  wind_kn integer NOT NULL,
  cargo varchar(20) NOT NULL,
  tonnes integer NOT NULL CHECK (tonnes >= 0),
  passengers integer NOT NULL CHECK (passengers >= 0),
  remark varchar(400),
  version integer DEFAULT 1 NOT NULL,
  CONSTRAINT calls_ship FOREIGN KEY (ship_id) REFERENCES ships (id),
  CONSTRAINT calls_harbour FOREIGN KEY (harbour_id) REFERENCES harbours (id),
  CONSTRAINT calls_from FOREIGN KEY (from_id) REFERENCES harbours (id),
  CONSTRAINT calls_in_order CHECK (departed_at IS NULL OR departed_at >= arrived_at)
@END@;

CREATE INDEX calls_arrived ON calls (arrived_at);
CREATE INDEX calls_of_ship ON calls (ship_id, arrived_at);
CREATE INDEX calls_at_harbour ON calls (harbour_id, arrived_at);

-- Every change that a person makes, one row for each field.
CREATE TABLE changes (
  id @COUNTED@,
  changed_at @TIME@ NOT NULL,
  who varchar(64) NOT NULL,
  role varchar(64) NOT NULL,
  what varchar(20) NOT NULL,
  row_id integer NOT NULL,
  field varchar(40) NOT NULL,
  old_value varchar(400),
  new_value varchar(400)
@END@;

CREATE INDEX changes_of_row ON changes (what, row_id);

-- Attempts to log in, so that they can be limited for all processes together. Whose they are stands there as a keyed digest.
CREATE TABLE login_attempts (
  id @COUNTED@,
  subject char(64) NOT NULL,
  attempted_at @TIME@ NOT NULL
@END@;

CREATE INDEX login_attempts_of_subject ON login_attempts (subject, attempted_at);
"""
MYSQL = {"@TIME@": "datetime", "@COUNTED@": "bigint NOT NULL AUTO_INCREMENT PRIMARY KEY", "@END@": ") ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4"}
DIALECTS = {
    "mysql": MYSQL | {"@ENGINE@": "MySQL 8.4 and later"},
    "mariadb": MYSQL | {"@ENGINE@": "MariaDB 10.11 and later"},
    "postgres": {
        "@TIME@": "timestamp(0)", "@COUNTED@": "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "@END@": ")",
        "@ENGINE@": "PostgreSQL 15 and later",
    },
}


class Chance:
    """Random numbers from a seed: Marsaglia's xorshift on 64 bits, with a multiplication."""

    def __init__(self, seed):
        self.state = seed

    def unit(self):
        """A number from 0 up to but not 1."""
        x = self.state
        x ^= x >> 12
        x ^= (x << 25) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 27
        self.state = x
        return ((x * 0x2545F4914F6CDD1D & 0xFFFFFFFFFFFFFFFF) >> 11) / (1 << 53)

    def between(self, low, high):
        return low + (high - low) * self.unit()

    def pick(self, items):
        return items[int(self.unit() * len(items))]

    def weighed(self, items):
        """One of (item, weight)."""
        at = self.unit() * sum(weight for _, weight in items)
        for item, weight in items:
            at -= weight
            if at < 0:
                return item
        return items[-1][0]

    def normal(self):
        return sqrt(-2 * log(1 - self.unit())) * cos(2 * pi * self.unit())


def slug(name):
    return name.lower().replace(" ", "-")


def make_weather(chance):
    """A wind that remembers yesterday, stronger in winter; waves and the glass go with it."""
    days, state = [], 0.0
    for index in range(DAYS):
        day = START + timedelta(days=index)
        winter = cos(2 * pi * (index - 18) / 365)
        state = 0.68 * state + 0.73 * chance.normal()
        wind = max(2.0, 15 + 5.5 * winter + 8.2 * state + 1.5 * max(state, 0) ** 2)
        gust = wind * chance.between(1.25, 1.5)
        wave = 18 + 0.42 * wind**1.9 / 2 + chance.between(0, 20)
        glass = 1014 - 0.75 * (wind - 16) + 3 * chance.normal()
        temperature = 9.5 - 6.8 * winter + 2.1 * chance.normal()
        fog = wind < 9 and chance.unit() < 0.38
        wet = 0.2 + 0.018 * (1020 - glass)
        sky = "fog" if fog else "gale" if wind >= 34 else "rain" if chance.unit() < wet else chance.pick(("clear", "cloud"))
        days.append((day.date(), round(wind), round(gust), round(wave), round(glass), round(temperature), sky))
    return days


def make_ships(chance):
    homes = {"ferry": (1, 4, 1, 4), "fishing": (5, 3, 2, 8, 6, 9, 3, 5), "sail": (4, 8, 3, 1), "research": (9, 1, 4),
             "cruise": (1,), "tanker": (1, 7), "freighter": (1, 4, 6, 7, 1, 3)}
    ships, number = [], 0
    for kind, names in FLEET.items():
        length, draught, tonnage, _, _, _, first, last = KINDS[kind]
        for index, name in enumerate(names.split("|")):
            number += 1
            scale = chance.between(0.72, 1.28)
            ships.append({
                "id": number, "slug": slug(name), "name": name, "kind": kind,
                "built": int(chance.between(first, last)), "length_m": round(length * scale),
                "draught_cm": round(draught * (0.35 + 0.65 * scale) / 5) * 5,
                "tonnage": round(tonnage * scale**2.4 / 10) * 10,
                "home_id": homes[kind][index % len(homes[kind])],
                "note": NOTES[kind][index % len(NOTES[kind])] if index % 3 != 2 else "",
            })
    return ships


class Voyage:
    """One ship on its way through the year."""

    def __init__(self, ship, weather, chance):
        self.ship, self.weather, self.chance = ship, weather, chance
        self.speed, self.stay, self.limit = KINDS[ship["kind"]][3:6]
        self.here, self.clock = ship["home_id"], START + timedelta(hours=chance.between(4, 60))
        self.legs = 0

    def wind(self, at):
        return self.weather[min(max((at - START).days, 0), DAYS - 1)][1]

    def water(self, harbour, at):
        return HARBOURS[harbour - 1][7] + tides.height(at, HARBOURS[harbour - 1][8], HARBOURS[harbour - 1][9])

    def over_the_bar(self, harbour, at):
        """The first time from `at` on when there is water enough, and half a metre more."""
        for step in range(0, 9 * 24 * 60, 10):
            if self.water(harbour, at + timedelta(minutes=step)) >= self.ship["draught_cm"] + 50:
                return at + timedelta(minutes=step)
        return None

    def can_enter(self, harbour):
        _, _, _, _, _, _, _, bar, amplitude, *_ = HARBOURS[harbour - 1]
        return bar + amplitude * (tides.MEAN + 0.6) >= self.ship["draught_cm"] + 50

    def next_harbour(self):
        kind, here = self.ship["kind"], self.here
        if kind == "ferry":
            round_trip = ((1, 4, 6, 4), (4, 3, 4, 5), (1, 2, 5, 2), (4, 7, 9, 6))[self.ship["id"] % 4]
            self.legs += 1
            return round_trip[self.legs % 4]
        choices = []
        for harbour in HARBOURS:
            there = harbour[0]
            if there == here or not self.can_enter(there):
                continue
            near = 1 / (60 + distance(here, there))
            weight = near * harbour[6] ** (1.3 if kind in ("freighter", "tanker", "cruise") else 0.7)
            if kind == "tanker" and there in (1, 7):
                weight *= 4
            if kind == "research" and there == 9:
                weight *= 5
            choices.append((there, weight))
        return self.chance.weighed(choices)

    def season(self, at):
        """How eager it is to sail, 0 to 1."""
        summer = 0.5 - 0.5 * cos(2 * pi * ((at - START).days + 8) / 365)
        return {"cruise": max(0.05, 2.1 * summer - 0.9), "sail": 0.12 + 0.88 * summer, "research": 0.5 + 0.4 * summer,
                "ferry": 0.72 + 0.28 * summer, "fishing": 0.55 + 0.3 * sin(2 * pi * ((at - START).days + 40) / 183)
                }.get(self.ship["kind"], 0.9)

    def may_sail(self, at):
        return self.wind(at) < self.limit

    def run(self):
        calls = []
        departed = self.clock
        while True:
            planned, kind = departed, self.ship["kind"]
            while not self.may_sail(departed):
                departed += timedelta(hours=self.chance.between(3, 7))
            out = self.over_the_bar(self.here, departed)
            if out is None:
                raise SystemExit(f"{self.ship['name']} cannot leave harbour {self.here}")
            if calls and out < END:
                calls[-1]["departed_at"] = out
            fishing = kind == "fishing" and self.chance.unit() < 0.86
            there = self.here if fishing else self.next_harbour()
            if fishing and self.chance.unit() < 0.22:
                there = self.chance.pick([h for h in (5, 3, 2, 8, 6, 9) if self.can_enter(h)])
            hours = (self.chance.between(16, 42) if fishing else distance(self.here, there) / 10 / self.speed + 0.3)
            slow = 1 + max(0, self.wind(out) - 14) / 75 + self.chance.between(-0.04, 0.07)
            off = out + timedelta(hours=hours * slow)
            arrived = self.over_the_bar(there, off)
            if arrived is None:
                raise SystemExit(f"{self.ship['name']} cannot enter harbour {there}")
            if arrived >= END:
                return calls
            # Tides are known beforehand, the wind is not.
            due = self.over_the_bar(there, self.over_the_bar(self.here, planned) + timedelta(hours=hours * 1.02 + 0.2))
            calls.append(self.call(there, None if fishing else self.here, due, off, arrived))
            self.here = there
            idle = self.stay * self.chance.between(0.55, 1.6) / self.season(arrived)
            departed = arrived + timedelta(hours=idle)
            if kind == "ferry":
                # A timetable: quarter hours between six in the morning and ten in the evening.
                departed = quarter(departed + timedelta(hours=13))
                if not 6 <= departed.hour < 22:
                    departed = (departed + timedelta(hours=9)).replace(hour=6 + (departed.hour + self.ship["id"]) % 4, minute=30)
            elif kind == "fishing" and not 2 <= departed.hour <= 8:
                departed += timedelta(hours=(28 - departed.hour) % 24)

    def call(self, there, origin, due, off, arrived):
        chance, ship = self.chance, self.ship
        kind, cargo, tonnes, people = ship["kind"], "", 0, 0
        summer = 0.5 - 0.5 * cos(2 * pi * (arrived - START).days / 365)
        if kind == "fishing" and origin is None:
            cargo, tonnes = chance.pick(CATCH), max(1, round(ship["tonnage"] * chance.between(0.02, 0.13)))
        elif kind == "freighter":
            goods = HARBOURS[(origin or there) - 1][11].split()
            cargo, tonnes = chance.pick(goods), round(ship["tonnage"] * chance.between(0.2, 0.82) / 5) * 5
            if chance.unit() < 0.13:
                cargo, tonnes = "ballast", 0
        elif kind == "tanker":
            cargo, tonnes = "fuel", round(ship["tonnage"] * chance.between(0.15, 0.5) / 5) * 5
        elif kind == "ferry":
            weekend = 1.35 if arrived.weekday() >= 4 else 1.0
            cargo, people = "vehicles", round(ship["length_m"] * weekend * (0.6 + 2.2 * summer) * chance.between(0.5, 1.3))
            tonnes = round(chance.between(4, 60))
        elif kind == "cruise":
            cargo, people = "passengers", round(ship["length_m"] * chance.between(3.1, 5.4))
        elif kind == "sail":
            cargo, people = "passengers", round(chance.between(6, 34))
            if chance.unit() < 0.2:
                cargo, tonnes = "general", round(chance.between(8, 45))
        else:
            cargo = "nets" if kind == "fishing" else "instruments"
        waited = round((arrived - off).total_seconds() / 60)
        wind = self.wind(arrived)
        remark = ""
        if wind >= 34:
            remark = chance.pick(("Came in before the gale.", "Ran for shelter; two lines parted.", "Sea over the mole all night."))
        elif waited >= 150:
            remark = chance.pick(("Waited for water over the bar.", "Anchored outside until the flood.", "Too deep for the ebb."))
        elif chance.unit() < 0.05:
            remark = chance.pick((
                "Crew changed.", "Pilot came late.", "Took fresh water.", "Engine looked at, nothing found.", "Brass band on the quay.",
                "Customs opened one box: cheese.", "Fender lost and found again.", "Seal on the slipway.", "Paint still wet.",
                "Mail for the whole island.", "One bicycle too many.", "Radio silent, then not."))
        height = tides.height(arrived, HARBOURS[there - 1][8], HARBOURS[there - 1][9])
        return {"ship_id": ship["id"], "harbour_id": there, "from_id": origin, "due_at": quarter(due), "arrived_at": arrived,
                "departed_at": None, "waited_min": waited, "tide_cm": round(height), "wind_kn": wind, "cargo": cargo,
                "tonnes": tonnes, "passengers": people, "remark": remark}


def distance(here, there):
    """Cables between two harbours; a little more than the straight line, as there are islands."""
    (_, _, _, _, ax, ay, *_), (_, _, _, _, bx, by, *_) = HARBOURS[here - 1], HARBOURS[there - 1]
    return hypot(ax - bx, ay - by) * 1.12


def quarter(at):
    at += timedelta(minutes=7.5)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def text(value):
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.replace(second=0, microsecond=0).isoformat(sep=" ")
    return str(value)


def table(columns, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([text(value) for value in row])
    return out.getvalue()


def schema(words):
    said = SCHEMA
    for place, word in words.items():
        said = said.replace(place, word)
    return said


def files():
    return tables() | {f"schema-{engine}.sql": schema(words) for engine, words in DIALECTS.items()}


def tables():
    chance = Chance(20250101)
    weather = make_weather(chance)
    ships = make_ships(chance)
    calls = [call for ship in ships for call in Voyage(ship, weather, chance).run()]
    calls.sort(key=lambda call: (call["arrived_at"], call["ship_id"]))
    harbour_columns = ("id", "slug", "name", "island", "chart_x", "chart_y", "berths", "bar_cm", "tide_cm", "tide_lag_min",
                       "founded", "about")
    call_columns = ("ship_id", "harbour_id", "from_id", "due_at", "arrived_at", "departed_at", "waited_min", "tide_cm",
                    "wind_kn", "cargo", "tonnes", "passengers", "remark")
    ship_columns = tuple(ships[0])
    return {
        "harbours.csv": table(harbour_columns, (h[:11] + h[12:] for h in HARBOURS)),
        "ships.csv": table(ship_columns, ([ship[column] for column in ship_columns] for ship in ships)),
        "weather.csv": table(("day", "wind_kn", "gust_kn", "wave_cm", "glass_hpa", "air_c", "sky"), weather),
        "calls.csv": table(("id", *call_columns), ([number, *(call[c] for c in call_columns)] for number, call in enumerate(calls, 1))),
    }


def main():
    wrong = []
    for name, said in files().items():
        if sys.argv[1:] != ["--check"]:
            (HERE / name).write_text(said, encoding="utf-8")
            print(f"{name}: {said.count(chr(10))} lines")
        elif (HERE / name).read_text(encoding="utf-8") != said:
            wrong.append(name)
    if wrong:
        sys.exit("not what generate.py makes: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
