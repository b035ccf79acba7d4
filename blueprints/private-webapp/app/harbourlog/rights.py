"""How this program reaches its database, and what it may do there: asked of the server, at the moment of the question."""

from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .schema import metadata

READS, WRITES, MAKES = ("SELECT",), ("INSERT", "UPDATE", "DELETE"), ("CREATE",)


@dataclass
class Way:
    """What the server says of our connection."""

    server: str
    role: str
    database: str
    tls: str
    cipher: str
    # {table: {privilege: allowed}}
    tables: dict = field(default_factory=dict)
    may_create: bool = True
    reads_verifiers: bool = True

    @property
    def encrypted(self):
        return bool(self.cipher)

    @property
    def writes(self):
        """Whether it may change anything at all."""
        return self.may_create or any(may.get(name) for may in self.tables.values() for name in WRITES)


def ask(db):
    """Everything, over a connection of SQLAlchemy."""
    return _ask_postgres(db) if db.dialect.name == "postgresql" else _ask_mysql(db)


def _ask_postgres(db):
    tls = db.execute(text("SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).one()
    version, role, database = db.execute(
        text("SELECT current_setting('server_version'), session_user, current_database()")
    ).one()
    way = Way(f"PostgreSQL {version.split()[0]}", role, database, tls.version or "", tls.cipher or "")
    for table in metadata.tables:
        asked = ", ".join(f"has_table_privilege(to_regclass('{table}'), '{name}')" for name in READS + WRITES)
        way.tables[table] = dict(zip(READS + WRITES, db.execute(text(f"SELECT {asked}")).one()))
    way.may_create = db.execute(
        text("SELECT has_schema_privilege(current_schema(), 'CREATE') OR has_database_privilege(current_database(), 'CREATE')")
    ).scalar_one()
    way.reads_verifiers = db.execute(text("SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')")).scalar_one()
    return way


def _ask_mysql(db):
    status = dict(tuple(row) for row in db.execute(text("SHOW SESSION STATUS LIKE 'Ssl_%'")))
    version, role, database = db.execute(text("SELECT VERSION(), CURRENT_USER(), DATABASE()")).one()
    family = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    way = Way(
        f"{family} {version.split('-')[0]}", role.split("@")[0], database, status.get("Ssl_version", ""),
        status.get("Ssl_cipher", ""),
    )
    # The grantee is written as 'name'@'host'; the name of a schema in a grant may be a pattern.
    grantee = "'{}'@'{}'".format(*role.rsplit("@", 1))
    everywhere = _names(db, "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = :grantee", grantee)
    here = everywhere | _names(
        db,
        "SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = :grantee AND DATABASE() LIKE table_schema",
        grantee,
    )
    for table in metadata.tables:
        there = here | _names(
            db,
            "SELECT privilege_type FROM information_schema.table_privileges "
            f"WHERE grantee = :grantee AND table_schema = DATABASE() AND table_name = '{table}'",
            grantee,
        )
        way.tables[table] = {name: name in there for name in READS + WRITES}
    way.may_create = "CREATE" in here
    way.reads_verifiers = _is_allowed(db, "SELECT 1 FROM mysql.user LIMIT 1")
    return way


def _names(db, query, grantee):
    return {name.upper() for (name,) in db.execute(text(query), {"grantee": grantee})}


def _is_allowed(db, statement):
    try:
        db.execute(text(statement)).all()
    except DBAPIError:
        return False
    return True
