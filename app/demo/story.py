"""What the demonstration tells of one person: a story, its dates, forms, and what goes wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.alerts.handling import AlertState
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.dispositions import DispositionKind
from app.domain.today.contacts import ContactOutcome

CALL = "call"
GONE = "gone.example"
"""Where no mailbox is any more: what goes to these addresses comes back."""


class FormStory(StrEnum):
    """What somebody does with a form, where they do not simply answer it around its day."""

    NOT = "not"
    BEGUN = "begun"
    IDLE = "idle"
    """Begun, and left alone for three days."""
    TWO_PHONES = "two_phones"
    """Answered on two phones, of which neither knew what the other had sent."""
    IN_GRACE = "in_grace"
    LATE = "late"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class DatedFact:
    """A dated fact: its kind, and by whom it was recorded on its day. Days are counted back from today.

    `against_order`: it stands against another date, and was confirmed all the same.
    """

    kind: str
    on: int
    source: Owner = Owner.site
    reason: str | None = None
    recorded: int | None = None
    against_order: bool = False


@dataclass(frozen=True, slots=True)
class DemoExit:
    """A disposition; `undone` where it was a mistake. Days are counted back from today."""

    kind: DispositionKind
    on: int
    undone: int | None = None


@dataclass(frozen=True, slots=True)
class DemoCorrection:
    """A correction of a visit's form, and what came of it; days are counted back from today.

    Nurses propose, unless it is `by_doctor`; without an `outcome` it waits. `earlier`: on this day another
    answer to the same question was proposed, which nobody decided on.
    """

    visit: str
    proposed: int
    by_doctor: bool = False
    decided: int = 0
    outcome: CorrectionOutcome | None = None
    earlier: int | None = None


@dataclass(frozen=True, slots=True)
class DemoPaper:
    """A visit's form on paper: filled in and entered by a nurse so many days ago."""

    visit: str
    filled: int
    entered: int


@dataclass(frozen=True, slots=True)
class DemoAlert:
    """An entry of the diary that raises an alert, and how far a nurse dealt with it from the day after on."""

    on: int
    item: str
    value: int
    state: AlertState = AlertState.waiting
    note: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One person's way through the study; days are counted back from today.

    `forms` are the exceptions: every other form is answered around its target day. `quiet` is the
    first day on which nothing was answered any more, `diary` the day of the first diary entry. `asks`:
    just now they asked to be called (`CALL`), or said that something is wrong in this visit's form. `called`:
    what came of the calls of these days; `snoozed`: why their row of the work list rests since just now;
    `assigned`: since just now they are assigned to their site's nurse.
    `locked_out`: just now they entered a wrong PIN too often. `retold`: for the moment of randomisation the
    EDC told two days. `foretold`: a visit that the EDC said took place on a day that has not come.
    """

    subject: str
    language: str
    shows: str
    enrolled: int
    arm: str | None = None
    randomised: int | None = None
    activated: bool = True
    forms: Mapping[str, FormStory] = field(default_factory=dict)
    diary: int = 0
    quiet: int = 0
    stated: tuple[DatedFact, ...] = ()
    exits: tuple[DemoExit, ...] = ()
    reason: tuple[str, MissedReason, int] | None = None
    excused: tuple[str, int] | None = None
    requested: tuple[str, int] | None = None
    asks: str | None = None
    called: tuple[tuple[int, ContactOutcome], ...] = ()
    snoozed: str = ""
    assigned: bool = False
    locked_out: bool = False
    retold: bool = False
    foretold: str | None = None
    corrected: DemoCorrection | None = None
    alerted: DemoAlert | None = None
    paper: DemoPaper | None = None
    address: str | None = None
    hospital: str | None = None

    @property
    def site(self) -> str:
        """The code of the site: its `hospital`, or what the subject's code begins with."""
        return self.hospital or self.subject.split("-")[0]
