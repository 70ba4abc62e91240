"""Facts that the EDC stated and that were refused: each is open once until it is accepted or decided."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from app.domain.desk.matters import MatterDecision, MatterKind
from app.domain.records.access import Role
from app.domain.records.audit import AuditEvent
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.services.clinic.matters.matter_details import get_matter
from app.services.clinic.matters.matter_list import MatterFilter, OpenMatter, get_open_matters
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.core.context import EdcClientSession, EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.edc.participants import StatusBody, StatusWord, receive_status
from app.services.edc.records import StoreEffect
from app.services.edc.refused_bodies import AT_ONCE, UNKNOWN_AT_MOST
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import receive_arm, receive_visit
from app.storage.tables.edc import EdcRefusal
from app.storage.tables.studies import Site
from tests.scenarios.edc_session import caller_of, request_about
from tests.scenarios.people import START, Person, days, enrol_person, staff_member, with_short_diary
from tests.scenarios.trail_entries import entries_of, verify_trail

NUMBERS = count(500)
DAY = date(2026, 3, 1)
WRONG = (date(2030, 1, 1), None)
"""A day that is still to come, and none, of a visit that took place."""


Content = tuple[str, date | None]
Body = tuple[str, str, date | None, bool]


@dataclass
class Edc:
    """What an EDC sends about one participant, the desk that looks, and what must stand there."""

    installation: Installation
    caller: EdcClientSession
    person: Person
    at: datetime = START
    open: dict[str, tuple[Content, str, datetime]] = field(default_factory=dict)
    decided: dict[str, Content] = field(default_factory=dict)
    stored: dict[str, Content] = field(default_factory=dict)

    def wait(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)

    def request(self, as_of: datetime | None = None) -> EdcRequest:
        request = request_about(self.installation, self.caller, self.person.subject)
        return replace(
            request, context=EdcContext(self.installation, self.caller, self.at), as_of=as_of or self.at
        )

    def send(self, part: str, said: str, on: date | None, *, late: bool = False) -> None:
        """Send a body about a visit or the arm, and keep beside it what must be open now."""
        as_of = self.at - days(1) if late else self.at
        state, content = VisitState.occurred, (said, on)
        try:
            if part == "arm":
                done = receive_arm(self.request(as_of), said)
            else:
                done = receive_visit(self.request(as_of), part.partition("/")[2], state, on)
        except Refused as refused:
            known = self.open.get(part)
            rests = self.stored.get(part) == content or (known is None and self.decided.get(part) == content)
            if not rests and (known is None or known[:2] != (content, refused.code)):
                self.open[part] = (content, refused.code, as_of)
            return
        if done.effect is not StoreEffect.none:
            self.stored[part] = content
            if part in self.open and self.open[part][2] <= as_of:
                del self.open[part]
            self.decided.pop(part, None)

    def list_open(self) -> list[OpenMatter]:
        manager = StaffContext(
            self.installation, staff_member(Role.DATA_MANAGER, self.person.site, everywhere=True), self.at
        )
        criteria = MatterFilter(MatterKind.edc_message, search=self.person.subject)
        listed = get_open_matters(manager, criteria)
        assert listed.counts.get(MatterKind.edc_message, 0) == len(listed.rows)
        return list(listed.rows)

    def decide(self, matter: OpenMatter, decision: MatterDecision = MatterDecision.first_stands) -> None:
        manager = StaffContext(
            self.installation, staff_member(Role.DATA_MANAGER, self.person.site, everywhere=True), self.at
        )
        entry = SettlementEntry(decision.value, "the file says so")
        settle_matter(manager, self.person.row().id, matter.name, entry)
        assert matter.refusal is not None
        self.decided[matter.refusal.part] = self.open.pop(matter.refusal.part)[0]

    def check(self) -> None:
        listed = self.list_open()
        parts = Counter(each.refusal.part for each in listed if each.refusal)
        assert parts == Counter(self.open.keys())
        for each in listed:
            assert each.refusal is not None
            (said, on), cause, _as_of = self.open[each.refusal.part]
            stated = {"arm": said} if each.refusal.part == "arm" else {"state": said}
            stated |= {"date": on.isoformat()} if on else {}
            assert (each.refusal.stated, each.refusal.cause) == (stated, cause)


@pytest.fixture
def short(installation: Installation) -> Installation:
    return with_short_diary(installation)


BODIES = st.one_of(
    st.tuples(
        st.sampled_from(["visits/W6", "visits/W12", "visits/W99"]),
        st.just("occurred"),
        st.sampled_from([DAY, *WRONG]),
        st.booleans(),
    ),
    st.tuples(st.just("arm"), st.sampled_from(["SBRT", "GAMMA"]), st.none(), st.booleans()),
)
STEPS = st.lists(st.tuples(st.integers(1, 90), st.one_of(BODIES, BODIES, st.none())), max_size=8)


@pytest.mark.req("EDC-09", "AUD-01")
def test_a_refused_fact_is_open_once_until_it_is_accepted_or_decided(
    short: Installation, caller: EdcClientSession, site: Site
) -> None:
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def law(steps: list[tuple[int, Body | None]]) -> None:
        edc = Edc(short, caller, enrol_person(short, site, f"0571-{next(NUMBERS)}"))
        for minutes, step in steps:
            edc.wait(minutes)
            if step is not None:
                part, said, on, late = step
                edc.send(part, said, on, late=late)
            elif open_now := edc.list_open():
                edc.decide(open_now[0])
            edc.check()

    law()
    assert verify_trail(short) == []


@pytest.fixture
def edc(lone: Person) -> Edc:
    return Edc(lone.installation, caller_of(lone.installation), lone)


def rows(edc: Edc) -> int:
    with edc.installation.read() as session:
        return session.exec(select(func.count()).select_from(EdcRefusal)).one()


def entries(edc: Edc) -> list[object]:
    return [*entries_of(edc.installation, AuditEvent.BODY_REFUSED)]


def accepted_change(edc: Edc) -> tuple[str, str, object]:
    """Record, date before and value after of the only change that ended a refusal."""
    ((ended,),) = [
        json.loads(entry.changes) for entry in entries_of(edc.installation, AuditEvent.BODY_ACCEPTED)
    ]
    return ended["record"], ended["old"]["date"], ended["new"]


@pytest.mark.req("EDC-09", "AUD-01")
def test_what_is_repeated_is_one_matter_and_ends_with_what_is_accepted(edc: Edc) -> None:
    for minutes in (1, 30, 45):  # counted once an hour at most
        edc.wait(minutes)
        edc.send("visits/W6", "occurred", WRONG[0])
        edc.check()
    (matter,) = edc.list_open()
    assert (matter.row and matter.row.number, len(entries(edc))) == (2, 1)
    with pytest.raises(Refused, match="edc_not_corrected"):
        edc.decide(matter, MatterDecision.corrected_by_edc)
    edc.send("visits/W6", "occurred", DAY, late=True)  # true of a moment before what was refused
    edc.check()
    assert edc.open
    edc.wait(1)
    edc.send("visits/W6", "occurred", DAY)
    edc.check()
    assert accepted_change(edc) == ("edc_refusal:visits/W6", "2030-01-01", None)


def test_what_is_refused_again_is_open_until_it_is_decided(edc: Edc) -> None:
    for day in (WRONG[0], DAY):
        edc.wait(1)
        edc.send("visits/W6", "occurred", day)
    edc.wait(1)
    edc.send("visits/W6", "occurred", DAY, late=True)  # stale, and what is stored already
    edc.check()
    edc.send("visits/W6", "occurred", WRONG[1], late=True)  # refused again after it was accepted
    (again,) = edc.list_open()
    edc.check()
    manager = StaffContext(edc.installation, staff_member(Role.DATA_MANAGER, edc.person.site), edc.at)
    seen = get_matter(manager, edc.person.row().id, again.name)
    assert (seen.stored["date"], seen.decisions) == (DAY.isoformat(), (MatterDecision.first_stands,))
    edc.decide(again)
    for _again in range(2):  # the same body, also for another reason, is the same matter
        edc.wait(61)
        edc.send("visits/W6", "occurred", WRONG[1])
        edc.check()
    assert not edc.open
    edc.send("visits/W6", "occurred", WRONG[0])
    edc.check()
    assert edc.open
    assert rows(edc) == 1
    gone = get_matter(manager, edc.person.row().id, again.name)
    assert (gone.matter, gone.refusal, gone.settled is None) == (None, None, False)
    assert verify_trail(edc.installation) == []


def test_nobody_fills_the_list(edc: Edc) -> None:
    for number in range(UNKNOWN_AT_MOST + 3):
        edc.wait(1)
        edc.send(f"visits/X{number}", "occurred", DAY)
    assert rows(edc) == UNKNOWN_AT_MOST + 1
    assert [each.refusal.stated.get("name") for each in edc.list_open() if each.refusal][-1] == "X22"
    noted = len(entries(edc))
    for number in range(AT_ONCE + 3):
        edc.wait(1)
        edc.send("visits/W6", "occurred", date(2030, 1, 1) + days(number))
    assert len(entries(edc)) - noted == AT_ONCE
    edc.wait(61)
    edc.send("visits/W6", "occurred", WRONG[1])
    newest = next(
        each.refusal for each in edc.list_open() if each.refusal and each.refusal.part == "visits/W6"
    )
    assert newest.stated == {"state": "occurred"}


def send_within(request: EdcRequest) -> None:
    """Send an unknown visit as an act inside another's transaction, which ends with it."""
    with request.context.unit_of_work() as work:
        within = replace(request, context=replace(request.context, opened=work))
        receive_visit(within, "W99", VisitState.planned, None)


def test_what_judges_no_fact_is_not_kept(edc: Edc) -> None:
    request = edc.request()
    nobody = replace(request, subject="0571-999")
    wrong = replace(request, preconditions=replace(request.preconditions, if_match='"7"'))
    for refused, code in ((nobody, "unknown_participant"), (wrong, "version_mismatch")):
        with pytest.raises(Refused, match=code):
            receive_arm(refused, "SBRT")
    with pytest.raises(Refused, match="no_visit"):
        send_within(request)
    assert rows(edc) == 0
    with pytest.raises(Refused, match="date_needed"):
        receive_status(request, StatusBody(StatusWord.lost))
    with pytest.raises(Refused, match="date_in_future"):
        receive_arm(edc.request(edc.at + days(1)), "SBRT")
    assert {each.refusal.cause for each in edc.list_open() if each.refusal} == {
        "date_needed",
        "as_of_in_future",
    }
    receive_arm(edc.request(edc.at - days(1)), "SBRT")
    assert [each.refusal.part for each in edc.list_open() if each.refusal] == ["status"]
