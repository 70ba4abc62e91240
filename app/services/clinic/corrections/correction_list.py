"""Corrections as staff see them: what waits for a signature, what was decided, and who could sign."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from app.domain.capture.corrections import (
    CorrectionEvidence,
    CorrectionOutcome,
    CorrectionReason,
    needs_second_reason,
    read_item_corrections,
)
from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.list_cursor import ListCursor
from app.domain.desk.trail import ArmMask
from app.domain.instruments.responses import AnswerValue
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.services.capture.forms import FormDefinition, define_form
from app.services.clinic.corrections.overtaking import find_overtaken
from app.services.clinic.corrections.submitted_form import record_look
from app.services.clinic.staff_sites import StaffSite, list_study_sites
from app.services.clinic.trail.arm_masks import find_arm_mask
from app.services.core.context import StaffContext
from app.storage.queries.corrections import (
    CorrectionRows,
    CorrectionSigners,
    find_correction,
    list_response_versions,
    list_study_corrections,
    read_signers,
)
from app.storage.queries.staff import find_staff_names
from app.storage.tables.capture import Response
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork

LISTED = 100
"""Corrections shown at a time: the oldest that wait, the newest that were decided."""


@dataclass(frozen=True, slots=True)
class CorrectionSummary:
    """A correction without answers: about whose form, by whom, and what became of it.

    `signable` says whether anybody beside the one who proposed may sign at the site; where nobody may,
    `askable` names who can give somebody the role. `overtaken`: it waits, and answers changed since in such
    a way that it can only be declined.
    """

    correction: str
    participant: str
    subject: str
    site: str
    zone: str
    slot: str
    plan_version: str
    instrument: tuple[str, str]
    visit: str
    for_day: date | None
    items: int
    proposed_at: datetime
    proposed_by: str
    own: bool
    signable: bool
    askable: tuple[str, ...]
    overtaken: bool
    outcome: CorrectionOutcome | None
    decided_at: datetime | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class CorrectedItem:
    """One item of a correction: the answer it rested on, the answer now, the new one, and why.

    Without the permission to see answers `before` and `now` are None, and `value` in a proposal of others.
    """

    item: str
    value: AnswerValue
    reason: CorrectionReason
    before: AnswerValue
    now: AnswerValue


@dataclass(frozen=True, slots=True)
class CorrectionDetails:
    """One correction in full. `overtaken`: an answer changed since; `late`: approval takes a second reason.

    What people wrote is told to who may see the proposal, without words that name an arm to the blinded.
    `sees_answers`: this reader may see the answers that were submitted.
    """

    summary: CorrectionSummary
    definition: FormDefinition
    items: tuple[CorrectedItem, ...]
    words: str
    told_on: date
    evidence: CorrectionEvidence
    submitted_at: datetime
    note: str
    late_reason: str
    overtaken: bool
    late: bool
    days: int
    sees_answers: bool
    sees_proposal: bool
    may_decide: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether a proposal waits of which this reader sees that its answers are those that count now."""
        waits = self.sees_answers and self.summary.outcome is None
        return waits and all(item.value == item.now for item in self.items)


@dataclass(frozen=True, slots=True)
class StudyCorrections:
    """A page of a study's corrections, the sites by which they can be chosen, and where the list goes on."""

    rows: tuple[CorrectionSummary, ...]
    sites: tuple[StaffSite, ...]
    next: ListCursor | None


def list_corrections(
    context: StaffContext, study_id: int, *, waiting: bool, site: str = "", after: ListCursor | None = None
) -> StudyCorrections:
    """A study's corrections at this colleague's sites, or one of them, without forms that tell the arm."""
    with context.read() as session:
        reached = list_study_sites(session.connection(), context.actor, study_id, Permission.PARTICIPANT_SEE)
        keys = [reached_site.site_id for reached_site in reached if site in ("", reached_site.code)]
        study = session.get_one(Study, study_id)
        most = LISTED + 1
        listed = list_study_corrections(session, study_id, keys, waiting=waiting, limit=most, after=after)
        further = _cursor(listed[LISTED - 1]) if len(listed) == most else None
        shown = [rows for rows in listed[:LISTED] if not _hides(context, study.code, rows.slot)]
        return StudyCorrections(_summarise(context, session, study.code, shown), reached, further)


def _cursor(rows: CorrectionRows) -> ListCursor:
    if rows.decision is None:
        return ListCursor(rows.correction.proposed_at, rows.correction.id)
    return ListCursor(rows.decision.decided_at, rows.decision.id)


def get_correction(context: StaffContext, participant_id: int, correction: str) -> CorrectionDetails:
    """One correction; the look of a reader who may see answers is audited.

    Raises Refused("unknown_correction").
    """
    with replace(context, act=None).unit_of_work() as work:
        rows = find_correction(work.session, participant_id, correction)
        if rows is None:
            raise Refused("unknown_correction")
        study = work.session.get_one(Study, rows.participant.study_id)
        if _hides(context, study.code, rows.slot):
            raise Refused("unknown_correction")
        return _detail(context, work, study, rows)


