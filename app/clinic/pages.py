"""Pages of the desk: frozen values and the template that shows them; codes become words there."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from app.services.packs import PackStanding
from app.web.shell import Shell


@dataclass(frozen=True, slots=True)
class DeskShell(Shell):
    """The frame of a desk page: who is signed in, and whether they enrol and answer requests somewhere."""

    colleague: str = ""
    enrols: bool = False
    answers: bool = False

    @property
    def desk_js_href(self) -> str:
        return f"{self.static_root}/js/desk.js"

    def of(self, colleague: str, enrols: bool, answers: bool = False) -> "DeskShell":
        """The frame as this member of staff has it."""
        return replace(self, colleague=colleague, enrols=enrols, answers=answers, home_url="/desk")


@dataclass(frozen=True, slots=True)
class SignInPage:
    """E-mail and password."""

    template: ClassVar[str] = "clinic/sign_in.html"
    action_url: str
    email: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CodePage:
    """The one-time code, after the password."""

    template: ClassVar[str] = "clinic/code.html"
    action_url: str
    back_url: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One choice of a filter, with how many there are (None: not counted)."""

    code: str
    url: str
    current: bool
    count: int | None
    more: bool = False


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One form that is wanted; `days` is more than 0 for a participant's diary."""

    status: str
    subject: str
    url: str
    site: str
    form: str
    visit: str
    closes_on: date
    days_left: int
    answered: int
    asked: int
    days: int
    reminded_at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class WorkListPage:
    """Who needs a call."""

    template: ClassVar[str] = "clinic/worklist.html"
    rows: tuple[WorkRow, ...]
    forms: tuple[Tab, ...]
    groups: tuple[Tab, ...]
    sites: tuple[tuple[str, str], ...]
    site: str
    search: str
    form: str
    group: str
    next_url: str
    as_of: datetime
    zone: str
    fragment: bool = False
    cannot_get_in: int = 0
    packs: tuple[PackStanding, ...] = ()  # with names for codes
    requests: int = 0


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One participant in the list of all."""

    subject: str
    url: str
    site: str
    language: str
    enrolled_on: date
    activated: bool
    exit: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Every participant of one's sites."""

    template: ClassVar[str] = "clinic/people.html"
    rows: tuple[PersonRow, ...]
    search: str
    next_url: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One form in the matrix."""

    status: str
    url: str
    answered: int
    asked: int
    late: bool
    reason: str
    died: bool
    day: date | None


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of the matrix: its window and a cell per form (None: not asked at this visit)."""

    visit: str
    opens_on: date | None
    closes_on: date | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class KeptApartRow:
    """That answers lie apart from a form, and the code of why."""

    form: str
    visit: str
    cell: Cell
    received_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One question of a form that two phones answered without knowing of each other; no answer in it."""

    form: str
    visit: str
    cell: Cell
    question: int
    earlier_at: datetime
    later_at: datetime


@dataclass(frozen=True, slots=True)
class DateRow:
    """A kind of dated fact, its value, and values that others gave."""

    kind: str
    on: date | None
    source: str
    owner: str
    reason: str
    recorded_at: datetime | None
    differing: tuple[tuple[date, str], ...]
    earlier: tuple[tuple[date, str, str], ...]


@dataclass(frozen=True, slots=True)
class ExitRow:
    """A disposition as it was stated, with what took it back."""

    kind: str
    stated: str
    source: str
    reason: str
    recorded_at: datetime
    undone_at: datetime | None
    undone_reason: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A browser that is or was bound."""

    label: str
    bound_at: datetime
    seen_at: datetime
    revoked_at: datetime | None
    revoke_url: str


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation and what became of it: waiting, used, revoked or expired."""

    state: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ParticipantPage:
    """Everything of one participant but their arm, answers and scores."""

    template: ClassVar[str] = "clinic/participant.html"
    subject: str
    url: str
    site: str
    zone: str
    language: str
    enrolled_on: date
    consent: tuple[str, date | None]
    identity: str
    exit: str
    forms: tuple[str, ...]
    visits: tuple[VisitRow, ...]
    diary_name: str
    diary_weeks: tuple[tuple[Cell, ...], ...]
    diary_counts: tuple[tuple[str, int], ...]
    kept_apart: tuple[KeptApartRow, ...]
    conflicts: tuple[ConflictRow, ...]
    dates: tuple[DateRow, ...]
    exits: tuple[ExitRow, ...]
    undoable: bool
    channel: str
    address: str
    revealed: bool
    devices: tuple[DeviceRow, ...]
    invitations: tuple[InvitationRow, ...]
    activated: bool
    may: frozenset[str]
    on_request: tuple[str, ...]
    today: str
    notice: str
    error: str
    asks_birth_date: bool = False


@dataclass(frozen=True, slots=True)
class FormPage:
    """One expected form: its window and what happened; and why it was missed, or is asked no more."""

    template: ClassVar[str] = "clinic/form.html"
    subject: str
    back_url: str
    action_url: str
    name: str
    visit: str
    cell: Cell
    opens_on: date | None
    target_on: date | None
    closes_on: date | None
    begun_at: datetime | None
    submitted_at: datetime | None
    helped_by: str
    note: str
    zone: str
    reasons: tuple[str, ...]
    excused: str
    exemptions: tuple[str, ...]  # the plan's, while the form may be excused
    error: str
    excusing: str = ""  # the exemption that is to be confirmed
