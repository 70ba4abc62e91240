"""Pages a participant sees: frozen values and the name of the template that shows them.

Every text in these values is already in the reader's language and every date already written out in
words; codes (`status`, `error`, `code`) are turned into words by the template.
"""

from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class ActivatePage:
    """Opened from the QR sheet or by typing the short code; only its POST binds this browser.

    `shared`: somebody else is bound in this browser; `wechat`: it is the one inside WeChat.
    """

    template: ClassVar[str] = "patient/activate.html"
    action_url: str
    asks_code: bool = False
    error: str = ""  # "" | "wrong" | "throttled"
    shared: bool = False
    wechat: bool = False


@dataclass(frozen=True, slots=True)
class CheckPage:
    """The second check on the way in: choose a PIN, or give what is known already.

    A wrong answer reads like a wrong code (P1.5): "wrong" tells nothing of what was wrong.
    """

    template: ClassVar[str] = "patient/check.html"
    asks: str  # "new_pin" | "pin" | "birth_date" | "nothing"
    action_url: str
    error: str = ""  # "" | "format" | "mismatch" | "simple" | "wrong" | "throttled"
    code: str = ""  # the short code that was typed, carried on
    shared: bool = False


@dataclass(frozen=True, slots=True)
class LockedPage:
    """Shown after idle minutes in place of the content; drafts are already kept.

    `carried` holds the fields of a form that came too late: they go along with the answer, so that
    nothing is lost and nothing is stored before it is known who sends it. `minutes` is 0 when the
    lock did not come from idling. `shared`: other participants are bound in this browser.
    """

    template: ClassVar[str] = "patient/locked.html"
    action_url: str
    minutes: int
    asks: str = "pin"  # "pin" | "birth_date" | "none"
    error: str = ""  # "" | "format" | "wrong" | "throttled"
    carried: tuple[tuple[str, str], ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One form that can be filled in now."""

    status: str  # "open" | "due" | "overdue" | "in_progress"
    name: str
    questions: int
    minutes: int
    answered: int
    closes: str
    url: str


@dataclass(frozen=True, slots=True)
class HomePage:
    """What is due, soonest closing first; what then; and where to turn.

    `reminded`: the study tells them of the next form. `finished`: they completed the study.
    """

    template: ClassVar[str] = "patient/home.html"
    cards: tuple[Card, ...]
    sent_url: str
    settings_url: str
    call_url: str
    next_on: str = ""
    reminded: bool = False
    finished: bool = False
    notices: tuple[str, ...] = ()  # "pin_set" | "saved" | "language"
    opens_offline: bool = False


@dataclass(frozen=True, slots=True)
class BeginPage:
    """Who fills this in, and the instrument's own instruction; the POST begins the form."""

    template: ClassVar[str] = "patient/begin.html"
    name: str
    lang: str
    instruction: str
    questions: int
    minutes: int
    begin_url: str
    demonstration: bool
    error: str = ""  # "" | "who" | "scribe" | "late"
    who: str = ""  # "" | "self" | "scribe"
    asks_late_reason: bool = False
    recalls: tuple[str, ...] = ()  # the times that questions ask about, as the instrument words them
    copyright_line: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer option as the instrument prints it; a scale's unlabelled points have label ""."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One item with the answer the server knows.

    `ask_if` is a condition such as "fever==1"; `urgent_if` holds some such as "temperature>=380", any of
    which counts. Their numbers are the stored integers (tenths where `decimals` is 1), while `value` of a
    decimal is as a person writes it.
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
    urgent_if: str = ""
    low: int = 0
    high: int = 0
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class FormPage:
    """The whole form in one document: every question, known answers, review and sending.

    `dark`: the page may be dark where the phone is; else it keeps one look.

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
    mark: Markup
    css: Markup
    runner: Markup
    dark: bool = False
    key: str = ""
    day: str = ""  # the day that a diary entry is about
    copyright_line: str = ""
    urgent_text: str = ""
    missing: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    blank: bool = False  # opened without a connection, so that answers sent before are not shown


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One line of the check before sending; `value` and `blank` are sent again unchanged."""

    code: str
    number: int
    text: str
    answer: str
    value: str
    blank: bool
    change_url: str


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
    urgent: bool = False
    urgent_text: str = ""
    copyright_line: str = ""


@dataclass(frozen=True, slots=True)
class DonePage:
    """Thanks, shown only once the server has committed the answers."""

    template: ClassVar[str] = "patient/done.html"
    name: str
    sent_at: str
    receipt: str
    next_on: str = ""
    more: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class NoticePage:
    """A stop with its reason and the way on.

    `code` is one of closed, not_open, withdrawn, wrong_link, no_cookies, already_sent, proxy, throttled,
    not_offered, kept.
    """

    template: ClassVar[str] = "patient/notice.html"
    code: str
    name: str = ""
    when: str = ""
    next_on: str = ""
    receipt: str = ""
    call_url: str = "/help#call"


@dataclass(frozen=True, slots=True)
class OfflinePage:
    """What a phone shows in place of a page that it cannot get; it brings its look along."""

    template: ClassVar[str] = "patient/offline.html"
    css: Markup
