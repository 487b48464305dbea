"""A new database is made at once, an older one by Alembic's revisions; both end with the same tables."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from burrowspace.adapters import state_sql
from burrowspace.adapters.tables import metadata


def _engine(path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{path}")


def _schema(engine: sa.Engine) -> dict[str, str]:
    """Everything that SQLite keeps about the schema, by name; without the layout of the statements."""
    with engine.connect() as connection:
        made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: re.sub(r"\s+", "", sql) for name, sql in made}


def _revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(state_sql.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_the_newest_numbered_file_is_alembics_head() -> None:
    assert _revisions()[-1] == state_sql.newest()


def test_a_new_database_is_what_all_revisions_make(tmp_path: Path) -> None:
    new, grown = _engine(tmp_path / "new.db"), _engine(tmp_path / "grown.db")
    state_sql.migrate(new)
    with grown.begin() as connection:
        state_sql.upgrade(connection)
    assert _schema(new) == _schema(grown)
    with new.connect() as one, grown.connect() as other:
        version = sa.text("SELECT version_num FROM alembic_version")
        assert one.scalars(version).all() == other.scalars(version).all() == [state_sql.newest()]
        assert compare_metadata(MigrationContext.configure(one), metadata) == []


@pytest.mark.parametrize("revision", _revisions())
def test_a_database_of_any_revision_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path, revision: str) -> None:
    engine, new = _engine(tmp_path / "old.db"), _engine(tmp_path / "new.db")
    with engine.begin() as connection:
        state_sql.upgrade(connection, revision)
        connection.exec_driver_sql(
            "INSERT INTO peers (peer_id, user_id, token_hash, token_used, connected_at, last_seen, gone, seen)"
            " VALUES ('p', 'ann', 'hash', 0, 1.0, 2.0, 0, 3)"
        )
    for _ in range(2):  # the second start finds nothing to do
        state_sql.migrate(engine)
    state_sql.migrate(new)
    assert _schema(engine) == _schema(new)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT peer_id, seen FROM peers").all() == [("p", 3)]
