"""One participant, with nurse, investigator, EDC, phone, operator and clock acting on them in any order."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from sqlmodel import Session, select

from app.domain.desk.matters import DECISIONS
from app.domain.plans.plan import Owner, Plan
from app.domain.plans.publication import FeedState, feed_state
from app.domain.plans.windows import local_day
from app.domain.records.access import SYSTEM, Role
from app.domain.records.dispositions import DispositionKind
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import (
    ProposalEntry,
    ProposedAnswer,
    get_correctable_form,
    propose_correction,
)
from app.services.clinic.matters.matter_details import get_matter
from app.services.clinic.matters.matter_list import MatterFilter, get_open_matters
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.clinic.paper.entries import enter_paper, takes_paper
from app.services.core.context import ClockContext, EdcClientSession, EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.core.plans import get_plan_of
from app.services.edc.entity_tags import Preconditions
from app.services.edc.participants import StatusBody, StatusWord, receive_status
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_arm, receive_visit
from app.services.reminders.due_slots import process_due_slots
from app.services.schedule.amendment.amendments import Amendment, follow_amendment
from app.services.schedule.dispositions import (
    DispositionEntry,
    record_disposition,
    undo_disposition,
)
from app.services.schedule.exemptions import excuse_visit
from app.services.schedule.missed_reasons import record_missed_reason
from app.services.schedule.requested_visits import cancel_visit, request_visit
from app.services.schedule.schedule_check import MENDABLE, list_schedule_faults
from app.storage.queries.feed_pages import read_feed_head, read_feed_page, read_latest_events
from app.storage.queries.slots import list_slots, slot_status
from app.storage.tables.capture import PaperEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site
from tests.scenarios.correction_signer import Signer
from tests.scenarios.edc_session import caller_of
from tests.scenarios.feed_checks import Event, check_facts, check_versions
from tests.scenarios.paper_forms import whole_sheet
from tests.scenarios.people import START, Person, enrol_person, staff_member, with_short_diary
from tests.scenarios.plan_versions import longer_diary, weekly_diary, with_versions
from tests.scenarios.stale_next_due import find_stale_slots

DAY0 = START.date()
shifts = st.integers(-20, 45)
visits = st.sampled_from(["BL", "W6", "W12", "EOT", "ET", "D0", "D1", "D5", "DW12", "UNS-1", "BL-2"])
_numbers = count(1)


class InterleavedActs(RuleBasedStateMachine):
    """One participant, with nurse, investigator, EDC, phone and clock acting on them."""

    installation: Installation
    site: Site
    enrol: Callable[[int], Person]
    caller: EdcClientSession
    signer: Signer

    def __init__(self) -> None:
        super().__init__()
        self.first = self._feed_head()
        self.person = self.enrol(next(_numbers))
        self.key = self.person.row().id
        self.now = START
        self.ticked = False

    # Who acts

    def staff(self, role: Role = Role.NURSE) -> StaffContext:
        return StaffContext(self.installation, staff_member(role, self.site), self.now)

    def edc(self) -> EdcRequest:
        context = EdcContext(self.installation, self.caller, self.now)
        return EdcRequest(context, self.person.subject, self.now, Preconditions())

    def today(self) -> date:
        return local_day(self.now, "Asia/Shanghai")

    def about(self) -> tuple[int, str]:
        return self.site.study_id, self.person.subject

    def slots(self) -> list[Slot]:
        with self.installation.read() as session:
            return list(list_slots(session, self.key))

    # Their acts; what is refused changes nothing

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        self.now, self.ticked = self.now + timedelta(hours=hours), False

    @rule(by=shifts)
    def edc_randomises(self, by: int) -> None:
        self.ticked, on = False, DAY0 + timedelta(days=by)
        with suppress(Refused):
            receive_anchor(self.edc(), AnchorBody("randomisation", on, None, confirm=True))

    @rule(arm=st.sampled_from(["SBRT", "SOC"]))
    def edc_names_the_arm(self, arm: str) -> None:
        self.ticked = False
        with suppress(Refused):
            receive_arm(self.edc(), arm, confirm=True)

    @rule(kind=st.sampled_from(["enrolment", "sbrt_start", "sbrt_end", "progression"]), by=shifts)
    def site_dates(self, kind: str, by: int) -> None:
        self.ticked = False
        with suppress(Refused):
            self.person.anchor(kind, DAY0 + timedelta(days=by), self.now, source=Owner.site)

    @rule(visit=visits, back=st.integers(0, 30), state=st.sampled_from(VisitState))
    def edc_dates_a_visit(self, visit: str, back: int, state: VisitState) -> None:
        self.ticked = False
        with suppress(Refused):
            receive_visit(self.edc(), visit, state, self.today() - timedelta(days=back), confirm=True)

    @rule(kind=st.sampled_from(DispositionKind), back=st.integers(0, 40), monthly=st.booleans())
    def site_records_an_exit(self, kind: DispositionKind, back: int, monthly: bool) -> None:
        self.ticked = False
        stated = (self.today() - timedelta(days=back)).isoformat()[: 7 if monthly else 10]
        with suppress(Refused):
            entry = DispositionEntry(kind, stated, Owner.site, "told by telephone")
            record_disposition(self.staff(), *self.about(), entry)

    @rule(
        status=st.sampled_from([StatusWord.died, StatusWord.lost, StatusWord.completed]),
        back=st.integers(0, 40),
    )
    def edc_records_a_status(self, status: str, back: int) -> None:
        self.ticked = False
        with suppress(Refused):
            stated = (self.today() - timedelta(days=back)).isoformat()
            receive_status(self.edc(), StatusBody(StatusWord(status), stated))

    @rule()
    def investigator_undoes(self) -> None:
        self.ticked = False
        with suppress(Refused):
            undo_disposition(self.staff(Role.INVESTIGATOR), *self.about(), "a mistake")

    @rule(visit=visits)
    def nurse_excuses(self, visit: str) -> None:
        self.ticked = False
        with suppress(Refused):
            excuse_visit(self.staff(), *self.about(), visit, "no_translation")

    @rule(visit=st.sampled_from(["UNS", "BL"]), ahead=st.integers(-10, 20))
    def nurse_asks_for_a_visit(self, visit: str, ahead: int) -> None:
        self.ticked = False
        with suppress(Refused):
            request_visit(self.staff(), *self.about(), visit, self.today() + timedelta(days=ahead))

    @rule(visit=st.sampled_from(["UNS-1", "BL-2"]))
    def nurse_cancels_a_visit(self, visit: str) -> None:
        self.ticked = False
        with suppress(Refused):
            cancel_visit(self.staff(), *self.about(), visit, "asked for by mistake")

    @rule(index=st.integers(0, 300))
    def nurse_says_why_one_is_missed(self, index: int) -> None:
        self.ticked = False
        slots = self.slots()
        slot = slots[index % len(slots)]
        with suppress(Refused):
            record_missed_reason(self.staff(), slot.participant_id, slot.public_id, "unknown", "")

    @rule(index=st.integers(0, 300), sends=st.booleans())
    def participant_fills(self, index: int, sends: bool) -> None:
        self.ticked = False
        answerable = [
            slot for slot in self.slots() if feed_state(slot_status(slot, self.now)).value == "open"
        ]
        if not answerable:
            return
        visit = answerable[index % len(answerable)].visit
        with suppress(Refused):
            self.person.begin(visit, self.now)
            if sends:
                self.person.submit(visit, self.now, {"any_symptom": 0} if visit.startswith("D") else None)

    @rule(
        index=st.integers(0, 300),
        back=st.integers(0, 20),
        who=st.sampled_from([Role.NURSE, Role.INVESTIGATOR]),
    )
    def staff_enter_paper(self, index: int, back: int, who: Role) -> None:
        """In the second version two have to; a form of it may still wait when the third is followed."""
        self.ticked = False
        if not (slots := [slot for slot in self.slots() if takes_paper(slot, self.now)]):
            return
        slot, day = slots[index % len(slots)], self.today() - timedelta(days=back)
        with suppress(Refused):
            enter_paper(self.staff(who), slot.participant_id, slot.public_id, whole_sheet(slot, day))

    @rule(index=st.integers(0, 300), meant=st.integers(1, 4))
    def correct_submitted_form(self, index: int, meant: int) -> None:
        self.ticked = False
        submitted = [slot for slot in self.slots() if slot.submitted_at and slot.for_day is None]
        if not submitted:
            return
        slot = submitted[index % len(submitted)]
        self.now += timedelta(minutes=1)  # each signature takes a new code
        with suppress(Refused):
            nurse = self.staff()
            form = get_correctable_form(nurse, slot.participant_id, slot.public_id)
            answers = [ProposedAnswer("q5", str(meant), "wrong_tap")]
            day = self.today()
            entry = ProposalEntry(form.response.version, answers, "I meant another", day, "telephone")
            correction = propose_correction(nurse, slot.participant_id, slot.public_id, entry)
            self.signer.decide(self.person, correction, self.now, DecisionEntry("approved", "", "late"))

    @rule(index=st.integers(0, 300))
    def participant_sends_too_late(self, index: int) -> None:
        self.ticked = False
        late = [
            slot
            for slot in self.slots()
            if slot.begun_at and feed_state(slot_status(slot, self.now)) is FeedState.missed
        ]
        if late:
            visit = late[index % len(late)].visit
            with suppress(Refused):
                self.person.submit(visit, self.now, {"any_symptom": 0} if visit.startswith("D") else None)

    @rule(index=st.integers(0, 300), choice=st.integers(0, 1))
    def investigator_settles(self, index: int, choice: int) -> None:
        self.ticked = False
        context = self.staff(Role.INVESTIGATOR)
        open_matters = get_open_matters(context, MatterFilter(search=self.person.subject)).rows
        if names := [each.name for each in open_matters if each.name.kind in DECISIONS]:
            name = names[index % len(names)]
            with suppress(Refused):
                decisions, shown = DECISIONS[name.kind], get_matter(context, self.key, name).shown
                entry = SettlementEntry(decisions[choice % len(decisions)], "looked up in the file", shown)
                settle_matter(context, self.key, name, entry)

    @rule(version=st.sampled_from(["2.0", "3.0"]))
    def operator_amends(self, version: str) -> None:
        """Nothing changes of a form that was begun or is over, but what the new version has no more."""
        row = self.person.row()
        if row.plan_version >= version:
            return
        self.ticked = False
        before, entered = {slot.id: slot for slot in self.slots()}, self._entered()
        plan = self.installation.library.get_plan("sbrt-nsclc", version)
        amendment = Amendment(self.site.study_id, plan, version, begun=True, waiting=(row.id,))
        operator = StaffContext(self.installation, SYSTEM, self.now)
        follow_amendment(operator, amendment, row.id, "amendment", confirmed=True)
        for after in self.slots():
            slot = before.get(after.id)
            touched = slot is not None and bool(slot.begun_at or slot.submitted_at or slot.id in entered)
            over = slot is not None and slot.closes_at and slot.closes_at <= self.now and not slot.out_of_plan
            if slot is not None and (touched or over):
                again = (
                    {"visit", "out_of_plan", "window_version", "published_state"}
                    if slot.out_of_plan
                    else set()
                )
                columns = slot.model_dump(
                    exclude={"position", "wake_at", "published_window", "version", *again}
                )
                assert {name: getattr(after, name) for name in columns} == columns
            elif not after.out_of_plan and "-" not in after.visit:
                assert after.plan_version == version

    @rule()
    def clock_ticks(self) -> None:
        process_due_slots(ClockContext(self.installation, self.now), self.key)
        self.ticked = True

    # The law

    @invariant()
    @precondition(lambda self: self.ticked)
    def feed_and_live_state_are_the_same(self) -> None:
        events = self._events()
        check_versions(events)
        newest = {str(event["ref"]): event for event in events}
        self._check_snapshot(newest)
        with self.installation.read() as session:
            self._check_live(session, newest)

    def _check_live(self, session: Session, events: dict[str, Event]) -> None:
        row = session.get_one(Participant, self.key)
        for slot in list_slots(session, self.key):
            live = feed_state(slot_status(slot, self.now)).value
            if slot.public_id in events:
                said = events[slot.public_id]["data"]["slot"]
                days = [day.isoformat() if day else None for day in (slot.opens_on, slot.closes_on)]
                assert (said["state"], said["visit"], [said["opens_on"], said["closes_on"]]) == (
                    live,
                    slot.visit,
                    days,
                )
                assert said["out_of_plan"] == slot.out_of_plan
                assert (live == "submitted") == ("answers" in events[slot.public_id]["data"])
            else:
                assert live in ("not_opened", "not_expected", "excused")
        self._check_windows(session, row)
        check_facts(session, row, events)
        clock = ClockContext(self.installation, self.now)
        assert list(find_stale_slots(clock, session, self.key)) == []

    def _entered(self) -> frozenset[int]:
        """The forms that somebody entered from paper, once or twice."""
        with self.installation.read() as session:
            mine = PaperEntry.participant_id == self.key
            return frozenset(session.exec(select(PaperEntry.slot_id).where(mine)))

    def _feed_head(self) -> int:
        with self.installation.read() as session:
            return read_feed_head(session, self.site.study_id)

    def _events(self) -> list[Event]:
        """Every event since the participant's enrolment: nobody else acts until this run is over."""
        with self.installation.read() as session:
            rows = read_feed_page(session, self.site.study_id, self.first, 100_000)
        return [json.loads(row.line) for row in rows]

    def _check_snapshot(self, events: dict[str, Event]) -> None:
        head = self._feed_head()
        with self.installation.read() as session:
            rows = read_latest_events(session, self.site.study_id, self.first, head, 100_000)
        latest = [json.loads(row.line) for row in rows]
        assert {event["ref"]: event for event in latest} == events

    def _check_windows(self, session: Session, row: Participant) -> None:
        """Each form that nobody has begun is where the plan has it, and no day ahead is without one."""
        plan = get_plan_of(self.installation, session, row)
        faults = list_schedule_faults(self.installation.library, session, plan, row, self.now)
        assert MENDABLE.isdisjoint(fault.kind for fault in faults), faults


def make_machine(installation: Installation, site: Site) -> type[InterleavedActs]:
    """The machine in this installation; each of its runs has a participant of its own."""
    short = with_short_diary(installation)

    class Here(InterleavedActs):
        pass

    def entered_twice(plan: Plan) -> Plan:
        return replace(longer_diary(plan), double_paper_entry=True)

    Here.installation = with_versions(short, entered_twice, weekly_diary)

    def enrol(number: int) -> Person:
        return enrol_person(Here.installation, site, f"0571-{number:03d}")

    Here.site, Here.enrol = site, staticmethod(enrol)
    Here.caller = caller_of(short)
    Here.signer = Signer(short, site, "zhang", Role.INVESTIGATOR)
    return Here
