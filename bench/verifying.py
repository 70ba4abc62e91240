"""Measures `verify-audit`: replaying the audit trail and comparing every record with it."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from sqlmodel import select

from app.domain.capture.answers import SubmittedAnswer
from app.domain.plans.plan import Owner
from app.domain.plans.windows import local_day
from app.domain.records.access import Actor, ActorKind, Grant, Role
from app.services.accounts.activation import activate_device
from app.services.accounts.participant_session import authenticate_device
from app.services.audit.audit_verification import inspect_trail
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import begin_form
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import DeviceContext, ParticipantContext, StaffContext
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.services.schedule.enrolment import EnrolmentEntry, IdentityCheck, enrol_participant, issue_invitation
from app.storage.tables.schedule import Slot
from bench.figures import Figure, at_most
from bench.run import Run
from bench.trial import ZONE, Trial, open_sqlite_trial, open_trial

PEOPLE, ROUNDS = 10, 12
"""Of a full run: participants, and how often each gives every answer."""
_MOST = 60
_PIN = "135790"


def verify(run: Run) -> Iterator[Figure]:
    """Measure the CPU of one verification for each entry, reading the database included."""
    people, rounds = run.scale.of(PEOPLE, 1), run.scale.of(ROUNDS, 1)
    opened: tuple[tuple[str, AbstractContextManager[Trial]], ...] = (
        ("SQLite", open_sqlite_trial(1)),
        ("PostgreSQL", open_trial(run.cluster, 1)),
    )
    for name, trial in opened:
        with trial as study:
            for number in range(people):
                _add_answering(study, number, rounds)
            before = time.process_time()
            report = inspect_trail(study.installation)
            used = 1e6 * (time.process_time() - before) / report.entries
        row = f"verify {report.entries:,} entries, {name}, CPU each"
        yield at_most(row, used, _MOST, lambda value: f"{value:.0f} us")


def _add_answering(study: Trial, number: int, rounds: int) -> None:
    """Enrol a participant who answers the items of the baseline one after the other and submits it."""
    installation, site, at = study.installation, study.sites[0], study.at
    nurse = StaffContext(
        installation,
        Actor(ActorKind.STAFF, "bench", "nurse", (Grant(Role.NURSE, site.study_id, site.id),)),
        at,
    )
    today = local_day(at, ZONE)
    subject = f"{site.code}-{number:03d}"
    entry = EnrolmentEntry(subject, "en", today, "1", today, IdentityCheck.id_card)
    participant = enrol_participant(nurse, site, entry)
    link = issue_invitation(nurse, site.study_id, subject).url
    record_anchor(nurse, site.study_id, subject, AnchorEntry("randomisation", today, Owner.edc), True)
    cookie = activate_device(installation, link.rsplit("/", 1)[1], _PIN, _PIN, "phone", "192.0.2.1", at)
    device = DeviceContext.of_cookie(installation, cookie, at)
    with installation.read() as session:
        slots = select(Slot.public_id).where(Slot.participant_id == participant.id, Slot.visit == "BL")
        slot = session.exec(slots).one()
    context = ParticipantContext(installation, authenticate_device(device), at)
    begin_form(context, slot, None, None)
    for seq in range(30 * rounds):
        answer = SubmittedAnswer(seq + 1, seq, f"q{seq % 30 + 1}", seq // 30 % 4 + 1)
        save_answers(device, slot, AnswerBatch("c", [answer]))
    document = {f"q{item}": 2 for item in range(1, 31)}
    submit_form(context, slot, SubmittedForm(document, submission="s", reviewed=True))
