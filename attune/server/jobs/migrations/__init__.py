"""The database's tables, step by step: each change is a file in `versions`, and `upgrade` takes any older database to the newest.

To add one: `versions/v0002_what.py` with revision "0002" and down_revision "0001", and the same change in `tables.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

ONE_AT_A_TIME = 7_201_601                # number of the lock under which PostgreSQL migrates; any fixed number will do


def upgrade(engine: Engine) -> None:
    """Take the database to the newest tables; several processes may call it at once."""
    scripts = ScriptDirectory(str(Path(__file__).parent))

    def steps(current: Any, context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", current)

    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": ONE_AT_A_TIME})
        context = MigrationContext.configure(connection, opts={"fn": steps})
        with Operations.context(context):
            context.run_migrations()
