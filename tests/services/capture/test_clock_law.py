"""While the clock is not trusted nothing happens by time alone, and answers are taken all the same (TIM-04).

A machine's wall clock is moved by drawn jumps, its server is restarted with and without the machine, an
operator corrects and confirms the clock; ticks and answers come at any time.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlmodel import col, select

from app.domain.capture.answers import LateReason, SubmittedAnswer
from app.domain.clock_trust import CLOCK_LIMIT, ClockReading
from app.domain.plans.status import ANSWERABLE, Status
from app.domain.records.access import SYSTEM
from app.domain.refusal import Refused
from app.jobs.ticker import run_tick
from app.services.accounts.participant_session import unlock_device
from app.services.audit.clock_confirmation import check_clock, confirm_clock, update_clock_trust
from app.services.capture.answer_saving import AnswerBatch, save_answers
from app.services.capture.forms import begin_form
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.clock_watch import DEFAULT_GAP, ClockWatch
from app.services.core.context import ClockContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.reminders.due_slots import find_due_work
from app.services.schedule.slot_publication import slot_changes_due
from app.storage.queries.slots import slot_status
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import AnswerEvent, Response
from app.storage.tables.feed import FeedEvent
from app.storage.tables.schedule import Slot
from tests import postgres
from tests.scenarios.beginnings import SITE, make_stage, open_installation_at, site_of
from tests.scenarios.people import PIN, START, Person, with_short_diary
from tests.scenarios.reminders import MailServer, enrol_with_reminders, message_sender
from tests.scenarios.trail_entries import verify_trail
from tests.stages import Grown, Shelf

NO_SPAN = timedelta()
RANDOMISED = date(2026, 3, 2)
JITTER = st.timedeltas(timedelta(minutes=-2), timedelta(minutes=2))
JUMPS = st.one_of(
    st.timedeltas(timedelta(minutes=10), timedelta(days=6)),
    st.timedeltas(timedelta(minutes=10), timedelta(days=6)).map(lambda jump: -jump),
    st.timedeltas(timedelta(days=8), timedelta(days=2000)),
    st.timedeltas(timedelta(days=8), timedelta(days=2000)).map(lambda jump: -jump),
)


NEXT = st.sampled_from(("tick", "start", "nothing"))
"""What comes at once, so that few steps are enough for what matters."""


def _wanting_reminders(installation: Installation) -> Sequence[str]:
    person = enrol_with_reminders(with_short_diary(installation), site_of(installation))
    person.randomise(RANDOMISED, START)
    return (person.cookie,)


DIARY = make_stage(_wanting_reminders, SITE)


class Outcomes(NamedTuple):
    """How much there is of everything that time alone makes."""

    entries: int
    events: int
    letters: int


class ClockMachine(RuleBasedStateMachine):
    """A machine, its server and its operator.

    `ahead` is by how much the wall clock is ahead of the true time, `believed` by how much the server's time
    must be: the law of each reading follows from these two.
    """

    def __init__(self, ticks: Counter[bool], url: str, cookie: str, drop: Callable[[], None]) -> None:
        super().__init__()
        self.ticks = ticks
        self.true, self.jump, self.jitter = START, NO_SPAN, NO_SPAN
        self.boots, self.booted_at = 0, START - timedelta(days=3)
        self.confirmed: timedelta | None = None
        self.mail, self.submissions = MailServer(), 0
        self.drop = drop
        self._opened = open_installation_at(url)
        self.installation = with_short_diary(self._opened.__enter__())
        self.person = Person(self.installation, site_of(self.installation), "0571-001", cookie)
        self.serving = False
        self.believed = NO_SPAN
        self.start_server()

    def teardown(self) -> None:
        try:
            self.confirm()
            if not self.serving:
                self.start_server()
            self.tick()
            self.check_caught_up()
        finally:
            self._opened.__exit__(None, None, None)
            self.drop()

    @property
    def ahead(self) -> timedelta:
        return self.jump + self.jitter

    @property
    def untrusted(self) -> bool:
        return abs(self.ahead - self.believed) > CLOCK_LIMIT

    @property
    def at(self) -> datetime:
        return self.true + (self.believed if self.untrusted else self.ahead)

    @property
    def still_confirmed(self) -> bool:
        """Whether the wall clock is as the operator confirmed it since the machine started."""
        return self.confirmed is not None and abs(self.ahead - self.confirmed) <= CLOCK_LIMIT

    def read(self) -> ClockReading:
        return ClockReading(self.true + self.ahead, self.true - self.booted_at)

    @rule(span=st.timedeltas(NO_SPAN, timedelta(days=3)), then=NEXT)
    def wait(self, span: timedelta, then: str) -> None:
        self.true += span
        if then == "start":
            self.start_server()
        elif then == "tick" and self.serving:
            self.tick()

    @rule(jump=JUMPS, span=st.timedeltas(NO_SPAN, timedelta(days=1)), then=NEXT)
    def jump_clock(self, jump: timedelta, span: timedelta, then: str) -> None:
        self.jump += jump
        self.wait(span, then)

    @rule(jitter=JITTER)
    def jitter_clock(self, jitter: timedelta) -> None:
        self.jitter = jitter

    @rule()
    def correct_clock(self) -> None:
        self.jump = NO_SPAN

    @rule()
    def restart_machine(self) -> None:
        self.boots, self.booted_at, self.confirmed = self.boots + 1, self.true, None
        self.start_server()

    @rule()
    def start_server(self) -> None:
        """As `daybook serve` does: refused behind the trail, else watched from here."""
        newest = self.newest_entry_at()
        gap = self.true + self.ahead - newest
        confirmed = self.still_confirmed
        code = ""
        try:
            check_clock(self.installation, self.read(), self.boot_id, DEFAULT_GAP)
        except Refused as refused:
            code = refused.code
        if confirmed or -CLOCK_LIMIT <= gap <= DEFAULT_GAP:
            assert code == ""
        else:
            assert code == ("clock_behind" if gap < NO_SPAN else "clock_ahead")
        self.serving = code != "clock_behind"
        if not self.serving:
            return
        watch = ClockWatch(self.read, self.boot_id)
        self.installation = replace(self.installation, clock_watch=watch)
        self.person.installation = self.installation
        update_clock_trust(self.installation)
        if confirmed:
            self.believed = self.confirmed or NO_SPAN
        else:
            self.believed = self.ahead if not code else newest - self.true
        self.check_reading()

    @rule()
    def confirm(self) -> None:
        """The operator sets the clock right and says so; the server sees it at its next tick."""
        self.jump = NO_SPAN
        operator = StaffContext(self.installation, SYSTEM, self.read().wall)
        confirm_clock(operator, self.read(), self.boot_id, "the battery was changed")
        self.confirmed = self.ahead
        if self.serving:
            self.tick()

    @precondition(lambda self: self.serving)
    @rule()
    def tick(self) -> None:
        self.check_reading()
        before, was_untrusted = self.list_outcomes(), self.untrusted
        self.ticks[was_untrusted] += 1
        run_tick(self.installation, message_sender(self.mail), self.installation.clock_watch)
        if was_untrusted and self.still_confirmed:
            self.believed = self.confirmed or NO_SPAN
        self.check_reading()
        if self.untrusted:
            assert self.list_outcomes() == before
        else:
            work = find_due_work(ClockContext(self.installation, self.at))
            assert (work.slots, work.seals) == (False, False)

    @precondition(lambda self: self.serving)
    @rule()
    def answer(self) -> None:
        """Whatever form is open takes an answer, flagged while the clock is not trusted."""
        at = self.check_reading()
        slot = self.open_slot(at)
        if slot is None:
            return
        self.submissions += 1
        answer = SubmittedAnswer(1, 0, "any_symptom", 0)
        client = f"c{self.submissions}"
        save_answers(self.person.device(at), slot, AnswerBatch(client, [answer]))
        with self.installation.read() as session:
            row = session.exec(select(AnswerEvent).order_by(col(AnswerEvent.id).desc()).limit(1)).one()
        assert (row.client, row.received_at, row.clock_untrusted) == (client, at, self.untrusted)

    @precondition(lambda self: self.serving)
    @rule()
    def send(self) -> None:
        at = self.check_reading()
        slot = self.open_slot(at)
        if slot is None:
            return
        self.submissions += 1
        form = SubmittedForm({"any_symptom": 0}, f"s{self.submissions}", reviewed=True)
        receipt = submit_form(
            ParticipantContext(self.installation, self.person.participant(at), at), slot, form
        )
        with self.installation.read() as session:
            row = session.exec(select(Response).where(Response.public_id == receipt.number)).one()
            line = session.exec(select(FeedEvent.line).order_by(col(FeedEvent.seq).desc()).limit(1)).one()
        assert (row.submitted_at, row.clock_untrusted) == (at, self.untrusted)
        assert f'"clock_untrusted":{str(self.untrusted).lower()}' in line

    @property
    def boot_id(self) -> str:
        return f"boot {self.boots}"

    def check_reading(self) -> datetime:
        watch = self.installation.clock_watch
        at = watch()
        # A confirmation keeps the boot clock in milliseconds.
        assert abs(at - self.at) < timedelta(milliseconds=100)
        assert watch.untrusted == self.untrusted
        return at

    def open_slot(self, at: datetime) -> str | None:
        """A form that is open by the server's time, begun; the phone is unlocked for it if need be."""
        with self.installation.read() as session:
            slots = session.exec(select(Slot).where(col(Slot.for_day).is_not(None)).order_by(col(Slot.id)))
            answerable = next((slot for slot in slots if slot_status(slot, at) in ANSWERABLE), None)
        participant = self.person.participant(at)
        if participant.locked:
            unlock_device(ParticipantContext(self.installation, participant, at), PIN)
        if answerable is None:
            return None
        if answerable.begun_at is None:
            context = ParticipantContext(self.installation, self.person.participant(at), at)
            begin_form(context, answerable.public_id, None, LateReason.forgot)
        return answerable.public_id

    def newest_entry_at(self) -> datetime:
        with self.installation.read() as session:
            statement = select(AuditEntry.at).order_by(col(AuditEntry.id).desc()).limit(1)
            return session.exec(statement).one()

    def list_outcomes(self) -> Outcomes:
        by_clock = sa.select(sa.func.count()).where(col(AuditEntry.event).like("clock:%"))
        events = sa.select(sa.func.count(col(FeedEvent.seq)))
        with self.installation.read() as session:
            return Outcomes(
                session.execute(by_clock).scalar_one(),
                session.execute(events).scalar_one(),
                len(self.mail.letters),
            )

    def check_caught_up(self) -> None:
        """The clock is right and confirmed: all that is due was done, and the trail holds."""
        assert not self.untrusted
        with self.installation.read() as session:
            slots = session.exec(select(Slot)).all()
            untold = [slot.visit for slot in slots if slot_changes_due(slot, self.at)]
        assert untold == []
        assert verify_trail(self.installation) == []


