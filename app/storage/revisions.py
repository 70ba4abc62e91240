"""Which revision a database has, and which this version of the program needs.

Read without Alembic, which only migrating needs and every server process would otherwise load.
"""

import re
from pathlib import Path

import sqlalchemy as sa

SCRIPTS = Path(__file__).parents[2] / "alembic"
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num", sa.String))
_REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)


def head_revision() -> str:
    """The newest revision under alembic/versions: the one that no other is built on."""
    scripts: list[dict[str, str]] = [
        dict(_REVISION.findall(path.read_text("utf-8"))) for path in SCRIPTS.glob("versions/[0-9]*.py")
    ]
    (head,) = {script["revision"] for script in scripts} - {script.get("down_revision") for script in scripts}
    return head


def current_revision(engine: sa.Engine) -> str | None:
    """The revision that a database has; None when it was never migrated."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
            return None
        revision: str | None = connection.scalar(sa.select(_VERSION_TABLE.c.version_num))
        return revision
