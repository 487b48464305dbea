"""Records as rows of a SQL database, over one open connection. Part of state_sql.py."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from burrowspace.adapters.tables import KEY, TABLES
from burrowspace.core.locks import kinds_of
from burrowspace.core.records import Notice, Record

R = TypeVar("R", bound=Record)

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "": lambda column, value: column == value,
    "lt": lambda column, value: column < value,
    "gt": lambda column, value: column > value,
    "in": lambda column, value: column.in_(value),
    "none": lambda column, value: column.is_(None),
}


class Undeclared(AssertionError):
    """A fault of ours: a change decides over what it has not said."""


class SqlRows:
    """Rows over one open connection. Counts its writes, so that a refusal that wrote nothing costs no rollback."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert = _insert(connection.dialect.name)
        self.writes = 0
        self._only: frozenset[type[Record]] | None = None

    def limit_to(self, about: Sequence[str] | None) -> None:
        """What comes next is about these keys, and may touch their records alone; None: all."""
        self._only = None if about is None else kinds_of(about)

    def _check(self, kind: type[Record]) -> None:
        if self._only is not None and kind not in self._only:
            raise Undeclared(f"a change touches {kind.__name__}, which none of its keys allows (core/locks.py)")

    def get(self, kind: type[R], key: str) -> R | None:
        self._check(kind)
        row = self._connection.execute(_select(kind, (KEY[kind],), None), {KEY[kind]: key, "limit": 1}).first()
        return None if row is None else kind(*row)

    def find(self, kind: type[R], *, order: str | None = None, limit: int = 10_000, **where: Any) -> list[R]:
        self._check(kind)
        found = self._connection.execute(_select(kind, _shape(where), order), {**_listed(where), "limit": limit})
        return [kind(*row) for row in found]

    def count(self, kind: type[Record], **where: Any) -> int:
        self._check(kind)
        return int(self._connection.execute(_count(kind, _shape(where)), _listed(where)).scalar_one())

    def total(self, kind: type[Record], field: str, **where: Any) -> int:
        self._check(kind)
        return int(self._connection.execute(_total(kind, field, tuple(where)), _listed(where)).scalar_one())

    def put(self, record: R) -> R:
        self._check(type(record))
        self.writes += 1
        values = {name: getattr(record, name) for name in record.__struct_fields__}
        if isinstance(record, Notice) and record.number == 0:
            del values["number"]
            given = self._connection.execute(_number(type(record)), values).inserted_primary_key
            assert given is not None
            return msgspec.structs.replace(record, number=given[0])
        self._connection.execute(_upsert(type(record), self._insert), values)
        return record

    def drop(self, kind: type[Record], **where: Any) -> int:
        self._check(kind)
        self.writes += 1
        return int(self._connection.execute(_delete(kind, _shape(where)), _listed(where)).rowcount)


# Statements are built once for each shape: building one costs more than running it.


@cache
def _insert(dialect: str) -> Callable[[sa.Table], Any]:
    if dialect == "sqlite":
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # late: nobody on SQLite waits for its drivers

    return postgresql.insert


@cache
def _select(kind: type[Record], where: tuple[str, ...], order: str | None) -> sa.Select[Any]:
    table = TABLES[kind]
    query = sa.select(table).where(*_conditions(table, where)).limit(sa.bindparam("limit", type_=sa.Integer))
    if order is not None:
        column = table.c[order.removeprefix("-")]
        query = query.order_by(column.desc() if order.startswith("-") else column)
    return query


@cache
def _count(kind: type[Record], where: tuple[str, ...]) -> sa.Select[Any]:
    table = TABLES[kind]
    return sa.select(sa.func.count()).select_from(table).where(*_conditions(table, where))


@cache
def _total(kind: type[Record], field: str, where: tuple[str, ...]) -> sa.Select[Any]:
    table = TABLES[kind]
    return sa.select(sa.func.coalesce(sa.func.sum(table.c[field]), 0)).where(*_conditions(table, where))


@cache
def _delete(kind: type[Record], where: tuple[str, ...]) -> sa.Delete:
    table = TABLES[kind]
    return sa.delete(table).where(*_conditions(table, where))


@cache
def _number(kind: type[Record]) -> sa.Insert:
    return sa.insert(TABLES[kind])


@cache
def _upsert(kind: type[Record], insert: Callable[[sa.Table], Any]) -> sa.Insert:
    table, key = TABLES[kind], KEY[kind]
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name != key}
    upsert: sa.Insert = statement.on_conflict_do_update(index_elements=[key], set_=others)
    return upsert


def _conditions(table: sa.Table, where: tuple[str, ...]) -> list[Any]:
    conditions = []
    for name in where:
        field, _, how = name.partition("__")
        column = table.c[field]
        bound = sa.bindparam(name, type_=column.type, expanding=how == "in")
        conditions.append(_COMPARE[how](column, bound))
    return conditions


def _shape(where: dict[str, Any]) -> tuple[str, ...]:
    """What makes the statement: the names, and which of them ask for None, that no comparison finds in SQL."""
    return tuple([f"{name}__none" if value is None else name for name, value in where.items()])


def _listed(where: dict[str, Any]) -> dict[str, Any]:
    """The values as parameters; those of `__in` as lists."""
    return {name: list(value) if name.endswith("__in") else value for name, value in where.items() if value is not None}
