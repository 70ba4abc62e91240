"""The answer document of a form: complete, and known again by the digest of its content."""

from collections.abc import Collection, Mapping

from app.domain.capture.answers import check_answer
from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue, applicable_items
from app.domain.records.audit import canonical_json, sha256_hex
from app.domain.refusal import Refused


def complete_document(
    instrument: Instrument, answers: Mapping[str, AnswerValue], leave_out: Collection[str], reviewed: bool
) -> dict[str, AnswerValue]:
    """The answer document to submit: only asked items, each answered or left blank on purpose.

    Raises Refused: "not_reviewed" without the review step, "unanswered" naming the items,
    or as `accept` for a value that its item cannot have.
    """
    for code, value in answers.items():
        check_answer(instrument, code, value, leave_out)
    items = applicable_items(instrument, answers, leave_out)
    missing = tuple(item.code for item in items if item.code not in answers)
    if missing:
        raise Refused("unanswered", items=missing)
    if not reviewed:
        raise Refused("not_reviewed")
    return {item.code: answers[item.code] for item in items}


def content_digest(answers: Mapping[str, AnswerValue]) -> str:
    """The digest by which a repeated submission is known to be the same."""
    return sha256_hex(canonical_json(dict(answers)))
