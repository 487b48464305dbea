"""The tables of a database as this version needs them: made at once, or brought up to date. Part of state_sql.py."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from burrowspace.adapters.tables import metadata


class NewerDatabase(Exception):
    """A revision that this version does not know."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.Table(  # as Alembic makes it
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def revisions() -> list[str]:
    """Those that this version knows, the oldest first: the numbered files."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """The revision that the tables of `adapters/tables.py` are."""
    return revisions()[-1]


def migrate(engine: Engine, alone: Callable[[Connection], None] | None = None) -> None:
    """Brings the schema to the newest revision. `alone` waits until no other server does so.

    A new database gets the tables as they are now, and one that is up to date is left alone: only an older one waits
    for Alembic (adapters/migrations). NewerDatabase: nothing is changed. Proven equal to all the revisions by
    tests/contracts/test_migrations.py.
    """
    with engine.begin() as connection:
        if alone is not None:
            alone(connection)
        names = sa.inspect(connection).get_table_names()
        if not names:
            metadata.create_all(connection)
            _VERSION.create(connection)
            connection.execute(_VERSION.insert().values(version_num=newest()))
            return
        held = list(connection.scalars(sa.select(_VERSION))) if _VERSION.name in names else []
        if strange := sorted(set(held) - set(revisions())):
            raise NewerDatabase(str(strange[-1])[:40])
        if held != [newest()]:
            upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs Alembic's revisions up to `to` on an open connection."""
    from alembic import command  # late: a start without a migration is a quarter of a second quicker
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
