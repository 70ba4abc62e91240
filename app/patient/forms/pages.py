"""Pages a participant sees: frozen values and the name of the template that shows them.

Every text in these values is already in the reader's language and every date already written out in
words; codes (`status`, `error`, `code`) are turned into words by the template.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from markupsafe import Markup

from app.services.patient.urgent_call import NUMBER_ON_SHEET, UrgentCall


@dataclass(frozen=True, slots=True)
class BeginPage:
    """Who fills this in, and the instrument's own instruction; the POST begins the form."""

    template: ClassVar[str] = "patient/begin.html"
    name: str
    lang: str
    instruction: str
    questions: int  # 0 where the answers decide how many there are
    minutes: int
    begin_url: str
    demonstration: bool
    error: str = ""  # "" | "who" | "scribe" | "late"
    who: str = ""  # "" | "self" | "scribe"
    asks_late_reason: bool = False
    recalls: tuple[str, ...] = ()  # the times that questions ask about, as the instrument words them
    copyright_line: str = ""
    dark: bool = False  # as in `FormPage`: a form has one look from its beginning to the thanks


@dataclass(frozen=True, slots=True)
class HelperPage:
    """Who fills in a form that is begun: to be said anew. `scribe` is who types."""

    template: ClassVar[str] = "patient/who.html"
    name: str
    action_url: str
    form_url: str
    who: str = ""
    scribe: str = ""
    error: str = ""  # "" | "who" | "scribe"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer option as the instrument prints it; a scale's unlabelled points have label ""."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One item in a list: the name of its box, and the words beside it."""

    box: str
    label: str
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One item with the answer the server knows.

    `ticks` are the boxes of a list, whose `choices` then are "one or more" and "none of these". `box` is the
    name of the box that decides whether this item is asked; `listed`: the box is its own; `tick`: the answer
    that the box alone gives. `look` hides it where no script asks it: "" or " js-only". `like` is an earlier
    item that is asked in the same way: of one that is hidden only the question travels, and the runner takes
    the rest from that other one.

    `ask_if` is a condition such as "pain,4,10": the answer is from 4 to 10; `urgent_if` holds some of them,
    any of which counts. Their numbers are the stored integers (tenths where `decimals` is 1), while `value`
    of a decimal is as a person writes it. `depends_on` says `ask_if` in words: the number of the other
    question, and its answer.
    """

    code: str
    number: int
    kind: str  # "choice" | "scale" | "decimal" | "text"
    text: str
    choices: tuple[Choice, ...] = ()
    recall: str = ""
    value: str = ""
    blank: bool = False
    skippable: bool = True
    ask_if: str = ""
    depends_on: tuple[int, str] = (0, "")
    urgent_if: str = ""
    low: int = 0
    high: int = 0
    decimals: int = 0
    direction: str = "ltr"  # of a row of numbers: where the smallest stands, in every language
    ticks: tuple[Tick, ...] = ()
    box: str = ""
    listed: bool = False
    tick: str = ""
    look: str = ""
    like: str = ""


class RunnerKind(StrEnum):
    """What a form's runner can do: choices alone; also what is typed, conditional or urgent; a list.

    In a `list` what is ticked decides alone what is asked, and numbers are typed; `all` is for one in which
    answers decide it too, or words are typed.
    """

    choice = "choice"
    full = "full"
    list = "list"
    all = "all"


@dataclass(frozen=True, slots=True)
class FormParts:
    """What is inlined in a form's document."""

    mark: Markup
    css: Markup
    runner: Markup
    kind: RunnerKind


@dataclass(frozen=True, slots=True)
class FormPage:
    """The whole form in one document: every question, known answers, review and sending.

    `dark`: the page may be dark where the phone is; else it keeps one look. `call` is whom an urgent answer
    calls at the hour at which the page was made; a `blank` one is kept for any hour, and names both numbers.

    `key` holds one sign for each question, in their order: what a phone keeps of an answer that it could
    not send yet stands under it. Empty where the study lets the phone keep nothing.
    """

    template: ClassVar[str] = "patient/form.html"
    name: str
    lang: str
    instruction: str
    questions: tuple[Question, ...]
    form_url: str
    submit_url: str
    submission_id: str
    revision: int
    demonstration: bool
    parts: FormParts
    dark: bool = False
    key: str = ""
    day: str = ""  # the day that a diary entry is about
    copyright_line: str = ""
    call: UrgentCall = NUMBER_ON_SHEET
    missing: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    helper: str = ""  # who fills in a form that begins with a list: "self", or who types
    blank: bool = False  # opened without a connection, so that answers sent before are not shown
    aloud: bool = False  # a question can be read out, where the phone has a voice of its own for it


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One line of the check before sending; `value`, `blank` and `ticks` (boxes) are sent again unchanged.

    `most` is the highest number of the row in which `answer` is one without words, else "".
    """

    code: str
    number: int
    text: str
    answer: str
    value: str
    blank: bool
    change_url: str
    most: str = ""
    ticks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """The check before sending for a browser without JavaScript."""

    template: ClassVar[str] = "patient/review.html"
    name: str
    lang: str
    rows: tuple[ReviewRow, ...]
    submit_url: str
    submission_id: str
    revision: int
    form_url: str
    demonstration: bool
    day: str = ""  # the day that a diary entry is about
    call: UrgentCall | None = None  # because of an answer
    copyright_line: str = ""
    dark: bool = False
    helper: str = ""  # as of the form


@dataclass(frozen=True, slots=True)
class DonePage:
    """Thanks, shown only once the server has committed the answers. `call`: because of one of them.

    `start_url` and `start_name` are those of the form to go on with, "" where none is open.
    """

    template: ClassVar[str] = "patient/done.html"
    name: str
    submitted_at: str
    receipt: str
    next_on: str = ""
    more: int = 0
    late: bool = False
    call: UrgentCall | None = None
    handed_back: bool = False  # the clinic's tablet is to be given back
    start_url: str = ""
    start_name: str = ""
    dark: bool = False
