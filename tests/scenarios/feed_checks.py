"""What the feed has said, compared with the live state and with itself."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, select

from app.services.core.installation import Installation
from app.services.schedule.dispositions import dispositions_in_force
from app.services.schedule.slots import current_anchors
from app.storage.queries.feed_pages import read_feed_head, read_feed_page, read_latest_events
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import VisitRecord
from app.storage.tables.studies import Site

Event = dict[str, Any]


def check_versions(events: Sequence[Event]) -> None:
    """No version of a record is skipped or told twice."""
    versions: dict[object, list[object]] = defaultdict(list)
    for event in events:
        versions[event["ref"]].append(event["version"])
    for ref, numbers in versions.items():
        assert numbers == list(range(1, len(numbers) + 1)), ref


def check_facts(session: Session, row: Participant, events: Mapping[str, Event]) -> None:
    """Dates, dispositions, visits and arm of a participant are what the feed says of them."""
    anchors = current_anchors(session, row.id)
    standing = dispositions_in_force(session, row.id)
    records = session.exec(select(VisitRecord).where(VisitRecord.participant_id == row.id)).all()
    said = {ref.rsplit("/", 1)[1]: event for ref, event in events.items() if "anchor" in event["data"]}
    dates = {kind: event["data"]["anchor"]["date"] for kind, event in said.items()}
    assert {kind: on for kind, on in dates.items() if on} == {
        kind: anchor.on.isoformat() for kind, anchor in anchors.items() if ":" not in kind
    }
    status = events.get(f"{row.public_id}/status")
    in_force = [each["kind"] for each in status["data"]["status"]["in_force"]] if status else []
    assert in_force == [each.kind for each in standing]
    for record in records:
        visit = events[f"{row.public_id}/visits/{record.visit}"]["data"]["visit"]
        assert (visit["state"], visit["date"]) == (
            record.state,
            record.dated_on.isoformat() if record.dated_on else None,
        )
    assert events[row.public_id]["data"]["arm"]["arm"] == row.arm


def check_snapshots_of_everybody(installation: Installation, site: Site) -> None:
    """At some numbers of the feed the snapshot of the study is the fold of all events up to it."""
    with installation.read() as session:
        head = read_feed_head(session, site.study_id)
        events = [(row.seq, json.loads(row.line)) for row in read_feed_page(session, site.study_id, 0, head)]
        for through in range(head, 0, -max(1, head // 4)):
            rows = read_latest_events(session, site.study_id, 0, through, head)
            latest = [json.loads(row.line) for row in rows]
            folded = {event["ref"]: event for seq, event in events if seq <= through}
            assert {event["ref"]: event for event in latest} == folded