def _detail(context: StaffContext, work: UnitOfWork, study: Study, rows: CorrectionRows) -> CorrectionDetails:
    session = work.session
    correction, decision, participant = rows.correction, rows.decision, rows.participant
    versions = {row.version: row for row in list_response_versions(session, rows.slot.id)}
    base, newest = versions[correction.response_version], versions[max(versions)]
    sees = context.actor.may(Permission.ANSWERS_SEE, participant.study_id, participant.site_id)
    # Once it is approved the new answer is the answer; who proposed it knows it already.
    sees_proposal = sees or correction.proposed_by == context.actor.id
    if sees:
        record_look(work, rows.slot, *sorted({base.version, newest.version}))
    definition = define_form(context.installation, study.code, rows.slot, base.language, base.text_sha256)
    days = definition.plan.correction_days
    submitted_on = local_day(base.submitted_at, participant.zone)
    mask = find_arm_mask(context, session, participant)
    texts = (correction.words, *((decision.note, decision.late_reason) if decision else ("", "")))
    (summary,) = _summarise(context, session, study.code, [rows])
    words, note, late_reason = _tell(mask, *texts) if sees_proposal else ("", "", "")
    return CorrectionDetails(
        summary=summary,
        definition=definition,
        items=tuple(_list_items(rows, base, newest, sees=sees, sees_proposal=sees_proposal)),
        words=words,
        told_on=correction.told_on,
        evidence=correction.evidence,
        submitted_at=base.submitted_at,
        note=note,
        late_reason=late_reason,
        overtaken=summary.overtaken,
        late=needs_second_reason(submitted_on, local_day(context.at, participant.zone), days),
        days=days,
        sees_answers=sees,
        sees_proposal=sees_proposal,
        may_decide=context.actor.may(Permission.CORRECTION_DECIDE, participant.study_id, participant.site_id),
    )


def _list_items(
    rows: CorrectionRows, base: Response, newest: Response, *, sees: bool, sees_proposal: bool
) -> Iterator[CorrectedItem]:
    for correction in read_item_corrections(rows.correction.changes):
        yield CorrectedItem(
            correction.item,
            correction.value if sees_proposal else None,
            correction.reason,
            base.answers.get(correction.item) if sees else None,
            newest.answers.get(correction.item) if sees else None,
        )


def _tell(mask: ArmMask | None, *texts: str | None) -> list[str]:
    """What people wrote, without what names an arm to whom the mask is for."""
    return ["" if text is None or (mask and mask.hides_text(text)) else text for text in texts]


def _summarise(
    context: StaffContext, session: Session, study: str, listed: Sequence[CorrectionRows]
) -> tuple[CorrectionSummary, ...]:
    actors = {rows.correction.proposed_by for rows in listed}
    names = find_staff_names(session, actors | {rows.decision.decided_by for rows in listed if rows.decision})
    study_id = listed[0].participant.study_id if listed else 0
    signers = read_signers(session, study_id, context.grant_rules) if listed else CorrectionSigners()
    waiting = [rows.correction.public_id for rows in listed if rows.decision is None]
    overtaken = find_overtaken(context.installation, session, study, waiting)
    return tuple(
        CorrectionSummary(
            correction=rows.correction.public_id,
            participant=rows.participant.public_id,
            subject=rows.participant.subject,
            site=rows.site.name,
            zone=rows.participant.zone,
            slot=rows.slot.public_id,
            plan_version=rows.slot.plan_version,
            instrument=(rows.slot.instrument, rows.slot.instrument_version),
            visit=rows.slot.visit,
            for_day=rows.slot.for_day,
            items=len(rows.correction.changes),
            proposed_at=rows.correction.proposed_at,
            proposed_by=names.get(rows.correction.proposed_by, rows.correction.proposed_by),
            own=rows.correction.proposed_by == context.actor.id,
            signable=signers.can_sign(rows.correction.proposed_by, rows.site.id),
            askable=signers.list_administrators(rows.site.id),
            overtaken=rows.correction.public_id in overtaken,
            outcome=rows.decision.outcome if rows.decision else None,
            decided_at=rows.decision.decided_at if rows.decision else None,
            decided_by=names.get(rows.decision.decided_by, rows.decision.decided_by) if rows.decision else "",
        )
        for rows in listed
    )


def _hides(context: StaffContext, study: str, slot: Slot) -> bool:
    """Whether the very form would tell this colleague the arm."""
    plan = context.installation.library.get_plan(study, slot.plan_version)
    return slot.arm_revealing and not sees_arm(context.actor, plan, slot.study_id, slot.site_id)
