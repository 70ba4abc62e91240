"""The trail's chains: what they prove, and every way of breaking one."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.records.audit import (
    GENESIS,
    AuditEvent,
    ChainEntry,
    FieldChange,
    IntegrityFault,
    canonical_json,
    entry_digest,
    find_chain_faults,
    format_instant,
    link_entry,
    link_hash,
    salted_digest,
    serialise_changes,
    sha256_hex,
)
from app.storage.proof.event_tables import COVERS

AT = datetime(2026, 3, 5, 2, 0, 0, 123456, tzinfo=UTC)


def chain(length: int, name: str = "participant:1") -> list[ChainEntry]:
    entries: list[ChainEntry] = []
    for number in range(1, length + 1):
        changes = serialise_changes([FieldChange("answer:W6/qlq-c30", "q3", None, number)])
        raw = ChainEntry(
            chain=name,
            seq=number,
            event=AuditEvent.ANSWER_SAVED,
            at=AT,
            actor_kind="participant",
            actor_id="p1",
            actor_role="participant",
            changes=changes,
            reason="wrong tap",
            reason_salt="salt",
        )
        entries.append(link_entry(raw, entries[-1].hash if entries else GENESIS))
    return entries


def heads(entries: list[ChainEntry]) -> dict[str, tuple[int, str]]:
    return {entry.chain: (entry.seq, entry.hash) for entry in entries}


@pytest.mark.req("AUD-04")
@given(st.integers(0, 6), st.integers(0, 6))
def test_a_whole_chain_of_any_length_has_no_fault(one: int, two: int) -> None:
    entries = [*chain(one, "participant:1"), *chain(two, "participant:2")]
    assert list(find_chain_faults(entries, heads(entries))) == []


@pytest.mark.req("AUD-04")
@given(
    st.integers(0, 4), st.sampled_from(["event", "actor_id", "actor_role", "reason_digest", "changes", "at"])
)
def test_an_altered_field_breaks_the_chain(index: int, field: str) -> None:
    entries = chain(5)
    changed: dict[str, Any] = {field: AT + timedelta(milliseconds=1) if field == "at" else "other"}
    entries[index] = entries[index]._replace(**changed)
    assert IntegrityFault("participant:1", index + 1, "was altered") in list(
        find_chain_faults(entries, heads(entries))
    )


@pytest.mark.req("AUD-04")
@given(st.integers(0, 3))
def test_a_removed_entry_breaks_the_chain(index: int) -> None:
    entries = chain(5)
    del entries[index]
    faults = [fault.what for fault in find_chain_faults(entries, heads(entries))]
    assert f"expected number {index + 1}" in faults
    assert "does not follow the entry before it" in faults


def test_a_cut_tail_contradicts_the_head() -> None:
    entries = chain(5)
    faults = list(find_chain_faults(entries[:4], heads(entries)))
    assert faults == [IntegrityFault("participant:1", 4, "does not end at its head")]


def test_a_missing_chain_contradicts_its_head() -> None:
    assert list(find_chain_faults([], heads(chain(2)))) == [
        IntegrityFault("participant:1", 0, "does not end at its head")
    ]


def test_a_rewritten_chain_contradicts_a_later_head() -> None:
    honest, forged = chain(3), chain(3, "participant:1")
    forged[1] = link_entry(forged[1]._replace(changes="[]"), forged[0].hash)
    forged[2] = link_entry(forged[2], forged[1].hash)
    assert list(find_chain_faults(forged, heads(honest))) == [
        IntegrityFault("participant:1", 3, "does not end at its head")
    ]


def test_the_digest_covers_the_number_and_the_link_the_predecessor() -> None:
    entry = chain(1)[0]
    assert entry_digest(entry) != entry_digest(entry._replace(seq=2))
    assert link_hash(GENESIS, "d") != link_hash("1" * 64, "d")


texts = st.text(max_size=8)


@given(
    texts, texts, st.integers(0), st.datetimes(timezones=st.just(UTC)), *[st.none() | texts for _ in range(2)]
)
def test_the_digest_is_that_of_the_canonical_json_of_the_body(
    text: str, changes: str, seq: int, at: datetime, reason: str | None, facts: str | None
) -> None:
    """Whatever quotes, control characters or languages stand in it; no facts are no member."""
    entry = ChainEntry(text, seq, text, at, text, text, text, changes, reason_digest=reason, facts=facts)
    body: dict[str, object] = {"chain": text, "seq": seq, "event": text, "at": at, "actor": [text] * 3}
    body |= {"reason": reason, "changes": changes}
    if facts is not None:
        body["facts"] = sha256_hex(facts)
    assert entry_digest(entry) == sha256_hex(canonical_json(body))


def test_one_spelling_of_a_value() -> None:
    shanghai = AT.astimezone(timezone(timedelta(hours=8)))
    assert canonical_json({"b": [1, None], "a": "疼"}) == '{"a":"疼","b":[1,null]}'
    assert (
        canonical_json({"at": shanghai, "on": AT.date()})
        == '{"at":"2026-03-05T02:00:00.123Z","on":"2026-03-05"}'
    )
    assert format_instant(shanghai) == "2026-03-05T02:00:00.123Z"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_a_value_is_spelled_as_the_standard_library_spells_it(value: object) -> None:
    spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_json(value) == spelled


@pytest.mark.req("AUD-11")
def test_free_text_stands_in_the_trail_as_a_salted_digest() -> None:
    assert salted_digest("my words", "salt").startswith("salted:")
    assert "my words" not in salted_digest("my words", "salt")
    assert salted_digest("my words", "salt") != salted_digest("my words", "other")


@pytest.mark.req("AUD-07")
def test_events_are_source_subject_action_and_cover_only_what_changes() -> None:
    assert all(len(event.value.split(":")) == 3 for event in AuditEvent)
    assert set(COVERS) <= set(AuditEvent)
    assert all(COVERS.values())


@pytest.mark.req("AUD-11")
def test_a_reason_can_be_taken_away_by_law_but_not_rewritten() -> None:
    entries = chain(3)
    entries[1] = entries[1]._replace(reason="other words")
    assert list(find_chain_faults(entries, heads(entries))) == [
        IntegrityFault("participant:1", 2, "its reason was altered")
    ]
    entries[1] = entries[1]._replace(reason=None, reason_salt=None)
    assert list(find_chain_faults(entries, heads(entries))) == []


def test_an_entry_without_a_reason_has_no_digest_of_one() -> None:
    bare = link_entry(chain(1)[0]._replace(reason=None, reason_salt=None), GENESIS)
    assert bare.reason_digest is None
    assert list(find_chain_faults([bare], heads([bare]))) == []
