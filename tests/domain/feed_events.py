"""Made-up events of one participant's feed: who they are, dates, forms, and what was sent."""

from typing import Any

from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import serialise_score
from tests.domain.questionnaires import QLQ_C30

Event = dict[str, Any]


def event(ref: str, seq: int, **data: object) -> Event:
    return {
        "type": "assessment.submitted", "ref": ref, "seq": seq, "version": 1, "subject": "0571-001",
        "site": "0571", "needs": None,
        "scopes": {}, "recorded_at": "2026-03-10T00:00:00.000Z", "data": data,
    }  # fmt: skip


def person(consented: str | None = "2026-03-02", arm: str | None = None) -> Event:
    facts = {"consented_on": consented, "language": "en", "zone": "Asia/Shanghai"}
    return event("p", 1, participant=facts, arm={"arm": arm})


def anchor(kind: str, on: str | None, at: str | None = None) -> Event:
    return event(f"p/{kind}", 2, anchor={"kind": kind, "date": on, "at": at, "source": "edc"})


def slot(visit: str, state: str, target: str | None, **more: object) -> dict[str, Any]:
    day = target or None
    known: dict[str, object] = {
        "visit": visit, "instrument": "qlq-c30", "instrument_version": "3.0", "zone": "Asia/Shanghai",
        "out_of_plan": False, "out_of_window": False, "excused": None, "missed_reason": None, "exit": None,
        "for_day": None, "opens_on": day, "target_on": day, "closes_on": day, "state": state,
        "begun_at": None, "closes_at": None if day is None else f"{day}T16:00:00.000Z",
    }  # fmt: skip
    return known | more


def form(visit: str, completed_at: str, value: int, **more: object) -> Event:
    answers = {item.code: value for item in QLQ_C30.items}
    response = {
        "completed_at": completed_at, "received_at": completed_at, "captured_offline": False,
        "device_skew_seconds": None, "collected_on": None, "mode": "own_device",
        "originator": "participant", "helped_by": None,
        "language": "en", "text_sha256": "0" * 64, "algorithm": QLQ_C30.algorithm, "response_version": 1,
    }  # fmt: skip
    scores = [serialise_score(score) for score in score_answers(QLQ_C30, answers)]
    slot_facts = slot(visit, "submitted", completed_at[:10], **more)
    return event(f"f-{visit}", 3, slot=slot_facts, response=response, answers=answers, scores=scores)
