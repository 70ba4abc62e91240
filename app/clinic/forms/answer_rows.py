"""A submitted version as a page or a copy shows it: answers, scores, and how it came about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.instruments.definition import Instrument
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.scoring.score import round_printed_score
from app.domain.instruments.text import print_answer
from app.domain.plans.plan import Plan
from app.domain.plans.windows import local_day
from app.i18n.languages import find_language
from app.services.capture.forms import FormDefinition
from app.services.clinic.corrections.submitted_form import SubmittedVersion
from app.services.core.installation import Installation


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One question and its answer ("" for one left blank); `was`: the answer that a correction replaced.

    `revisions` are answers that the participant replaced before sending, with their times.
    """

    number: int
    question: str
    answer: str
    was: str | None
    revisions: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One scale: its value rounded for reading ("" for none), and how many of its items were answered."""

    scale: str
    value: str
    answered: int
    asked: int
    status: str


@dataclass(frozen=True, slots=True)
class AnswersCard:
    """The answers of one version, in the words that the participant read, and how they came about.

    `scores` is None for readers who may not see them.
    """

    lang: str
    language: str
    instrument: str
    wording: str
    demonstration: bool
    copyright_line: str
    recalls: tuple[str, ...]
    rows: tuple[AnswerRow, ...]
    scores: tuple[ScoreRow, ...] | None
    algorithm: str
    receipt: str
    version: int
    newest: int
    digest: str
    from_target: int | None
    layout: str
    width: int
    captured_offline: bool
    clock_untrusted: bool
    device_at: datetime | None
    late_reason: str


def build_answers_card(form: SubmittedVersion) -> AnswersCard:
    """What a reader sees of one version."""
    response, definition = form.response, form.definition
    text = definition.text
    spoken = find_language(text.lang)
    target = form.target_on
    used = {item.recall for item in definition.items if item.code in response.answers and item.recall}
    width = response.presentation.get("width", 0)
    return AnswersCard(
        lang=spoken.tag if spoken else text.lang,
        language=spoken.name if spoken else text.lang,
        instrument=f"{definition.instrument.id} {definition.instrument.version}",
        wording=response.text_sha256[:12],
        demonstration=text.wording == "demonstration",
        copyright_line=text.copyright,
        recalls=tuple(words for code, words in text.recalls.items() if code in used),
        rows=_rows(form),
        scores=None if form.scores is None else tuple(map(_score_row, form.scores)),
        algorithm=response.algorithm,
        receipt=response.public_id,
        version=response.version,
        newest=form.newest,
        digest=response.content_sha256,
        from_target=(local_day(response.submitted_at, form.zone) - target).days if target else None,
        layout="list" if response.presentation.get("layout") == "list" else "single",
        width=width if isinstance(width, int) else 0,
        captured_offline=response.captured_offline,
        clock_untrusted=response.clock_untrusted,
        device_at=response.device_at,
        late_reason=response.late_reason or "",
    )


def name_form(installation: Installation, plan: Plan, instrument: Instrument, language: str) -> str:
    """A form's name in the reader's language, which need not be that of its answers."""
    return plan.form_name(instrument.id, language) or installation.name(plan.id, instrument, language)


def answer_words(definition: FormDefinition, item: str, value: AnswerValue) -> str:
    """An answer in the form's own words, "" for one left blank."""
    if value is None:
        return ""
    return print_answer(definition.instrument.item(item), definition.text, value)


def _rows(form: SubmittedVersion) -> tuple[AnswerRow, ...]:
    definition, answers = form.definition, form.response.answers
    rows = []
    for item in definition.items:
        if item.code not in answers:
            continue
        rows.append(
            AnswerRow(
                number=item.number,
                question=definition.text.items[item.code],
                answer=answer_words(definition, item.code, answers[item.code]),
                was=_replaced_words(form, item.code),
                revisions=tuple(
                    (answer_words(definition, item.code, each.value), each.at)
                    for each in form.revisions.get(item.code, ())
                ),
            )
        )
    return tuple(rows)


def _replaced_words(form: SubmittedVersion, item: str) -> str | None:
    """The answer of the version before, where this version has another one."""
    if form.previous is None or item not in form.previous:
        return None
    if form.previous[item] == form.response.answers[item]:
        return None
    return answer_words(form.definition, item, form.previous[item])


def _score_row(score: Mapping[str, object]) -> ScoreRow:
    answered, asked = score["answered"], score["asked"]
    return ScoreRow(
        scale=str(score["scale"]),
        value=round_printed_score(str(score["value"])) if score["value"] else "",
        answered=answered if isinstance(answered, int) else 0,
        asked=asked if isinstance(asked, int) else 0,
        status=str(score["status"]),
    )
