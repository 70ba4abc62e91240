"""Scoring stored responses once more, by the instrument and the plan of their slots."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.definitions.library import Library
from app.domain.capture.document import content_digest
from app.domain.instruments.responses import ValidAnswers
from app.domain.instruments.scoring.registry import score_answers
from app.domain.instruments.scoring.score import spell_score
from app.domain.refusal import Refused
from app.services.core.plans import excluded_items
from app.storage.proof.record_rows import SlotDefinition


@dataclass(slots=True)
class ScoreCheck:
    """Compares responses with their own answers. `unscored`: of which this version lacks the definition."""

    library: Library
    studies: Mapping[int, str]
    unscored: int = 0

    def find_wrong_fields(self, response: sa.Row[Any], slots: Mapping[int, SlotDefinition]) -> Iterator[str]:
        """The fields of a stored response that do not follow from its answers."""
        if content_digest(response.answers) != response.content_sha256:
            yield "answers"
        scores = self._score(response, slots.get(response.slot_id))
        if scores is not None and scores != response.scores:
            yield "scores"

    def _score(self, response: sa.Row[Any], slot: SlotDefinition | None) -> list[dict[str, Any]] | None:
        """The scores of the response's answers; empty for answers that cannot be, None if not computable."""
        try:
            if slot is None:
                raise LookupError(response.slot_id)
            plan = self.library.plan(self.studies[slot.study_id], slot.plan_version)
            instrument = self.library.instrument(slot.instrument, slot.instrument_version)
            leave_out = excluded_items(plan, slot.instrument)
        except (LookupError, Refused, StopIteration):
            self.unscored += 1
            return None
        if instrument.sha256 != response.instrument_sha256:
            self.unscored += 1
            return None
        try:
            scores = score_answers(instrument, ValidAnswers(response.answers), leave_out)
        except Refused:
            return []
        return [spell_score(score) for score in scores]
