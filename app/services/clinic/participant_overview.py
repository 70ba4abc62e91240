"""All that site staff see of one participant: forms, dates, exits, contact, browsers, invitation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.diary_gaps import DiaryGap
from app.domain.instruments.duration import count_certain
from app.domain.instruments.severity import Severity
from app.domain.plans.plan import ENROLMENT, Plan
from app.domain.plans.status import ExitKind, Status
from app.domain.records.access import Actor, Permission
from app.domain.records.dispositions import DispositionKind
from app.domain.refusal import Refused
from app.services.accounts.contacts import ContactDetails, mask_contact
from app.services.accounts.devices import BoundDevice
from app.services.capture.diary_severity import read_worst_severities
from app.services.clinic.alerts.alert_list import AlertRecord, read_own_alerts
from app.services.clinic.participants.facts import (
    AnchorHistory,
    AnswerConflict,
    ContradictedMessage,
    DispositionHistory,
    IssuedInvitation,
    QuarantinedAnswers,
    RequestHistory,
    read_recorded_facts,
)
from app.services.clinic.today.contact_log import LoggedContact
from app.services.clinic.today.participant_work import ParticipantWork, read_participant_work
from app.services.core.context import StaffContext
from app.services.core.interval_cache import OwnedCache
from app.services.core.plans import excluded_items, list_plans_of_forms
from app.services.schedule.missed_reasons import list_diary_gaps
from app.services.schedule.reminder_preference import wants_reminders
from app.storage.database.grouped_reads import DocumentRows
from app.storage.plain_rows import ContactRecord, SlotRecord
from app.storage.queries.participants import ParticipantCard, get_card
from app.storage.queries.slots import (
    derive_slot_state,
    is_diary_slot,
    list_slot_transitions,
    read_slot_records,
)


class FormState(NamedTuple):
    """One expected form at this moment; `answered` of `questions` questions while it is begun.

    `questions` is 0 where the answers decide how many questions there are: how many were given would then
    tell of them, as how much of a list was ticked.
    """

    slot: SlotRecord
    status: Status
    answered: int
    questions: int
    died_in_window: bool


@dataclass(frozen=True, slots=True, eq=False)
class ParticipantForms:
    """All forms of a participant as they stand: of visits, of the diary, and its unexplained stretches.

    Two are equal only if they are one, so that anything can be kept for it.
    """

    visits: tuple[FormState, ...]
    diary: tuple[FormState, ...]
    gaps: tuple[DiaryGap, ...]


_JUDGED_FORMS: OwnedCache[ParticipantForms] = OwnedCache(64)


@dataclass(frozen=True, slots=True)
class ParticipantDetails:
    """What a participant's own row says to staff."""

    public_id: str
    subject: str
    language: str
    zone: str
    consent_version: str
    consented_on: date | None
    identity_check: str
    exit_kind: ExitKind | None
    reminders_wanted: bool
    paused_until: date | None


@dataclass(frozen=True, slots=True)
class ParticipantOverview:
    """A participant as this member of staff may see them; never their arm or scores.

    `plans` are the version of the plan that they follow and those of their other forms. `work` is where they
    stand on the work list.
    `worst` is the worst answer of each diary entry by its form, for roles that see scores, and else empty;
    `waiting_paper` are the forms of which one of two paper entries was made.
    """

    participant: ParticipantDetails
    site: str
    plan: Plan
    plans: Sequence[Plan]
    judged: ParticipantForms
    quarantined: tuple[QuarantinedAnswers, ...]
    conflicts: tuple[AnswerConflict, ...]
    dates: tuple[AnchorHistory, ...]
    dispositions: tuple[DispositionHistory, ...]
    contradictions: tuple[ContradictedMessage, ...]
    contact: ContactDetails | None
    devices: tuple[BoundDevice, ...]
    invitations: tuple[IssuedInvitation, ...]
    requests: tuple[RequestHistory, ...]
    contacts: tuple[LoggedContact, ...]
    alerts: tuple[AlertRecord, ...]
    work: ParticipantWork
    may: frozenset[Permission]
    worst: Mapping[str, Severity] = field(default_factory=dict)
    waiting_paper: frozenset[int] = frozenset()

    @property
    def forms(self) -> tuple[FormState, ...]:
        """The forms of their visits."""
        return self.judged.visits

    @property
    def diary(self) -> tuple[FormState, ...]:
        """The entries of their diary."""
        return self.judged.diary

    @property
    def gaps(self) -> tuple[DiaryGap, ...]:
        """The stretches of the diary that nobody has explained."""
        return self.judged.gaps

    @property
    def exit(self) -> str:
        """The disposition that ended participation, "" for none; a death outranks every other."""
        standing = {disposition.entry.kind for disposition in self.dispositions if disposition.undone is None}
        if DispositionKind.death in standing:
            return DispositionKind.death.value
        return self.participant.exit_kind.value if self.participant.exit_kind else ""

    @property
    def instruments(self) -> tuple[str, ...]:
        """The instruments of their visits, each once."""
        return tuple(dict.fromkeys(state.slot.instrument for state in self.forms))

    @property
    def enrolled_on(self) -> date:
        """The day of enrolment in force; windows count from it."""
        current = (dated.current for dated in self.dates if dated.kind.kind == ENROLMENT)
        return next(anchor.dated_on for anchor in current if anchor is not None)


