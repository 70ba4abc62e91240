"""The answer document of a form: complete, and known again by the digest of its content."""

from collections.abc import Collection, Mapping

from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, ValidAnswers, applicable_items
from app.domain.records.audit import canonical_json, sha256_hex
from app.domain.refusal import Refused


def complete_document(
    instrument: Instrument, answers: ValidAnswers, leave_out: Collection[str], reviewed: bool
) -> ValidAnswers:
    """The answer document to submit: only applicable items, each answered or left blank on purpose.

    Raises Refused: "not_reviewed" without the review step, "unanswered" naming the items.
    """
    items = applicable_items(instrument, answers, leave_out)
    missing = tuple(item.code for item in items if item.code not in answers)
    if missing:
        raise Refused("unanswered", items=missing)
    if not reviewed:
        raise Refused("not_reviewed")
    return ValidAnswers({item.code: answers[item.code] for item in items})


def content_digest(answers: Mapping[str, AnswerValue]) -> str:
    """The digest by which a repeated submission is known to be the same."""
    return sha256_hex(canonical_json(dict(answers)))
