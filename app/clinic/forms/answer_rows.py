"""A submitted version as a page or a copy shows it: answers, scores, and how it came about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.instruments.definition import Direction, Instrument, Item, ItemKind
from app.domain.instruments.responses import NOT_TICKED, AnswerValue, list_unticked
from app.domain.instruments.scoring.score import round_printed_score
from app.domain.instruments.text import InstrumentText, print_answer, print_highest
from app.domain.plans.plan import Plan
from app.domain.plans.windows import local_day
from app.domain.refusal import Refused
from app.i18n.languages import find_language
from app.services.capture.forms import FormDefinition
from app.services.clinic.corrections.submitted_form import SubmittedVersion
from app.services.core.installation import Installation


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One question and its answer ("" for one left blank); `was`: the answer that a correction replaced.

    `most`: the highest number of its row, "" where the answer is no number of one. `revisions` are answers
    that the participant replaced before sending, with their times.
    """

    number: int
    question: str
    answer: str
    most: str
    was: str | None
    revisions: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One scale: its value rounded for reading ("" for none), and how many of its items were answered."""

    code: str
    name: str
    higher_is_better: bool
    value: str
    answered: int
    questions: int
    status: str


@dataclass(frozen=True, slots=True)
class AnswersCard:
    """The answers of one version, in the words that the participant read, and how they came about.

    `instrument_id` is for names of files and entries of the trail, `instrument` for readers.

    `scores` is None for readers who may not see them. `unticked` names what stood in the form's list, was not
    ticked and never otherwise, and `not_ticked` is the form's own word for that.
    """

    lang: str
    language: str
    instrument_id: str
    instrument: str
    wording: str
    demonstration: bool
    copyright_line: str
    recalls: tuple[str, ...]
    rows: tuple[AnswerRow, ...]
    unticked: tuple[str, ...]
    not_ticked: str
    scores: tuple[ScoreRow, ...] | None
    algorithm: str
    receipt: str
    version: int
    newest: int
    digest: str
    from_target: int | None
    mode: str
    device: str
    in_grace: bool
    layout: str
    width: int
    captured_offline: bool
    clock_untrusted: bool
    device_at: datetime | None
    late_reason: str
    collected_on: date | None


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
        instrument_id=definition.instrument.id,
        instrument=f"{definition.instrument.name} {definition.instrument.version}",
        wording=response.text_sha256[:12],
        demonstration=text.wording == "demonstration",
        copyright_line=text.copyright,
        recalls=tuple(words for code, words in text.recalls.items() if code in used),
        rows=_rows(form),
        unticked=tuple(
            text.name_of(item) for item in definition.items if _is_plainly_unticked(form, item.code)
        ),
        not_ticked=text.codes.get(NOT_TICKED, ""),
        scores=None if form.scores is None else tuple(_list_scores(definition.instrument, form.scores)),
        algorithm=response.algorithm,
        receipt=response.public_id,
        version=response.version,
        newest=form.newest,
        digest=response.content_sha256,
        from_target=(_answered_on(form) - target).days if target else None,
        mode=response.mode,
        device=form.device,
        in_grace=response.in_grace,
        layout=str(response.presentation.get("layout", "single")),
        width=width if isinstance(width, int) else 0,
        captured_offline=response.captured_offline,
        clock_untrusted=response.clock_untrusted,
        device_at=response.device_at,
        late_reason=response.late_reason or "",
        collected_on=response.collected_on,
    )


def name_form(installation: Installation, plan: Plan, instrument: Instrument, language: str) -> str:
    """A form's name in the reader's language, which need not be that of its answers."""
    return plan.form_name(instrument.id, language) or installation.name_instrument(
        plan.id, instrument, language
    )


def answer_words(definition: FormDefinition, item: str, value: AnswerValue) -> str:
    """An answer in the form's own words, "" for one left blank."""
    if value is None:
        return ""
    return print_answer(definition.instrument.get_item(item), definition.text, value)


