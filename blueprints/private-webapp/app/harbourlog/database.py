"""The way to the database: always encrypted, always to the server that it means, never waiting long."""

import ssl
from contextlib import contextmanager

from flask import current_app
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from .settings import SettingsError

# Seconds. Whoever waits for a page has gone after ten.
CONNECT, STATEMENT, POOL_WAIT = 3, 5, 4
HEALTH = 2

# What the database, or the way to it, does to us; mistakes of our own are other errors.
TROUBLE = (DBAPIError, PoolTimeout)


class Unavailable(Exception):
    """The database does not answer, or does not answer as it should. Says nothing about how it is reached."""


def engine_for(url_text, connect=CONNECT, statement=STATEMENT, **pool):
    """An engine for a URL; refuses one without a checked certificate.

    `mysql://` and `postgresql://` get the drivers that are installed here. The URL says where the certificates
    of those authorities are that the server's certificate must come from: `ssl_ca` for MySQL, `sslrootcert` for
    PostgreSQL with `sslmode=verify-full`.
    """
    try:
        url = make_url(url_text)
    except (ArgumentError, ValueError):
        raise SettingsError("DATABASE_URL is no URL of a database") from None
    family = url.get_backend_name()
    if family in ("mysql", "mariadb"):
        url, arguments = _mysql(url, connect, statement)
    elif family == "postgresql":
        url, arguments = _postgres(url, connect, statement)
    else:
        raise SettingsError(f"DATABASE_URL: no driver for {family}; mysql and postgresql have one")
    engine = create_engine(url, connect_args=arguments, hide_parameters=True, **pool)
    if family != "postgresql":
        event.listen(engine, "connect", _prepare_mysql)
    return engine


def _mysql(url, connect, statement):
    """The driver forgets the authority when it is told `ssl_verify_identity` in a URL, so it gets a whole TLS context."""
    authority = url.query.get("ssl_ca")
    if not authority:
        raise SettingsError("DATABASE_URL has no ssl_ca: the server's certificate could not be checked")
    try:
        context = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as problem:
        raise SettingsError(f"DATABASE_URL: ssl_ca: {problem}: {authority}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    tls = [name for name in url.query if name.startswith("ssl_")]
    url = url.difference_update_query(tls).set(drivername="mysql+pymysql")
    limits = {"connect_timeout": connect, "read_timeout": statement, "write_timeout": statement}
    return url, {"ssl": context, "charset": "utf8mb4", **limits}


def _postgres(url, connect, statement):
    if url.query.get("sslmode") != "verify-full" or not url.query.get("sslrootcert"):
        raise SettingsError("DATABASE_URL must say sslmode=verify-full and sslrootcert=PATH")
    limit = f"-c statement_timeout={statement * 1000} -c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
    alive = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": statement * 2000}
    arguments = {"connect_timeout": connect, "options": limit, "application_name": "harbourlog", **alive}
    return url.set(drivername="postgresql+psycopg"), arguments


def _prepare_mysql(connection, _record):
    with connection.cursor() as cursor:
        # Both families then treat texts that are too long, and dates that do not exist, as errors.
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'")


def prepare(app, settings):
    """Gives the application its engines. No connection is made yet: the database may come up later."""
    app.extensions["engine"] = engine_for(
        settings.database_url,
        # Ask before use whether a connection still lives, and keep none for longer than middle boxes do: the
        # server may be restarted at any time, and the next request must not see it.
        pool_pre_ping=True,
        pool_recycle=280,
        pool_size=settings.threads,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
    )
    # Health is asked over a new connection each time, so that it also says whether one can still log in.
    app.extensions["health"] = engine_for(settings.database_url, connect=HEALTH, statement=HEALTH, poolclass=NullPool)


def engine():
    """The engine of the running application."""
    return current_app.extensions["engine"]


@contextmanager
def reading():
    """A connection for a page."""
    with _told(), engine().connect() as connection:
        yield connection


@contextmanager
def writing():
    """A transaction: all of it or nothing."""
    with _told(), engine().begin() as connection:
        yield connection


@contextmanager
def _told():
    try:
        yield
    except TROUBLE as problem:
        # The driver's words hold names of hosts and roles: for the log, never for a page.
        words = " ".join(str(getattr(problem, "orig", None) or problem).split())[:300]
        current_app.logger.error("database: %s: %s", describe(problem), words)
        raise Unavailable() from problem


def describe(problem):
    """An error of the database in a few words, without values."""
    original = getattr(problem, "orig", None) or problem
    numbers = [getattr(original, "sqlstate", None), *original.args[:1]]
    codes = [str(code) for code in numbers if isinstance(code, int) or (isinstance(code, str) and len(code) == 5)]
    return " ".join([type(original).__name__, *codes])


def ping():
    """`SELECT 1`, and whether the tables are there: None when all is well, otherwise what is wrong."""
    try:
        with current_app.extensions["health"].connect() as connection:
            connection.execute(text("SELECT 1")).scalar_one()
            try:
                connection.execute(text("SELECT id FROM calls WHERE id = 1")).scalar_one()
            except TROUBLE as problem:
                return f"the database answers, but its tables are not as they should be ({describe(problem)})"
    except TROUBLE as problem:
        return f"the database does not answer ({describe(problem)})"
    return None
