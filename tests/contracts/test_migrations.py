"""A new database is made at once, an older one by Alembic's revisions; both end with the same tables."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from burrowspace.adapters import schema
from burrowspace.adapters.state_postgres import open_postgres
from burrowspace.adapters.tables import metadata
from tests.postgres import Postgres


def _engine(path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{path}")


def _schema(engine: sa.Engine) -> dict[str, str]:
    """Everything that SQLite keeps about the schema, by name; without the layout of the statements."""
    with engine.connect() as connection:
        made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: re.sub(r"\s+", "", sql) for name, sql in made}


def _revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_the_newest_numbered_file_is_alembics_head() -> None:
    assert _revisions()[-1] == schema.newest()


def test_a_new_database_is_what_all_revisions_make(tmp_path: Path) -> None:
    new, grown = _engine(tmp_path / "new.db"), _engine(tmp_path / "grown.db")
    schema.migrate(new)
    with grown.begin() as connection:
        schema.upgrade(connection)
    assert _schema(new) == _schema(grown)
    with new.connect() as one, grown.connect() as other:
        version = sa.text("SELECT version_num FROM alembic_version")
        assert one.scalars(version).all() == other.scalars(version).all() == [schema.newest()]
        assert compare_metadata(MigrationContext.configure(one), metadata) == []


@pytest.mark.parametrize("revision", _revisions())
def test_a_database_of_any_revision_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path, revision: str) -> None:
    engine, new = _engine(tmp_path / "old.db"), _engine(tmp_path / "new.db")
    with engine.begin() as connection:
        schema.upgrade(connection, revision)
        connection.exec_driver_sql(
            "INSERT INTO peers (peer_id, user_id, token_hash, token_used, connected_at, last_seen, gone, seen)"
            " VALUES ('p', 'ann', 'hash', 0, 1.0, 2.0, 0, 3)"
        )
    for _ in range(2):  # the second start finds nothing to do
        schema.migrate(engine)
    schema.migrate(new)
    assert _schema(engine) == _schema(new)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT peer_id, seen FROM peers").all() == [("p", 3)]


def _tables(engine: sa.Engine) -> dict[str, object]:
    """What a database that is not SQLite says of its tables and indexes."""
    looked = sa.inspect(engine)
    return {
        name: (
            [{**column, "type": str(column["type"])} for column in looked.get_columns(name)],
            looked.get_pk_constraint(name),
            sorted(looked.get_indexes(name), key=lambda index: str(index["name"])),
        )
        for name in sorted(looked.get_table_names())
    }


def test_a_new_postgresql_database_is_what_all_revisions_make(postgres: Postgres) -> None:
    new, grown = (sa.create_engine(postgres.database().replace("://", "+psycopg://")) for _ in range(2))
    schema.migrate(new)
    with grown.begin() as connection:
        schema.upgrade(connection)
    assert _tables(new) == _tables(grown)
    with grown.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    new.dispose()
    grown.dispose()


def test_servers_that_start_at_once_make_the_tables_once(postgres: Postgres) -> None:
    url = postgres.database()
    with ThreadPoolExecutor(4) as pool:
        for state in pool.map(open_postgres, [url] * 4):
            asyncio.run(state.close())
