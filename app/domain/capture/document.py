"""The answer document of a form: complete, and known again by the digest of its content."""

from collections.abc import Collection, Mapping

from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import (
    OPEN,
    AnswerValue,
    ValidAnswers,
    applicable_items,
    clear_unticked,
    find_empty_list,
)
from app.domain.records.audit import canonical_json, sha256_hex
from app.domain.refusal import Refused


def complete_document(
    instrument: Instrument, answers: ValidAnswers, leave_out: Collection[str], reviewed: bool
) -> ValidAnswers:
    """The answer document to submit: only applicable items, each answered or left blank on purpose.

    An item of a list that was shown is answered, left blank or `NOT_TICKED`. Raises Refused: "not_reviewed"
    without the review step, "unanswered" naming the items, "nothing_ticked" naming the question over a list.
    """
    settled = clear_unticked(instrument, answers, leave_out)
    items = applicable_items(instrument, settled, leave_out)
    missing = [item.code for item in items if settled.get(item.code, OPEN) == OPEN]
    if missing:
        raise Refused("unanswered", items=tuple(missing))
    if (over := find_empty_list(instrument, settled, leave_out)) is not None:
        raise Refused("nothing_ticked", item=over.code)
    if not reviewed:
        raise Refused("not_reviewed")
    return ValidAnswers({item.code: settled[item.code] for item in items})


def content_digest(answers: Mapping[str, AnswerValue]) -> str:
    """The digest by which a repeated submission is known to be the same."""
    return sha256_hex(canonical_json(dict(answers)))
