"""Scoring stored responses once more, by the instrument and the plan of their slots."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.definitions.library import Library
from app.domain.capture.document import content_digest
from app.domain.instruments.responses import ValidAnswers
from app.domain.instruments.scoring.registry import serialise_scores
from app.domain.refusal import Refused
from app.services.core.plans import excluded_items
from app.storage.proof.row_facts import read_document


@dataclass(slots=True)
class ScoreCheck:
    """Compares responses with their own answers. `unscored`: of which this version lacks the definition.

    `slots` are the stored rows of slots by their number.
    """

    library: Library
    studies: Mapping[int, str]
    unscored: int = 0

    def find_wrong_fields(self, response: sa.Row[Any], slots: Mapping[int, sa.Row[Any]]) -> Iterator[str]:
        """The fields of a stored response that do not follow from its answers."""
        answers = read_document(response.answers)
        if not isinstance(answers, dict) or content_digest(answers) != response.content_sha256:
            yield "answers"
            return
        scores = self._score(response, answers, slots)
        if scores is not None and scores != read_document(response.scores):
            yield "scores"

    def _score(
        self, response: sa.Row[Any], answers: dict[str, Any], slots: Mapping[int, sa.Row[Any]]
    ) -> list[dict[str, Any]] | None:
        """The scores of the response's answers; None if this version cannot compute them."""
        try:
            slot = slots[response.slot_id]
            plan = self.library.get_plan(self.studies[slot.study_id], slot.plan_version)
            instrument = self.library.get_instrument(slot.instrument, slot.instrument_version)
            leave_out = excluded_items(plan, slot.instrument)
        except (LookupError, Refused, StopIteration):
            self.unscored += 1
            return None
        if instrument.sha256 != response.instrument_sha256:
            self.unscored += 1
            return None
        return serialise_scores(instrument, ValidAnswers(answers), leave_out)
