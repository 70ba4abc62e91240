"""Who takes part in the first study of the demonstration: 26 people who do not exist, and what each shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.alerts.handling import AlertState
from app.domain.capture.corrections import CorrectionOutcome
from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.dispositions import DispositionKind
from app.domain.today.contacts import ContactOutcome

CALL = "call"


class FormStory(StrEnum):
    """What somebody does with a form, where they do not simply answer it around its day."""

    NOT = "not"
    BEGUN = "begun"
    IN_GRACE = "in_grace"
    LATE = "late"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class DatedFact:
    """A dated fact: its kind, and by whom it was recorded on its day. Days are counted back from today."""

    kind: str
    on: int
    source: Owner = Owner.site
    reason: str | None = None
    recorded: int | None = None


@dataclass(frozen=True, slots=True)
class DemoExit:
    """A disposition; `undone` where it was a mistake. Days are counted back from today."""

    kind: DispositionKind
    on: int
    undone: int | None = None


@dataclass(frozen=True, slots=True)
class DemoCorrection:
    """A correction of a visit's form, and what came of it; days are counted back from today.

    Nurses propose, unless it is `by_doctor`; without an `outcome` it waits.
    """

    visit: str
    proposed: int
    by_doctor: bool = False
    decided: int = 0
    outcome: CorrectionOutcome | None = None


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
    what came of a call yesterday; `snoozed`: why their row of the work list rests since just now.
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
    called: ContactOutcome | None = None
    snoozed: str = ""
    corrected: DemoCorrection | None = None
    alerted: DemoAlert | None = None
    paper: DemoPaper | None = None
    address: str | None = None
    hospital: str | None = None

    @property
    def site(self) -> str:
        """The code of the site: its `hospital`, or what the subject's code begins with."""
        return self.hospital or self.subject.split("-")[0]


def _radiotherapy(start: int, end: int) -> tuple[DatedFact, ...]:
    return DatedFact("sbrt_start", start), DatedFact("sbrt_end", end)


_FIRST = (
    Story(
        "0571-001",
        "zh_CN",
        "a long course, all forms in time, W48 on paper",
        403,
        "SBRT",
        400,
        forms={"W48": FormStory.NOT},
        diary=400,
        paper=DemoPaper("W48", 63, 58),
        stated=(DatedFact("systemic_start", 396), *_radiotherapy(390, 378)),
        corrected=DemoCorrection("BL", 401, decided=400, outcome=CorrectionOutcome.approved),
    ),
    Story(
        "0571-002",
        "zh_CN",
        "W6 is open, its day has not come",
        42,
        "SOC",
        39,
        forms={"W6": FormStory.NOT},
        diary=13,
        alerted=DemoAlert(2, "blood_in_sputum", 3, AlertState.acknowledged),
    ),
    Story(
        "0571-003",
        "en",
        "W6 is due today",
        45,
        "SBRT",
        42,
        forms={"W6": FormStory.NOT},
        diary=13,
        stated=_radiotherapy(33, 22),
        called=ContactOutcome.no_answer,
        address="p003@participant.example",
    ),
    Story(
        "0571-004",
        "zh_CN",
        "W6 is overdue, a call was asked for",
        49,
        "SOC",
        46,
        forms={"W6": FormStory.NOT},
        diary=13,
        stated=(DatedFact("systemic_start", 45),),
        quiet=3,
        asks=CALL,
        called=ContactOutcome.reached_will_do,
        address="p004@participant.example",
    ),
    Story(
        "0571-005",
        "zh_CN",
        "W6 is begun and not sent",
        43,
        "SBRT",
        40,
        forms={"W6": FormStory.BEGUN},
        diary=13,
        stated=_radiotherapy(31, 20),
    ),
    Story(
        "0571-006",
        "en",
        "W6 was sent in time, something is wrong in it",
        47,
        "SOC",
        44,
        diary=44,
        asks="W6",
        alerted=DemoAlert(10, "chest_pain", 8, AlertState.closed, "pain is gone, took the usual medicine"),
        corrected=DemoCorrection("BL", 2),
    ),
    Story(
        "0571-007",
        "zh_CN",
        "W6 arrived after its window",
        58,
        "SBRT",
        55,
        forms={"W6": FormStory.LATE},
        diary=10,
        stated=_radiotherapy(45, 34),
    ),
    Story(
        "0571-008",
        "zh_CN",
        "W6 was finished within the grace, and a paper of it lies apart",
        55,
        "SOC",
        52,
        forms={"W6": FormStory.IN_GRACE},
        diary=13,
        paper=DemoPaper("W6", 9, 1),
        alerted=DemoAlert(1, "chest_pain", 9),
    ),
    Story(
        "0571-009",
        "en",
        "W6 was missed, its reason is not known yet",
        63,
        "SOC",
        60,
        forms={"W6": FormStory.BEGUN},
        snoozed="comes to the clinic in two days and will say why",
    ),
    Story(
        "0571-010",
        "zh_CN",
        "W6 was missed: too ill, as staff judged",
        65,
        "SBRT",
        62,
        forms={"W6": FormStory.NOT},
        reason=("W6", MissedReason.too_ill_staff, 6),
        diary=5,
        stated=_radiotherapy(52, 41),
    ),
)

