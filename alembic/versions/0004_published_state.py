"""What the feed said last of each form, told from now on by one comparison; forms that the plan has no more.

`announced` held what had been said of the newest window alone. What was said last of a form is read from the
feed once, and every form is looked at by the first tick, so that the feed is told each difference.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_LAST = """
SELECT e.type AS type, {window} AS published_window
FROM feed_event e
WHERE e.ref = slot.public_id AND e.study_id = slot.study_id
ORDER BY e.seq DESC LIMIT 1
"""
_STATE = """
UPDATE slot SET published_state = (
    SELECT CASE
        WHEN type LIKE '%.opened' THEN 'open'
        WHEN type LIKE '%.completed' THEN 'submitted'
        WHEN type LIKE '%.missed' THEN 'missed'
        WHEN type LIKE '%.excused' THEN 'excused'
    END FROM ({last}) AS last
), published_window = (SELECT published_window FROM ({last}) AS last)
WHERE version > 0
"""
_WINDOW = {
    "sqlite": "json_extract(e.line, '$.data.slot.window_version')",
    "postgresql": "(e.line::jsonb #>> '{data,slot,window_version}')::integer",
}
_LOOK_AT_ALL = """
UPDATE slot SET wake_at = (SELECT MIN(recorded_at) FROM feed_event)
WHERE version > 0 AND submitted_at IS NULL
"""


def upgrade() -> None:
    op.alter_column("slot", "announced", new_column_name="published_state")
    op.add_column("slot", sa.Column("published_window", sa.Integer(), nullable=True))
    op.add_column("slot", sa.Column("out_of_plan", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE slot SET published_state = NULL")
    window = _WINDOW[op.get_bind().dialect.name]
    op.execute(sa.text(_STATE.format(last=_LAST.format(window=window)).replace(":", "\\:")))
    op.execute(_LOOK_AT_ALL)
