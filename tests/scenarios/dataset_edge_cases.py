"""People whom datasets get wrong easily: each lived a hard history of a trial that is amended meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.access import SYSTEM, Role
from app.domain.records.dispositions import DispositionKind
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.services.edc.entity_tags import Preconditions
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import receive_arm
from app.services.schedule.amendment.amendments import begin_amendment, follow_amendment, open_amendment
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.schedule.enrolment import enrol_participant
from app.services.schedule.exemptions import excuse_visit
from app.services.schedule.requested_visits import request_visit
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.correction_signer import Signer
from tests.scenarios.dataset_stage import client_of, complete_diary
from tests.scenarios.paper_forms import enter_typed_paper, typed_paper
from tests.scenarios.people import START, Person, bind_browser, days, enrolment_entry, qlq, staff_member
from tests.scenarios.report_stage import give_reason, record_exit

STUDY = "sbrt-nsclc"
RANDOMISED = START.date() + days(2)
W6 = datetime(2026, 4, 15, 2, 0, tzinfo=UTC)
_ASSIGNED = START + days(2.1)
FIRST, SECOND = W6 + days(12), W6 + days(70)
"""The instants of the two cuts: after the window of W6, and after that of W12."""


def _come(installation: Installation, number: int, language: str = "en") -> Person:
    person = Person(installation, site_of(installation), f"0571-{number:03d}")
    entry = replace(enrolment_entry(person.subject), language=language)
    enrol_participant(StaffContext(installation, person.nurse, START), person.site, entry)
    person.cookie = bind_browser(person, START)
    return person


def _answer(person: Person, visit: str, at: datetime, value: int = 2) -> None:
    person.begin(visit, at)
    person.submit(visit, at + timedelta(minutes=9), qlq(value))


def _randomise(person: Person, arm: str, on: date = RANDOMISED) -> None:
    person.randomise(on, START + days(2))
    _send_arm(person, arm)


def _send_arm(person: Person, arm: str, at: datetime = _ASSIGNED) -> None:
    receive_arm(EdcRequest(client_of(person.installation, at), person.subject, at, Preconditions()), arm)


def _leave_by_month(person: Person, month: str, at: datetime) -> None:
    entry = DispositionEntry(DispositionKind.death, month, Owner.site, "told by the family")
    actor = staff_member(Role.INVESTIGATOR, person.site)
    record_disposition(
        StaffContext(person.installation, actor, at), person.site.study_id, person.subject, entry
    )


def died_before_randomisation(installation: Installation) -> None:
    person = _come(installation, 1)
    _answer(person, "BL", START + days(0.1))
    record_exit(person, DispositionKind.death, START.date() + days(1), START + days(2))


def died_in_a_month(installation: Installation) -> None:
    """Died in April, which was heard on the third of May; answered W6 before."""
    person = _come(installation, 2)
    _answer(person, "BL", START + days(1))
    _randomise(person, "SBRT")
    _answer(person, "W6", W6 - days(3), 3)
    _leave_by_month(person, "2026-04", datetime(2026, 5, 3, 2, 0, tzinfo=UTC))


def died_in_the_month_of_the_report(installation: Installation) -> None:
    """Died in April, which was heard on the twelfth of April, inside of the window of W6."""
    person = _come(installation, 3)
    _answer(person, "BL", START + days(1))
    _randomise(person, "SOC")
    _leave_by_month(person, "2026-04", datetime(2026, 4, 12, 2, 0, tzinfo=UTC))


def corrected_between_cuts(installation: Installation) -> None:
    person = _come(installation, 4)
    _answer(person, "BL", START + days(1))
    _randomise(person, "SBRT")
    _answer(person, "W6", W6, 1)


def correct(installation: Installation) -> None:
    """Between the cuts: the whole of pain was a wrong tap."""
    person = Person(installation, site_of(installation), "0571-004")
    at = FIRST + days(3)
    nurse = StaffContext(installation, person.nurse, at)
    wrong = (ProposedAnswer("q9", "4", "wrong_tap"), ProposedAnswer("q19", "4", "wrong_tap"))
    entry = ProposalEntry(1, wrong, "I meant the last one", at.date(), "telephone")
    proposed = propose_correction(nurse, person.row().id, person.slot("W6").public_id, entry)
    signer = Signer(installation, person.site, "zhang", Role.INVESTIGATOR)
    signer.decide(person, proposed, at, DecisionEntry("approved"))


def withdrew_step_by_step(installation: Installation) -> None:
    """From treatment (and answers ET), then from questionnaires, then from the study."""
    person = _come(installation, 5)
    _answer(person, "BL", START + days(1))
    _randomise(person, "SBRT")
    person.anchor("sbrt_start", START.date() + days(7), START + days(8))
    record_exit(person, DispositionKind.withdrew_treatment, START.date() + days(10), START + days(11))
    _answer(person, "ET", START + days(12), 3)
    record_exit(person, DispositionKind.withdrew_questionnaires, W6.date() - days(2), W6)
    record_exit(person, DispositionKind.withdrew_study, W6.date() + days(20), W6 + days(20))


def second_line_before_progression(installation: Installation) -> None:
    """Second line first, then progression; W6 is excused; the arm is put right after the end of SBRT."""
    person = _come(installation, 6)
    _randomise(person, "SBRT")
    person.anchor("sbrt_end", START.date() + days(9), START + days(10))
    _answer(person, "EOT", START + days(11))
    person.anchor("second_line_start", date(2026, 4, 1), START + days(31))
    nurse = StaffContext(installation, person.nurse, W6)
    excuse_visit(nurse, person.site.study_id, person.subject, "W6", "no_translation")
    _send_arm(person, "SOC", W6 + days(1))
    person.anchor("progression", date(2026, 4, 20), W6 + days(6))


def never_randomised(installation: Installation) -> None:
    """Answered twice, and failed the screening after 20 days."""
    person = _come(installation, 7)
    _answer(person, "BL", START + days(1))
    nurse = StaffContext(installation, person.nurse, START + days(4))
    request_visit(nurse, person.site.study_id, person.subject, "BL", START.date() + days(5))
    _answer(person, "BL-2", START + days(5), 3)
    record_exit(person, DispositionKind.screen_failure, START.date() + days(20), START + days(20))


def waits_for_ever(installation: Installation) -> None:
    """Enrolled, silent, and never randomised: the baseline is missed."""
    _come(installation, 8)


def reads_chinese(installation: Installation) -> None:
    """Answers in Chinese: W6 offline and late; two days of the diary; then a visit beside the schedule."""
    person = _come(installation, 9, "zh_CN")
    _answer(person, "BL", START + days(1))
    _randomise(person, "SBRT")
    evening = START + days(2.5)
    person.begin("D0", evening)
    person.submit(
        "D0", evening, complete_diary({"any_symptom": 1, "fatigue": 4, "fever": 1, "temperature": 385})
    )
    last = W6 + days(7)
    person.begin("W6", last)
    submitted = last + timedelta(minutes=9)
    form = SubmittedForm(qlq(4), submission="s1", reviewed=True, device_at=submitted, offline=True, skew=120)
    arrived = last + days(2.9)
    participant = ParticipantContext(installation, person.participant(arrived), arrived)
    submit_form(participant, person.slot("W6").public_id, form)
    nurse = StaffContext(installation, person.nurse, W6 + days(10.5))
    request_visit(nurse, person.site.study_id, person.subject, "UNS", W6.date() + days(11))
    _answer(person, "UNS-1", W6 + days(11.1), 3)


def wrote_on_paper(installation: Installation) -> None:
    """A second baseline on paper on the day of the randomisation, whose hour is known; W6 on paper."""
    person = _come(installation, 10)
    _answer(person, "BL", START + days(1), 4)
    nurse = StaffContext(installation, person.nurse, START + days(2))
    request_visit(nurse, person.site.study_id, person.subject, "BL", RANDOMISED)
    hour = START + days(2.2)
    entry = AnchorEntry("randomisation", RANDOMISED, Owner.edc, at=hour)
    record_anchor(
        StaffContext(installation, person.nurse, hour), person.site.study_id, person.subject, entry, True
    )
    _send_arm(person, "SBRT")
    enter_typed_paper(person, typed_paper(RANDOMISED), START + days(3), "BL-2")
    enter_typed_paper(person, typed_paper(W6.date() + days(1)), W6 + days(30), "W6")


def taken_for_dead(installation: Installation) -> None:
    """Taken for dead by mistake; W6 is missed, and lost later."""
    person = _come(installation, 11)
    _answer(person, "BL", START + days(1))
    _randomise(person, "SOC")
    record_exit(person, DispositionKind.death, W6.date() - days(20), W6 - days(19))
    actor = staff_member(Role.INVESTIGATOR, person.site)
    context = StaffContext(installation, actor, W6 - days(18))
    undo_disposition(context, person.site.study_id, person.subject, "another patient was meant")
    record_exit(person, DispositionKind.lost, W6.date() + days(30), W6 + days(31))


def explain(installation: Installation) -> None:
    """Between the cuts: why W6 is missing, and the randomisation was a day later."""
    person = Person(installation, site_of(installation), "0571-011")
    give_reason(person, "W6", MissedReason.too_ill_staff, FIRST + days(9))
    person.anchor("randomisation", RANDOMISED + days(1), FIRST + days(9), source=Owner.edc)


def amend(installation: Installation) -> None:
    """The study moves to version 1.1 of its plan, whose diary begins with a list; somebody answers it."""
    at = FIRST + days(1)
    operator = StaffContext(installation, SYSTEM, at)
    amendment = open_amendment(operator, STUDY, "1.1")
    begin_amendment(operator, amendment, "protocol amendment 1")
    for key in amendment.waiting:
        follow_amendment(operator, amendment, key, "protocol amendment 1", confirmed=True)


def goes_on(installation: Installation) -> None:
    """After the amendment: one diary day by the list, one with none of these, and W12."""
    person = Person(installation, site_of(installation), "0571-009")
    person.cookie = bind_browser(person, FIRST + days(2))
    day = (FIRST + days(2.4)).date()
    visits = [f"D{(day - RANDOMISED).days + plus}" for plus in (0, 1)]
    items = installation.library.get_instrument("symptom-diary", "1.1").items
    listed = [item.code for item in items if item.listed and item.code != "other"]
    ticked: dict[str, int | str | None] = {
        "any_symptom": 1,
        **dict.fromkeys(listed, -1),
        "pain": 3,
        "cough": None,
    }
    none: dict[str, int | str | None] = {"any_symptom": 0, **dict.fromkeys(listed, -1)}
    for visit, said, plus in zip(visits, (ticked, none), (2.4, 3.4), strict=True):
        person.begin(visit, FIRST + days(plus))
        person.submit(visit, FIRST + days(plus), said)
    _answer(person, "W12", W6 + days(42), 1)


BEFORE: Sequence[Callable[[Installation], None]] = (
    died_before_randomisation, died_in_a_month, died_in_the_month_of_the_report, corrected_between_cuts,
    withdrew_step_by_step, second_line_before_progression, never_randomised, waits_for_ever,
    reads_chinese, wrote_on_paper, taken_for_dead,
)  # fmt: skip
BETWEEN: Sequence[Callable[[Installation], None]] = (amend, correct, explain, goes_on)


def _live(installation: Installation) -> Sequence[str]:
    for history in BEFORE:
        history(installation)
    make_cut(StaffContext(installation, SYSTEM, FIRST), STUDY, "FIRST", "interim")
    for act in BETWEEN:
        act(installation)
    make_cut(StaffContext(installation, SYSTEM, SECOND), STUDY, "SECOND", "final")
    return ()


HARD = make_stage(_live, SITE)