_SECOND = (
    Story(
        "0512-001",
        "en",
        "W6 was excused",
        54,
        "SBRT",
        51,
        excused=("W6", 10),
        stated=_radiotherapy(42, 30),
        corrected=DemoCorrection("BL", 50, decided=49, outcome=CorrectionOutcome.declined),
    ),
    Story(
        "0512-002",
        "zh_CN",
        "died before W6 opened",
        53,
        "SOC",
        50,
        quiet=32,
        exits=(DemoExit(DispositionKind.death, 30),),
    ),
    Story(
        "0512-003",
        "zh_CN",
        "died while W6 was open",
        49,
        "SBRT",
        46,
        forms={"W6": FormStory.NOT},
        quiet=8,
        stated=_radiotherapy(37, 26),
        exits=(DemoExit(DispositionKind.death, 5),),
    ),
    Story(
        "0512-004",
        "en",
        "withdrew from questionnaires",
        93,
        "SOC",
        90,
        quiet=20,
        exits=(DemoExit(DispositionKind.withdrew_questionnaires, 20),),
    ),
    Story(
        "0512-005",
        "zh_CN",
        "withdrew from the study",
        73,
        "SBRT",
        70,
        quiet=15,
        stated=_radiotherapy(60, 49),
        exits=(DemoExit(DispositionKind.withdrew_study, 15),),
    ),
    Story(
        "0512-006",
        "zh_CN",
        "withdrew from treatment today: ET is due",
        38,
        "SOC",
        35,
        diary=13,
        exits=(DemoExit(DispositionKind.withdrew_treatment, 0),),
    ),
    Story(
        "0512-007",
        "zh_CN",
        "screen failure",
        12,
        quiet=8,
        exits=(DemoExit(DispositionKind.screen_failure, 6),),
    ),
    Story("0512-008", "en", "enrolled yesterday, not activated yet", 1, activated=False),
)

_THIRD = (
    Story("0755-001", "zh_CN", "BL was sent; the rest waits for randomisation", 10),
    Story("0755-002", "zh_CN", "not activated for four days", 4, activated=False),
    Story(
        "0755-003",
        "zh_CN",
        "W12 was missed, then lost to follow-up",
        133,
        "SOC",
        130,
        forms={"W12": FormStory.NOT},
        stated=(DatedFact("systemic_start", 128), DatedFact("systemic_end", 80)),
        quiet=70,
        reason=("W12", MissedReason.not_reachable, 35),
        exits=(DemoExit(DispositionKind.lost, 30),),
    ),
    Story(
        "0755-004",
        "en",
        "completed the study",
        1107,
        "SOC",
        1104,
        exits=(DemoExit(DispositionKind.completed, 4),),
    ),
    Story(
        "0755-005",
        "zh_CN",
        "W6 was begun on its last day and may still be finished",
        54,
        "SBRT",
        51,
        forms={"W6": FormStory.BEGUN},
        stated=_radiotherapy(42, 30),
        diary=13,
    ),
    Story(
        "0755-006",
        "en",
        "an unscheduled form was asked for today",
        31,
        "SOC",
        28,
        diary=28,
        requested=("UNS", 0),
        alerted=DemoAlert(3, "breathlessness", 8, AlertState.acted, "comes to the clinic this week"),
        corrected=DemoCorrection("BL", 3, by_doctor=True),
        address="p006@participant.example",
    ),
    Story(
        "0755-007",
        "zh_CN",
        "EOT is overdue; two dates differ; a withdrawal was undone",
        30,
        "SBRT",
        27,
        forms={"EOT": FormStory.NOT},
        diary=27,
        alerted=DemoAlert(4, "breathlessness", 9),
        stated=(
            *_radiotherapy(21, 10),
            DatedFact("randomisation", 26, Owner.site, "as noted on the ward", 20),
        ),
        exits=(DemoExit(DispositionKind.withdrew_study, 7, undone=6),),
    ),
    Story(
        "0755-008",
        "zh_CN",
        "W6 came too late and lies in quarantine",
        62,
        "SBRT",
        59,
        forms={"W6": FormStory.TOO_LATE},
        stated=_radiotherapy(50, 38),
    ),
)

PEOPLE = _FIRST + _SECOND + _THIRD