def get_participant_overview(context: StaffContext, participant_id: int) -> ParticipantOverview:
    """Everything for the page of a participant whom this member of staff may see, in bounded queries.

    In a blinded plan what reveals the arm is left out for those without that grant.
    """
    with context.read_plainly() as connection:
        participant, contact = get_card(connection, participant_id)
        may = _permissions(context.actor, participant)
        plan = context.installation.library.get_plan(participant.study, participant.plan_version)
        hides = not sees_arm(context.actor, plan, participant.study_id, participant.site_id)
        every = read_slot_records(connection, participant_id)
        slots = [slot for slot in every if not (hides and slot.arm_revealing)]
        plans = list_plans_of_forms(context.installation.library, plan, slots)
        facts = read_recorded_facts(connection, participant, plan, slots, hides, context.at)
        work = read_participant_work(context, connection, participant, plans, hides, facts.locked)
    judged = _judge_forms(context, plans, every, slots, facts.answered)
    return ParticipantOverview(
        participant=_details(participant),
        site=participant.site,
        plan=plan,
        plans=plans,
        judged=judged,
        quarantined=facts.quarantined,
        conflicts=facts.conflicts,
        dates=facts.dates,
        dispositions=facts.dispositions,
        contradictions=facts.contradictions,
        contact=_mask(context, contact) if Permission.CONTACT_SEE in may else None,
        devices=facts.devices,
        invitations=facts.invitations,
        requests=facts.requests,
        contacts=facts.contacts,
        alerts=_read_alerts(context, participant) if facts.has_alerts else (),
        work=work,
        may=may,
        worst=_read_worst(context, plan, participant, judged.diary) if Permission.SCORES_SEE in may else {},
        waiting_paper=facts.waiting_paper,
    )


def get_form_state(view: ParticipantOverview, slot_id: str) -> FormState:
    """One form of the overview; raises Refused("unknown_slot")."""
    for state in (*view.forms, *view.diary):
        if state.slot.public_id == slot_id:
            return state
    raise Refused("unknown_slot")


def _read_alerts(context: StaffContext, participant: ParticipantCard) -> tuple[AlertRecord, ...]:
    with context.read() as session:
        return read_own_alerts(context, session, participant, participant.study)


def _read_worst(
    context: StaffContext, plan: Plan, participant: ParticipantCard, diary: Sequence[FormState]
) -> Mapping[str, Severity]:
    """The worst answer of each entry of the diary."""
    with context.read() as session:
        slots = [state.slot for state in diary]
        return read_worst_severities(context.installation, session, plan.id, participant.id, slots)


def _mask(context: StaffContext, contact: ContactRecord | None) -> ContactDetails | None:
    return mask_contact(context.installation, contact) if contact else None


def _permissions(actor: Actor, participant: ParticipantCard) -> frozenset[Permission]:
    return frozenset(
        permission
        for permission in Permission
        if actor.may(permission, participant.study_id, participant.site_id)
    )


def _details(row: ParticipantCard) -> ParticipantDetails:
    return ParticipantDetails(
        public_id=row.public_id,
        subject=row.subject,
        language=row.language,
        zone=row.zone,
        consent_version=row.consent_version or "",
        consented_on=row.consented_on,
        identity_check=row.identity_check or "",
        exit_kind=row.exit_kind,
        reminders_wanted=wants_reminders(row),
        paused_until=row.reminders_paused_until,
    )


def _judge_forms(
    context: StaffContext,
    plans: Sequence[Plan],
    stored: DocumentRows[SlotRecord],
    slots: Sequence[SlotRecord],
    answered: Mapping[int, int],
) -> ParticipantForms:
    """What is `stored` of a participant's forms, judged as far as it is shown: `slots` are those of them."""
    plan = plans[0]

    def judge() -> tuple[ParticipantForms, Iterable[datetime]]:
        states = _list_states(context, plan, slots, answered)
        diary = tuple(state for state in states if is_diary_slot(plan, state.slot))
        visits = tuple(state for state in states if not is_diary_slot(plan, state.slot))
        gaps = list_diary_gaps(plans, ((state.slot, state.status) for state in diary))
        return ParticipantForms(visits, diary, gaps), (
            moment for slot in slots for moment in list_slot_transitions(slot)
        )

    content = plan.id, plan.version, stored, len(slots), frozenset(answered.items())
    return _JUDGED_FORMS.get_cache(context.installation.cache_owner).find(content, context.at, judge)


def _list_states(
    context: StaffContext, plan: Plan, slots: Sequence[SlotRecord], counts: Mapping[int, int]
) -> list[FormState]:
    questions: dict[tuple[str, str, str], int] = {}
    states = []
    for slot in slots:
        version = slot.instrument, slot.instrument_version, slot.plan_version
        if version not in questions:
            questions[version] = _count_questions(context, plan, *version)
        status, died = derive_slot_state(slot, context.at)
        states.append(FormState(slot, status, counts.get(slot.id, 0), questions[version], died))
    return states


def _count_questions(
    context: StaffContext, plan: Plan, instrument: str, instrument_version: str, plan_version: str
) -> int:
    """How many questions of an instrument a version of the plan asks; 0 where answers decide."""
    library = context.installation.library
    leave_out = excluded_items(library.get_plan(plan.id, plan_version), instrument)
    return count_certain(library.get_instrument(instrument, instrument_version), leave_out)
