"""What a reader sees of audit entries: every event has a kind; arm and answers reach nobody else."""

from dataclasses import replace
from datetime import date

import pytest

from app.domain.desk.trail import (
    ArmMask,
    FieldFilter,
    RecordSubject,
    TrailChange,
    build_arm_mask,
    find_form_subject,
    show_entry,
)
from app.domain.plans.plan import Arm
from app.domain.plans.schedule import plan_slots
from app.domain.records.audit import AuditEvent
from tests.domain.trial import SHIPPED, anchor_dates

PLAN = replace(SHIPPED, blinded=True)
MASK = build_arm_mask(PLAN)
SUBMITTED, DATED = AuditEvent.FORM_SUBMITTED, AuditEvent.ANCHOR_RECORDED


def change(record: str, field: str, new: object, about: RecordSubject | None = None) -> TrailChange:
    return TrailChange(record, field, None, new, about or find_form_subject(record))


def visible(event: str, *changes: TrailChange, reason: str = "", mask: ArmMask | None = MASK) -> list[object]:
    shown = show_entry(event, changes, reason, mask, sees_answers=True)
    return [] if shown is None else [*(each.new for each in shown.changes), shown.reason]


@pytest.mark.req("AUD-10")
def test_a_visit_reveals_the_arm_exactly_where_its_slots_do() -> None:
    for arm in (None, "SBRT", "SOC"):
        known = anchor_dates(**dict.fromkeys(PLAN.anchor_kinds, date(2026, 3, 2)))
        slots = plan_slots(PLAN, known, arm, PLAN.zone)
        assert {
            slot.visit for slot in slots if PLAN.reveals_visit(slot.visit) is not slot.arm_revealing
        } == set()
    assert [PLAN.reveals_visit(code) for code in ("EOT", "EOT-2", "BL", "W12", "UNS-1")] == [True, True] + [
        False
    ] * 3


@pytest.mark.req("AUD-10")
def test_a_blinded_reader_is_shown_nothing_of_an_arm() -> None:
    eot, anchor = RecordSubject("EOT", "qlq-c30"), RecordSubject(anchor="sbrt_end")
    arm = change("participant:x", "arm", "SBRT")
    assert visible(AuditEvent.ARM_RECORDED, arm) == []
    assert visible(AuditEvent.ARM_RECORDED, arm, mask=None) == ["SBRT", ""]
    assert visible(SUBMITTED, change("slot:BL/qlq-c30", "begun_at", 1), arm) == [1, ""]
    assert visible(SUBMITTED, change("slot:EOT/qlq-c30", "begun_at", 1)) == []
    assert visible(AuditEvent.SLOT_OPENED, change("slot:EOT/x", "a", 1), change("slot:W6/x", "a", 2)) == [
        2,
        "",
    ]
    assert visible(AuditEvent.REMINDER_SENT, change("message:1", "state", "sent", eot)) == []
    assert (
        visible(DATED, change("anchor:1", "dated_on", "d", anchor), change("slot:W6/x", "window", "w")) == []
    )
    assert visible(DATED, change("anchor:1", "dated_on", "d", RecordSubject(anchor="randomisation"))) == [
        "d",
        "",
    ]
    unknown = TrailChange("message:9", "state", None, "sent", None)
    assert visible(AuditEvent.REMINDER_SENT, unknown) == []
    assert visible(AuditEvent.TRAIL_VIEWED, change("trail", "visit", "EOT")) == []
    assert visible(AuditEvent.CALL_REQUESTED, change("participant_request:1", "kind", "call")) == ["call", ""]


@pytest.mark.req("AUD-10")
@pytest.mark.parametrize(
    "said", ["before SBRT", "sbrt.", "SBRT end was wrong", "the EOT form", "分到SOC组", "eot-2"]
)
def test_a_reason_that_names_an_arm_is_withheld(said: str) -> None:
    shown = show_entry(DATED, (), said, MASK, sees_answers=True)
    assert shown is not None
    assert (shown.reason, shown.withheld) == ("", True)
    assert visible(
        DATED, change("disposition:1", "reason", said), change("disposition:1", "kind", "lost")
    ) == [
        "lost",
        "",
    ]


@pytest.mark.req("AUD-10")
def test_free_text_is_shown() -> None:
    for said in ("a social worker called", "postponed", "socks"):
        assert visible(DATED, reason=said) == [said]
    short = replace(PLAN, arms=(Arm("A", "Arm A"), Arm("B", "")), anchors=(), visits=(), diary=None)
    mask = build_arm_mask(short)
    assert visible(DATED, reason="a nurse called", mask=mask) == ["a nurse called"]
    assert visible(DATED, reason="was in A", mask=mask) == [""]
    armless = build_arm_mask(replace(short, arms=()))
    assert visible(DATED, reason="was in A", mask=armless) == ["was in A"]


def test_an_open_plan_hides_the_arm_alone() -> None:
    mask = build_arm_mask(replace(PLAN, blinded=False))
    eot, body = change("slot:EOT/qlq-c30", "begun_at", 1), change("edc_record:1", "body", "{}")
    assert visible(
        SUBMITTED, eot, change("participant:x", "arm", "SBRT"), body, reason="SBRT", mask=mask
    ) == [
        1,
        "SBRT",
    ]


def test_answers_are_shown_only_with_permission() -> None:
    choices = (
        change("answer:BL/qlq-c30", "q5", 3),
        change("correction:x", "q5", 3, RecordSubject("BL", "qlq-c30")),
        change("correction:x", "evidence", "telephone", RecordSubject("BL", "qlq-c30")),
    )
    shown = show_entry(AuditEvent.CORRECTION_PROPOSED, choices, "I meant 3", None, sees_answers=False)
    assert shown is not None
    assert [(each.new, each.withheld) for each in shown.changes] == [
        (None, True),
        (None, True),
        ("telephone", False),
    ]
    assert (shown.reason, shown.withheld) == ("", True)
    open_reason = show_entry(DATED, (), "moved", None, sees_answers=False)
    assert open_reason is not None
    assert open_reason.reason == "moved"


def test_a_form_and_a_question_narrow_the_changes() -> None:
    answer, slot = change("answer:BL/qlq-c30", "q5", 3), change("slot:BL/qlq-c30", "begun_at", 1)
    unknown = TrailChange("message:9", "state", None, "sent", None)
    every = [answer, slot, unknown]
    filters = [("",), ("BL",), ("", "qlq-c30", "q5"), ("W6", "qlq-c30", "q5"), ("BL", "symptom-diary", "q5")]
    shown = [[each for each in every if FieldFilter(*criteria).keeps_change(each)] for criteria in filters]
    assert shown == [every, [answer, slot], [answer], [], []]
    assert [FieldFilter().narrows, FieldFilter("BL").narrows] == [False, True]


def test_what_tells_people_nothing_is_technical() -> None:
    technical = [change("message:1", "key", "x"), change("contact:1", "address_sealed", "secret")]
    assert all(each.is_technical for each in technical)
    assert not change("answer:BL/qlq-c30", "key", 1).is_technical
    assert change("response:x", "in_grace", new=False).is_usual
    assert not change("response:x", "in_grace", new=True).is_usual
