"""Corrections in the demonstration: proposed by a nurse or a doctor, and signed as at the desk."""

from collections.abc import Mapping
from datetime import datetime

import pyotp

from app.demo.acts import DemoStage
from app.demo.sites import PASSWORD, ZONE
from app.demo.story import DemoCorrection, Story
from app.domain.capture.corrections import CorrectionEvidence, CorrectionOutcome, CorrectionReason
from app.domain.plans.windows import local_day
from app.services.clinic.corrections.decisions import DecisionEntry, decide_correction
from app.services.clinic.corrections.proposals import (
    ProposalEntry,
    ProposedAnswer,
    get_correctable_form,
    propose_correction,
)
from app.services.clinic.corrections.signatures import SigningStaff
from app.services.core.second_factor.one_time_codes import step_at
from app.storage.queries.corrections import list_own_corrections
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slots
from app.storage.tables.staff import Staff

_MEANT: Mapping[str, str] = {
    "en": "My finger slipped on that one, and I tapped the wrong line.",
    "zh_CN": "那一题我手滑，点错了一行。",
}
_NOTICED_LATE = "noticed at the last visit, when the form was read through together"
"""Why an approval comes so long after the form, where that is asked."""
_DECLINED = "asked again by telephone: the answer was meant as it was sent"


def propose_correction_of(
    stage: DemoStage, at: datetime, story: Story, corrected: DemoCorrection, other: int = 0
) -> None:
    """Somebody of the site proposes another answer to the fifth question, as the participant told them.

    `other`: which of the answers that were not given, counted from 0.
    """
    proposing = (stage.investigators if corrected.by_doctor else stage.nurses)[story.site]
    context = stage.staff_context(proposing, at)
    with stage.read() as session:
        participant_id = get_participant(session, stage.study_id, story.subject).id
        slots = list_slots(session, participant_id)
    slot = next(slot.public_id for slot in slots if slot.visit == corrected.visit)
    form = get_correctable_form(context, participant_id, slot)
    item = form.definition.items[4]
    answer = form.response.answers.get(item.code)
    meant = [value for value in range(item.low, item.high + 1) if value != answer][other]
    entry = ProposalEntry(
        response_version=form.response.version,
        answers=[ProposedAnswer(item.code, str(meant), CorrectionReason.wrong_tap.value)],
        words=_MEANT[story.language],
        told_on=local_day(at, ZONE),
        evidence=CorrectionEvidence.telephone.value,
    )
    propose_correction(context, participant_id, slot, entry)


def sign_correction_of(stage: DemoStage, at: datetime, story: Story, outcome: CorrectionOutcome) -> None:
    """The site's investigator signs what the nurse proposed, with password and code as at the desk."""
    doctor = stage.investigators[story.site]
    with stage.read() as session:
        staff = session.get_one(Staff, int(doctor.id.removeprefix("staff:")))
        participant_id = get_participant(session, stage.study_id, story.subject).id
        correction = list_own_corrections(session, participant_id)[-1].correction.public_id
    secret = stage.installation.secret_box.decrypt(staff.totp_sealed)
    code = pyotp.TOTP(secret).generate_otp(step_at(at))
    signer = SigningStaff(staff.id, PASSWORD, code, "192.0.2.1")
    declined = "" if outcome is CorrectionOutcome.approved else _DECLINED
    entry = DecisionEntry(outcome.value, declined, _NOTICED_LATE)
    decide_correction(stage.staff_context(doctor, at), participant_id, correction, entry, signer)