def list_choices(item: Item, text: InstrumentText) -> tuple[tuple[str, str], ...]:
    """The answers among which staff choose, each with its words; none where a number or words are typed."""
    if not item.has_choices:
        return ()
    labels = text.labels.get(item.labels, {})
    values = range(item.low, item.high + 1) if item.tick is None else (item.tick,)
    answers = tuple((str(value), _choice_label(item, text, value, labels.get(value, ""))) for value in values)
    return ((str(NOT_TICKED), text.codes[NOT_TICKED]), *answers) if item.listed else answers


def _choice_label(item: Item, text: InstrumentText, value: int, label: str) -> str:
    return text.print_number(value, label) if item.kind is ItemKind.SCALE else label


def name_questions(refused: Refused, definition: FormDefinition) -> Refused:
    """A refusal with the numbers of questions in the place of their codes."""
    numbers = {item.code: str(item.number) for item in definition.items}
    details = dict(refused.details)
    if "item" in details:
        details["item"] = numbers.get(str(details["item"]), str(details["item"])[:40])
    if isinstance(items := details.get("items"), tuple):
        details["items"] = tuple(numbers[str(item)] for item in items)
    return Refused(refused.code, **details)


def split_questions(refused: Refused) -> Refused:
    """One refusal for each question that a refusal names, so that each is marked."""
    first, *others = [part for fault in (refused, *refused.also) for part in _split(fault)]
    first.also = tuple(others)
    return first


def _split(refused: Refused) -> list[Refused]:
    items = refused.details.get("items")
    if not isinstance(items, tuple) or not items:
        return [Refused(refused.code, **refused.details)]
    return [Refused(refused.code, **{**refused.details, "item": item}) for item in items]


def find_item_field(refused: Refused, part: str) -> str:
    """Where on the page the question that is refused stands; "" where none is."""
    item = refused.details.get("item")
    return f"{part}_{item}" if item else ""


def _rows(form: SubmittedVersion) -> tuple[AnswerRow, ...]:
    definition, answers = form.definition, form.response.answers
    rows = []
    for item in definition.items:
        if item.code not in answers or _is_plainly_unticked(form, item.code):
            continue
        rows.append(
            AnswerRow(
                number=item.number,
                question=definition.text.items[item.code],
                answer=answer_words(definition, item.code, answers[item.code]),
                most=print_highest(item, definition.text, answers[item.code]),
                was=_replaced_words(form, item.code),
                revisions=tuple(
                    (answer_words(definition, item.code, revision.value), revision.at)
                    for revision in form.revisions.get(item.code, ())
                ),
            )
        )
    return tuple(rows)


def _is_plainly_unticked(form: SubmittedVersion, item: str) -> bool:
    """Whether an item was not ticked, and nothing else was ever said of it."""
    changed = item in form.revisions or _replaced_words(form, item) is not None
    return item in list_unticked(form.response.answers) and not changed


def _replaced_words(form: SubmittedVersion, item: str) -> str | None:
    """The answer of the version before, where this version has another one."""
    if form.previous is None or item not in form.previous:
        return None
    if form.previous[item] == form.response.answers[item]:
        return None
    return answer_words(form.definition, item, form.previous[item])


def _answered_on(form: SubmittedVersion) -> date:
    """The day on which the participant answered."""
    return form.response.collected_on or local_day(form.response.submitted_at, form.zone)


def _list_scores(instrument: Instrument, scores: Sequence[Mapping[str, object]]) -> Iterator[ScoreRow]:
    scales = {scale.code: scale for scale in instrument.scales}
    for score in scores:
        scale = scales[str(score["scale"])]
        answered, questions = score["answered"], score["asked"]
        yield ScoreRow(
            code=scale.code,
            name=scale.name,
            higher_is_better=scale.better is Direction.HIGHER,
            value=round_printed_score(str(score["value"])) if score["value"] else "",
            answered=answered if isinstance(answered, int) else 0,
            questions=questions if isinstance(questions, int) else 0,
            status=str(score["status"]),
        )
