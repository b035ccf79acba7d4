"""The few expressions that MySQL and PostgreSQL say differently."""

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class minutes_between(FunctionElement):
    """Minutes from one time to another; negative when the second is earlier."""

    type = Integer()
    inherit_cache = True


@compiles(minutes_between, "postgresql")
def _minutes_postgres(element, compiler, **kw):
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM {end} - {start}) / 60 AS integer)"


@compiles(minutes_between)
def _minutes_mysql(element, compiler, **kw):
    start, end = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"TIMESTAMPDIFF(MINUTE, {start}, {end})"


class weekday(FunctionElement):
    """0 for Monday to 6 for Sunday."""

    type = Integer()
    inherit_cache = True


@compiles(weekday, "postgresql")
def _weekday_postgres(element, compiler, **kw):
    return f"CAST(EXTRACT(ISODOW FROM {compiler.process(element.clauses, **kw)}) - 1 AS integer)"


@compiles(weekday)
def _weekday_mysql(element, compiler, **kw):
    return f"WEEKDAY({compiler.process(element.clauses, **kw)})"
