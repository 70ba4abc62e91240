"""The feed's pure half: numbering, what each client sees, and that a stub still verifies."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.datasets.redaction import redact_event
from app.domain.records.audit import GENESIS, canonical_json, link_hash, sha256_hex
from app.domain.records.feed import (
    EventSection,
    FeedEventDraft,
    FeedRow,
    event_envelope,
    finalise_event,
    find_feed_faults,
    redact_line,
    sees_all_lines,
)

AT = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)
EVERYTHING = {"answers:read", "scores:read", "diary:read", "arm:read"}


def draft(needs: str | None = None) -> FeedEventDraft:
    return FeedEventDraft(
        type="assessment.completed",
        subject="0571-001",
        site_id=1,
        site="0571",
        ref="slot1",
        version=2,
        actor={"kind": "participant", "id": "p1"},
        visit="W6",
        reason={"code": "STATED"},
        changed=("answers.q1",),
        needs=needs,
        sections={
            "slot": EventSection({"visit": "W6"}, "s1"),
            "answers": EventSection({"q1": 3}, "s2"),
            "scores": EventSection([{"scale": "QL", "value": "50"}], "s3"),
        },
    )


def verify(line: str, prev_hash: str) -> None:
    """What a foreign client does: only documented rules."""
    event = json.loads(line)
    assert event["prev_hash"] == prev_hash
    assert event["hash"] == link_hash(prev_hash, event["envelope_sha256"])
    if event["type"] != "withheld":
        assert sha256_hex(canonical_json(event_envelope(event))) == event["envelope_sha256"]
        for name, data in event["data"].items():
            assert event["digests"][name] == sha256_hex(f"{event['salts'][name]}:{canonical_json(data)}")


@pytest.mark.req("EDC-02", "AUD-04")
def test_a_line_is_the_whole_state_and_verifies() -> None:
    line, current = finalise_event(draft(), 7, GENESIS, AT)
    verify(line, GENESIS)
    event = json.loads(line)
    assert (event["seq"], event["hash"], event["recorded_at"]) == (7, current, "2026-03-05T02:00:00.000Z")
    assert event["data"]["answers"] == {"q1": 3}
    assert event["reason"] == {"code": "STATED"}


def test_an_event_without_a_reason_says_none() -> None:
    plain = FeedEventDraft("participant.created", "0571-001", 1, "p", 1, {}, {})
    assert json.loads(finalise_event(plain, 1, GENESIS, AT)[0])["reason"] is None


def test_a_client_with_every_scope_gets_the_stored_line() -> None:
    line, _ = finalise_event(draft(), 1, GENESIS, AT)
    assert redact_line(line, EVERYTHING, in_reach=True) is line
    assert sees_all_lines(EVERYTHING, None)
    assert not sees_all_lines(EVERYTHING, ["0571"])
    assert not sees_all_lines(EVERYTHING - {"arm:read"}, None)


@pytest.mark.req("EDC-06")
def test_sections_are_withheld_by_scope_and_the_rest_still_verifies() -> None:
    line, _ = finalise_event(draft(), 1, GENESIS, AT)
    seen = redact_line(line, {"scores:read"}, in_reach=True)
    verify(seen, GENESIS)
    event = json.loads(seen)
    assert set(event["data"]) == set(event["salts"]) == {"slot", "scores"}
    assert set(event["digests"]) == {"slot", "answers", "scores"}


@pytest.mark.req("IAM-03")
@pytest.mark.parametrize(("needs", "in_reach"), [(None, False), ("diary:read", True), ("arm:read", False)])
def test_another_site_s_or_a_withheld_event_is_a_stub_that_verifies(
    needs: str | None, in_reach: bool
) -> None:
    line, _ = finalise_event(draft(needs), 1, GENESIS, AT)
    stub = redact_line(line, {"answers:read", "scores:read"}, in_reach)
    verify(stub, GENESIS)
    assert set(json.loads(stub)) == {"seq", "type", "envelope_sha256", "prev_hash", "hash"}
    assert "0571" not in stub


def test_a_digest_without_its_salt_tells_nothing() -> None:
    arm = canonical_json({"arm": "SOC"})
    assert EventSection(arm, "s1").compute_digest(arm) != EventSection(arm, "s2").compute_digest(arm)


def test_the_words_of_a_correction_take_the_scope_of_answers() -> None:
    words = EventSection({"text": "I meant 3"}, "s4")
    event_draft = replace(draft(), type="diary.amended", sections={"reason": words}, needs="diary:read")
    line, current = finalise_event(event_draft, 1, GENESIS, AT)
    assert json.loads(line)["scopes"] == {"reason": "answers:read"}
    row = FeedRow(1, line, current, "diary.amended", "slot1", 2, "0571", AT)
    assert list(find_feed_faults([row], (1, current), "feed")) == []
    bare = row._replace(line=line.replace('"needs":"diary:read"', '"needs":null'))
    assert list(find_feed_faults([bare], (1, current), "feed"))


@pytest.mark.req("EDC-04", "IAM-02")
def test_a_diary_that_tells_the_arm_takes_both_scopes() -> None:
    event_draft = replace(draft(), type="diary.missed", sections={}, needs="arm:read")
    line, _ = finalise_event(event_draft, 1, GENESIS, AT)
    shown = [{"arm:read"}, {"diary:read"}, {"arm:read", "diary:read"}]
    types = [json.loads(redact_line(line, scopes, True))["type"] for scopes in shown]
    assert types == ["withheld", "withheld", "diary.missed"]
    assert [redact_event(json.loads(line), scopes) is not None for scopes in shown] == [False, False, True]


@pytest.mark.req("AUD-04", "EDC-04")
def test_any_change_of_a_stored_event_breaks_its_hash() -> None:
    line, current = finalise_event(draft(), 1, GENESIS, AT)
    whole = FeedRow(1, line, current, "assessment.completed", "slot1", 2, "0571", AT)
    altered = [
        whole._replace(seq=2),
        whole._replace(hash="x"),
        whole._replace(type="x"),
        whole._replace(ref="x"),
        whole._replace(version=3),
        whole._replace(site="0572"),
        whole._replace(recorded_at=AT.replace(year=2027)),
        *(
            whole._replace(line=canonical_json(json.loads(line) | {name: "x"}))
            for name in ("hash", "envelope_sha256", "prev_hash", "needs", "scopes")
        ),
        whole._replace(line=line.replace('"answers":"answers:read",', "")),  # anybody could read them
    ]
    assert altered[-1].line != line
    assert list(find_feed_faults([whole], (1, current), "feed")) == []
    assert all(list(find_feed_faults([event], (1, current), "feed")) for event in altered)
