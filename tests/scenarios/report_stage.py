"""The golden case of completeness, lived by ten participants through the use cases."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.access import Role
from app.domain.records.dispositions import DispositionKind
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.missed_reasons import record_missed_reason
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.people import START, Person, days, enrol_person, qlq, staff_member, with_short_diary

RANDOMISED = START.date() + days(2)
TARGET = START + days(2 + 42)
"""The target day of visit W6, in the morning."""
CLOSED = TARGET + days(9)
"""A day after its window closed."""
DIED, WITHDREW, LOST, LATE, TOO_ILL, BLANK = (f"0571-{number:03d}" for number in range(101, 107))
NORMAL = tuple(f"0571-{number:03d}" for number in range(107, 111))
EVERYBODY = (DIED, WITHDREW, LOST, LATE, TOO_ILL, BLANK, *NORMAL)
_EXITS = {
    DIED: DispositionKind.death,
    WITHDREW: DispositionKind.withdrew_questionnaires,
    LOST: DispositionKind.lost,
}


def leave_blank_but(answered: int) -> dict[str, int | str | None]:
    """A QLQ-C30 of which only the first items are answered."""
    return {code: value if int(code[1:]) <= answered else None for code, value in qlq(2).items()}


def unscorable() -> dict[str, int | str | None]:
    """Twenty-six items skipped, and four answered that leave every scale too few."""
    answered = {"q1", "q2", "q10", "q21"}
    return {code: value if code in answered else None for code, value in qlq(2).items()}


def _golden_case(installation: Installation) -> Sequence[str]:
    installation, site = with_short_diary(installation), site_of(installation)
    for subject in EVERYBODY:
        person = enrol_person(installation, site, subject)
        person.randomise(RANDOMISED, START + days(2))
        if subject in _EXITS:
            record_exit(person, _EXITS[subject], TARGET.date() - days(5), TARGET)
        elif subject == LATE:
            send_late(person)
        elif subject != TOO_ILL:
            person.begin("W6", TARGET + timedelta(hours=1))
            answers = unscorable() if subject == BLANK else qlq(2)
            person.submit("W6", TARGET + timedelta(hours=1, minutes=12), answers)
    ill = Person(installation, site, TOO_ILL)
    give_reason(ill, "W6", MissedReason.too_ill_patient, CLOSED)
    return ()


def record_exit(person: Person, kind: DispositionKind, on: date, at: datetime) -> None:
    """Record that somebody left."""
    entry = DispositionEntry(kind, on.isoformat(), Owner.site, "as the family says")
    actor = staff_member(Role.INVESTIGATOR, person.site)
    record_disposition(
        StaffContext(person.installation, actor, at), person.site.study_id, person.subject, entry
    )


def give_reason(person: Person, visit: str, reason: MissedReason, at: datetime) -> None:
    """Record why a form was missed."""
    row = person.slot(visit)
    record_missed_reason(
        StaffContext(person.installation, person.nurse, at), row.participant_id, row.public_id, reason, ""
    )


def send_late(person: Person) -> None:
    """Answered offline on the last day of the window, and received three days later."""
    last = TARGET + days(7)
    person.begin("W6", last)
    arrived = last + days(3)
    form = SubmittedForm(
        qlq(2), submission="s1", reviewed=True, device_at=last + timedelta(minutes=9), offline=True, skew=0
    )
    submit_form(
        ParticipantContext(person.installation, person.participant(arrived), arrived),
        person.slot("W6").public_id,
        form,
    )


GOLDEN = make_stage(_golden_case, SITE)
