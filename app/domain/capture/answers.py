"""One answer as a device submits it, and the codes that are recorded beside a form."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, ValidAnswers, validate_answer
from app.domain.refusal import Refused


class HelpedBy(StrEnum):
    """Who wrote down the participant's own answers, where somebody did."""

    family = "family"
    nurse = "nurse"
    other = "other"


class LateReason(StrEnum):
    """Why a diary entry is made more than a day late."""

    forgot = "forgot"
    too_ill = "too_ill"
    no_phone = "no_phone"
    other = "other"


class CollectionMode(StrEnum):
    """By which means the answers of a form were given."""

    own_device = "own_device"
    site_device = "site_device"
    """The clinic's tablet, handed over for one sitting."""
    paper = "paper"


@dataclass(frozen=True, slots=True)
class SubmittedAnswer:
    """One answer as a device sends it: its number there, what it was based on, item and value.

    `skew` is by how many seconds the server's clock was ahead of the device's, where that is known;
    `offline`: the device could not send it at once; `checksum` then shows that it is as it was given.
    """

    seq: int
    base: int
    item: str
    value: AnswerValue
    device_at: datetime | None = None
    skew: int | None = None
    offline: bool = False
    checksum: int | None = None


class CheckedAnswers(tuple[SubmittedAnswer, ...]):
    """Answers each of which its item may have: what is checked once is not checked again."""

    __slots__ = ()


def find_bases(answers: Iterable[SubmittedAnswer], revision: int, aware: Mapping[int, int]) -> list[int]:
    """The base of each of the answers that are stored after `revision`: it rests on all that its phone knew.

    A phone knows what it gave itself, although it may not have heard yet that it was stored: as long as
    nobody else's answer came in between, an answer rests on the one before it. `aware` are numbers of earlier
    answers of this phone that rested on the one before them, with their revisions.
    """
    known, bases = dict(aware), []
    for before, answer in enumerate(answers, start=revision):
        follows_own = known.get(answer.seq - 1) == before
        base = max(answer.base, before) if follows_own else answer.base
        if base >= before:
            known[answer.seq] = before + 1
        bases.append(base)
    return bases


def find_submitted_bases(base: int, revision: int, count: int) -> list[int]:
    """As `find_bases`, of so many answers of a submission: a page that rested on `base`, new to the form."""
    if base < revision:
        return [base] * count
    return [max(base, before) for before in range(revision, revision + count)]


def check_answers(
    instrument: Instrument, answers: Collection[SubmittedAnswer], leave_out: Collection[str]
) -> CheckedAnswers:
    """Validate each answer once: `CheckedAnswers` were validated before, and come back unchanged.

    Raises Refused for an unknown or left-out item, and as `validate_answer`.
    """
    if isinstance(answers, CheckedAnswers):
        return answers
    for answer in answers:
        _check_answer(instrument, answer.item, answer.value, leave_out)
    return CheckedAnswers(answers)


def validate_answers(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str]
) -> ValidAnswers:
    """Validate each answer once: those of a parser were validated before, and come back unchanged.

    Raises as `check_answers`.
    """
    if isinstance(answers, ValidAnswers):
        return answers
    for code, value in answers.items():
        _check_answer(instrument, code, value, leave_out)
    return ValidAnswers(answers)


def _check_answer(instrument: Instrument, code: str, value: AnswerValue, leave_out: Collection[str]) -> None:
    item = instrument.get_item(code)
    if code in leave_out:
        raise Refused("unknown_item", item=code, allowed="items that the plan uses")
    validate_answer(item, value)
