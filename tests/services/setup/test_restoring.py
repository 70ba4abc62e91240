"""After a restore from a backup: found at the start, marked once, and told to clients and the trail."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from app.domain.records.access import SYSTEM
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.domain.refusal import DatabaseUnavailable, Refused
from app.services.accounts.edc_clients import authenticate_client, issue_token
from app.services.core.context import EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.edc.transfers import FeedQuery, pull_changes, pull_scores
from app.services.setup.feed_heads import find_rewound_studies, read_heads, save_heads
from app.services.setup.readiness import ALARM_STANDS, find_readiness_faults, find_readiness_warnings
from app.services.setup.restoring import announce_restore, collect_heads, confirm_heads, mark_restored
from app.services.setup.studies import create_client, load_study
from app.storage.engine import open_engine
from app.storage.head_file import KnownHead, KnownHeads, read_head_file, write_head_file
from app.storage.tables.audit import AuditEntry
from app.storage.tables.studies import Site
from tests.scenarios.machines import database_now
from tests.scenarios.people import START, enrol_person
from tests.scenarios.trail_entries import verify_trail

STUDY, OTHER = "sbrt-nsclc", "symptoms-at-home"


@pytest.fixture
def watched(installation: Installation, tmp_path: Path) -> Installation:
    """An installation whose heads are kept outside its database."""
    return replace(installation, head_file=tmp_path / "kept" / "heads.json")


def pulling(installation: Installation) -> EdcContext:
    client = create_client(StaffContext(installation, SYSTEM, START), STUDY, "EDC", (), None)
    issued = issue_token(installation, client.client_id, client.secret, None, "192.0.2.9", START)
    return EdcContext(installation, authenticate_client(installation, issued.token, START), START)


def lost_by(installation: Installation, further: int) -> KnownHeads:
    """The heads as they were before a restore took so many events away."""
    with installation.read() as session:
        heads = read_heads(session)
    return KnownHeads(
        {code: replace(head, seq=head.seq + further, hash="f" * 64) for code, head in heads.items()}
    )


@pytest.mark.req("EDC-04")
@pytest.mark.usefixtures("person")
def test_a_database_that_goes_on_is_served_and_one_that_was_rewound_is_not(
    watched: Installation, site: Site
) -> None:
    assert watched.head_file is not None
    assert save_heads(watched)
    enrol_person(watched, site, "0571-002")
    now = database_now(watched)
    assert find_readiness_faults(watched, now) == []
    assert save_heads(watched)
    before = watched.head_file.read_bytes()
    assert save_heads(watched)
    assert watched.head_file.read_bytes() == before
    write_head_file(watched.head_file, lost_by(watched, 3))
    assert (find_rewound_studies(watched), find_readiness_faults(watched, now)) == ([STUDY], ["feed_rewound"])
    assert not save_heads(watched)
    assert read_head_file(watched.head_file) == lost_by(watched, 3)


@pytest.mark.parametrize("change", [{"feed": "another"}, {"hash": "0" * 64}])
@pytest.mark.usefixtures("person")
def test_another_history_of_the_same_length_is_detected(
    watched: Installation, change: dict[str, str]
) -> None:
    assert watched.head_file is not None
    with watched.read() as session:
        heads = read_heads(session)
    other = KnownHead(**(asdict(heads[STUDY]) | change))
    write_head_file(watched.head_file, KnownHeads({STUDY: other}))
    assert find_rewound_studies(watched) == [STUDY]


@pytest.mark.usefixtures("site")
def test_a_missing_study_is_detected_and_a_new_one_ignored(watched: Installation) -> None:
    assert watched.head_file is not None
    with watched.read() as session:
        head = read_heads(session)[STUDY]
    write_head_file(watched.head_file, KnownHeads({"gone": head}))
    assert find_rewound_studies(watched) == ["gone"]
    write_head_file(watched.head_file, KnownHeads({}))
    assert find_rewound_studies(watched) == []


@pytest.mark.usefixtures("site")
def test_without_a_head_file_nothing_is_compared(installation: Installation) -> None:
    assert save_heads(installation)
    assert find_rewound_studies(installation) == []
    with announce_restore(installation, KnownHeads({})):
        confirm_heads(installation)
    assert list(collect_heads(installation).studies) == [STUDY]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"studies": {"x": {}}}', '{"studies": {"x": 1}, "restoring": false}']
)
@pytest.mark.usefixtures("site")
def test_a_head_file_that_cannot_be_read_keeps_from_serving(watched: Installation, text: str) -> None:
    assert watched.head_file is not None
    watched.head_file.parent.mkdir()
    watched.head_file.write_text(text, "utf-8")
    assert find_readiness_faults(watched, database_now(watched)) == ["head_file"]
    with pytest.raises(Refused, match="bad_head_file"):
        save_heads(watched)


@pytest.mark.req("EDC-04", "AUD-04")
@pytest.mark.usefixtures("person")
def test_marking_begins_the_feed_anew_and_names_what_is_not_continued(watched: Installation) -> None:
    assert watched.head_file is not None
    context = pulling(watched)
    load_study(StaffContext(watched, SYSTEM, START), OTHER, "1.0", StudyMode.DEMO)
    write_head_file(watched.head_file, lost_by(watched, 3))
    lost = collect_heads(watched)
    assert lost == lost_by(watched, 3)
    feeds = mark_restored(StaffContext(watched, SYSTEM, START), lost, "disk lost")
    confirm_heads(watched)
    assert feeds[STUDY] != context.client.feed
    assert find_rewound_studies(watched) == []
    with watched.read() as session:
        heads = read_heads(session)
        restored = select(AuditEntry).where(AuditEntry.event == AuditEvent.FEED_RESTORED.value)
        entry, other = session.exec(restored.order_by(col(AuditEntry.chain))).all()
    assert {"study:1", "trail:study:1"} < {change["record"] for change in json.loads(entry.changes)}
    assert {"study:2", "trail:study:2"} < {change["record"] for change in json.loads(other.changes)}
    changes = {change["record"]: change for change in json.loads(entry.changes) if change["field"] == "head"}
    known = lost.studies[STUDY]
    assert changes[f"feed:{known.feed}"]["old"] == f"{known.seq}:{'f' * 64}"
    assert changes[f"feed:{known.feed}"]["new"] == f"{heads[STUDY].seq}:{heads[STUDY].hash}"
    assert changes["trail:study:1"]["old"] == f"{known.trail_seq}:{known.trail_hash}"
    assert entry.reason == "disk lost"
    assert verify_trail(watched) == []


@pytest.mark.usefixtures("person")
def test_a_number_says_of_which_feed_it_is_once_there_was_another(watched: Installation) -> None:
    first = pulling(watched)
    assert pull_changes(first, FeedQuery(1)).lines
    mark_restored(StaffContext(watched, SYSTEM, START), collect_heads(watched), "drill")
    context = pulling(watched)
    for query in (FeedQuery(1), FeedQuery(1, feed=first.client.feed), FeedQuery(0, feed=first.client.feed)):
        for pull in (pull_changes, pull_scores):
            with pytest.raises(Refused, match="feed_epoch_changed"):
                pull(context, query)
    assert pull_changes(context, FeedQuery(0)).lines
    assert pull_changes(context, FeedQuery(1, feed=context.client.feed)).lines


@pytest.mark.usefixtures("person")
def test_a_number_beyond_the_feed_is_an_alarm_until_it_is_reached_marked_or_old(
    watched: Installation, site: Site
) -> None:
    context = pulling(watched)
    head = pull_changes(context, FeedQuery()).head
    assert find_readiness_warnings(watched, START) == []
    with pytest.raises(Refused, match="feed_ahead"):
        pull_changes(context, FeedQuery(head + 1))
    assert find_readiness_warnings(watched, START) == ["feed_ahead"]
    assert find_readiness_warnings(watched, START + ALARM_STANDS) == []
    enrol_person(watched, site, "0571-002")
    assert find_readiness_warnings(watched, START) == []
    with pytest.raises(Refused, match="feed_ahead"):
        pull_scores(context, FeedQuery(head + 100, feed=context.client.feed))
    assert find_readiness_warnings(watched, START) == ["feed_ahead"]
    mark_restored(StaffContext(watched, SYSTEM, START), collect_heads(watched), "drill")
    assert find_readiness_warnings(watched, START) == []


@pytest.mark.usefixtures("person")
def test_while_a_restore_is_under_way_nothing_serves(watched: Installation) -> None:
    assert watched.head_file is not None
    lost = collect_heads(watched)
    with announce_restore(watched, lost):
        assert find_rewound_studies(watched) == [STUDY]
    assert find_rewound_studies(watched) == [STUDY]  # nobody marked it
    with pytest.raises(Refused, match="not_a_backup"), announce_restore(watched, lost):
        raise Refused("not_a_backup")
    assert find_rewound_studies(watched) == []


@pytest.fixture
def emptied(watched: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The same installation, whose database is lost."""
    away = replace(watched, engine=open_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}"))
    yield away
    away.engine.dispose()


@pytest.mark.usefixtures("person")
def test_a_lost_database_has_the_heads_of_the_file(watched: Installation, emptied: Installation) -> None:
    assert save_heads(watched)
    assert watched.head_file is not None
    assert collect_heads(emptied) == read_head_file(watched.head_file)
    with pytest.raises(DatabaseUnavailable):
        find_rewound_studies(emptied)
