"""Heads that were kept elsewhere show what no look at the database alone can show (AUD-04)."""

import json
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.records.audit import GENESIS, ChainEntry, link_entry
from app.services.audit.audit_verification import inspect_trail
from app.services.audit.external_heads import BadHeads, list_heads, parse_heads
from app.services.core.installation import Installation
from app.storage.tables.audit import AuditEntry
from app.storage.tables.columns import table_of
from app.storage.tables.feed import FeedEvent
from tests.scenarios.database_owner import DatabaseOwner

CHAIN = "participant:1"
ENTRIES = table_of(AuditEntry)


def faults(installation: Installation, lines: list[str]) -> set[tuple[str, str]]:
    """What is wrong but for the guards, which the owner of these tests took down."""
    report = inspect_trail(installation, parse_heads("\n".join(lines)))
    return {(fault.chain, fault.what) for fault in report.faults if fault.chain != "guards"}


@pytest.mark.req("AUD-04")
def test_heads_of_now_agree(course: Installation) -> None:
    lines = list_heads(course)
    kinds = [sorted(json.loads(line)) for line in lines]
    assert [kind for kind in kinds if "chain" in kind][:1] == [["chain", "hash", "seq"]]
    assert kinds[-2:] == [["feed", "hash", "seq"], ["chains", "day", "feed", "hash"]]
    assert inspect_trail(course, parse_heads("\n".join(lines))).faults == []


def test_who_has_said_nothing_has_no_head(lone_installation: Installation) -> None:
    """A study before its first event and its first seal, and a chain before its first entry."""
    kinds = [sorted(json.loads(line)) for line in list_heads(lone_installation)]
    assert kinds
    assert all("chain" in kind for kind in kinds)
    with closing(sqlite3.connect(str(lone_installation.engine.url.database))) as connection:
        connection.execute(
            "INSERT INTO audit_chain (chain, seq, hash) VALUES ('participant:none', 0, 'none')"
        )
        connection.commit()
    assert [sorted(json.loads(line)) for line in list_heads(lone_installation)] == kinds


@pytest.mark.req("AUD-04")
def test_a_trail_that_was_wholly_rewritten_is_seen_by_a_head_alone(
    course: Installation, owner: DatabaseOwner
) -> None:
    """The last entry is forged, its hash and the head too, in a chain without a seal since."""
    lines = list_heads(course)
    with course.read() as session:
        last = session.exec(
            select(AuditEntry).where(AuditEntry.chain == "installation").order_by(col(AuditEntry.seq).desc())
        ).first()
        assert last is not None
        fields = {name: getattr(last, name) for name in ChainEntry._fields}
    forged = link_entry(ChainEntry(**{**fields, "actor_id": "somebody else"}), last.prev_hash)
    owner.run(
        sa.update(ENTRIES)
        .where(ENTRIES.c.chain == "installation", ENTRIES.c.seq == forged.seq)
        .values(actor_id=forged.actor_id, hash=forged.hash)
    )
    owner.run(f"UPDATE audit_chain SET hash = '{forged.hash}' WHERE chain = 'installation'")
    assert faults(course, []) == set()
    assert faults(course, lines) == {("installation", "an external head says otherwise")}


def test_every_kind_of_head_is_compared(course: Installation) -> None:
    feed = json.loads(list_heads(course)[-1])["feed"]
    wrong = [
        {"chain": CHAIN, "seq": 1, "hash": GENESIS},
        {"chain": CHAIN, "seq": 99_999, "hash": GENESIS},
        {"feed": feed, "seq": 1, "hash": GENESIS},
        {"feed": "another", "seq": 1, "hash": GENESIS},
        {"feed": feed, "day": "2026-03-04", "chains": 1, "hash": GENESIS},
    ]
    assert faults(course, [json.dumps(head) for head in wrong]) == {
        (CHAIN, "an external head says otherwise"),
        ("feed:1", "an external head says otherwise"),
        ("feed:another", "an external head names a feed that is not here"),
        ("seal:1", "an external head of 2026-03-04 says otherwise"),
    }


def test_a_page_of_a_pull_holds_heads(course: Installation) -> None:
    *_, feed_head, seal = (json.loads(line) for line in list_heads(course))
    audit_head = {name: seal[name] for name in ("day", "chains", "hash")}
    with course.read() as session:
        hashes = session.exec(select(FeedEvent.hash).order_by(col(FeedEvent.seq))).all()
    items = [{"seq": number, "hash": digest} for number, digest in enumerate(hashes, start=1)]
    page = {"feed": seal["feed"], "audit_head": audit_head, "items": items}
    heads = parse_heads(json.dumps(page))
    assert [head.hash for head in heads] == [seal["hash"], feed_head["hash"]]
    assert inspect_trail(course, heads).faults == []
    scores = {"feed": seal["feed"], "audit_head": None, "items": [{"scale": "PF"}]}
    assert parse_heads(f"\n{json.dumps(scores)}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"chain": 7, "seq": 1, "hash": "x"}',
        '{"chain": "c", "seq": "1", "hash": "x"}',
        '{"chain": "c", "seq": -1, "hash": "x"}',
    ],
)
def test_what_is_no_head_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BadHeads, match="line 2 holds no head"):
        parse_heads(f"\n{line}\n")