Fresh = Callable[[], tuple[str, str, Callable[[], None]]]
"""Makes a database: its address, the cookie of the phone, and how it is thrown away."""


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """A database of its own for each sequence of steps."""
    of = request.param
    shelf: Shelf = request.getfixturevalue("sqlite_shelf" if of == "sqlite" else "postgres_shelf")
    stage: Grown = shelf.grown(DIARY)
    cluster: postgres.Cluster | None = (
        request.getfixturevalue("postgres_cluster") if of == "postgresql" else None
    )

    def make() -> tuple[str, str, Callable[[], None]]:
        if cluster is None:
            return shelf.store.url(shelf.store.copied(stage.path)), stage.secrets[0], lambda: None
        name = cluster.create(stage.path)
        return cluster.url(name, postgres.APP), stage.secrets[0], lambda: cluster.drop(name)

    return make


@pytest.mark.req("TIM-04")
def test_an_untrusted_clock_moves_nothing_but_answers(fresh: Fresh) -> None:
    ticks = Counter[bool]()
    run_state_machine_as_test(
        lambda: ClockMachine(ticks, *fresh()),  # type: ignore[arg-type]  # whatever makes one will do
        settings=settings(
            max_examples=16,
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.generate],  # to shrink dozens of databases takes longer than to read the steps
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert ticks[True] > 0 < ticks[False]


def test_a_begun_form_that_a_wrong_clock_missed_is_open_again_within_its_grace(fresh: Fresh) -> None:
    """Its window has closed meanwhile, which ends only what nobody has begun."""
    machine = ClockMachine(Counter(), *fresh())
    machine.answer()
    machine.jump_clock(timedelta(days=6), NO_SPAN, "start")
    machine.tick()
    machine.correct_clock()
    machine.wait(timedelta(days=2, hours=18), "nothing")
    machine.confirm()
    with machine.installation.read() as session:
        entry = session.exec(select(Slot).where(Slot.visit == "D0")).one()
    assert (slot_status(entry, machine.at), entry.published_state) == (Status.in_progress, "open")
    machine.teardown()
