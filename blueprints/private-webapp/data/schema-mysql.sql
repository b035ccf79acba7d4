-- The harbours of the Merrow Isles, for MySQL 8.4 and later. Times of calls are local time, those of changes are UTC.
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
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

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
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE weather (
  day date NOT NULL PRIMARY KEY,
  wind_kn integer NOT NULL,
  gust_kn integer NOT NULL,
  wave_cm integer NOT NULL,
  glass_hpa integer NOT NULL,
  air_c integer NOT NULL,
  sky varchar(10) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE calls (
  id integer NOT NULL PRIMARY KEY,
  ship_id integer NOT NULL,
  harbour_id integer NOT NULL,
  from_id integer,
  due_at datetime NOT NULL,
  arrived_at datetime NOT NULL,
  departed_at datetime,
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
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE INDEX calls_arrived ON calls (arrived_at);
CREATE INDEX calls_of_ship ON calls (ship_id, arrived_at);
CREATE INDEX calls_at_harbour ON calls (harbour_id, arrived_at);

-- Every change that a person makes, one row for each field.
CREATE TABLE changes (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  changed_at datetime NOT NULL,
  who varchar(64) NOT NULL,
  role varchar(64) NOT NULL,
  what varchar(20) NOT NULL,
  row_id integer NOT NULL,
  field varchar(40) NOT NULL,
  old_value varchar(400),
  new_value varchar(400)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE INDEX changes_of_row ON changes (what, row_id);

-- Attempts to log in, so that they can be limited for all processes together. Whose they are stands there as a keyed digest.
CREATE TABLE login_attempts (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  subject char(64) NOT NULL,
  attempted_at datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE INDEX login_attempts_of_subject ON login_attempts (subject, attempted_at);
