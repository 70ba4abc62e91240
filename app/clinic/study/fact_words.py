"""What the facts of a plan are called and how their values read, where two versions are compared."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from itertools import pairwise

from app.clinic.request import StaffRequest
from app.clinic.study.aspect_words import ASPECTS, CODES, OPEN_AFTER, PARTS
from app.domain.instruments.definition import Condition
from app.domain.plans.outline.changes import NOTHING, PlanChange, PlanFact
from app.domain.plans.plan import DiaryPhase, Plan
from app.i18n.formats import format_short_day
from app.i18n.languages import ENGLISH, find_language, language_name
from app.i18n.marking import N_
from app.web.refusal_messages import COMMA

_DATES = frozenset({"anchor", "closes_with", "after"})
"""Aspects whose values are kinds of date; of a plan's visits `after` is a number."""
_CODED = frozenset({"", "unit", "owner", "anchoring", "moments", "tell", "escalate_to", "sees", "op"})
"""Aspects whose values are codes of the program; "" is a fact of the plan itself."""
_FORMS = frozenset({"instrument", "instruments"})
_QUESTIONS = frozenset({"item", "ask", "leave_out"})
"""Aspects whose values are codes of questions."""
_SERIES = 4
"""So many numbers at equal distances are told by their ends."""
_NOT_SAID = "–"
_COLON = N_(": ")


@dataclass(frozen=True, slots=True)
class FactWords:
    """The words of two versions of one plan in the reader's language.

    What both versions have is called as the newer one calls it; `questions` are those of each form.
    """

    request: StaffRequest
    older: Plan
    newer: Plan
    forms: Mapping[str, str]
    questions: Mapping[str, Mapping[str, str]]

    def name_part(self, change: PlanChange) -> str:
        """What kind of thing differs; of a fact of the plan itself, which fact."""
        return self.request.translate(PARTS[change.part])

    def name_thing(self, change: PlanChange) -> str:
        """The thing that differs, as staff call it."""
        match change.part:
            case "anchors":
                return self._anchor_label(change.name)
            case "instruments":
                return self.forms.get(change.name, change.name)
            case "alert_rules":
                plan = self.newer if self.newer.find_alert_rule(change.name) else self.older
                return plan.alert_label(change.name, self._code)
            case "role_views":
                return self.request.translate(CODES[change.name])
            case "exemption_labels":
                plan = self.newer if change.name in self.newer.exemption_labels else self.older
                return plan.exemption_label(change.name, self._code)
        return change.name

    def name_aspect(self, change: PlanChange) -> str:
        """What of the thing differs; "" for all of it."""
        return self._label(change.aspect, change.newer or change.older) if change.aspect else ""

    def list_lines(self, change: PlanChange, value: PlanFact) -> tuple[str, ...]:
        """A value of what differs as it reads, a line for each part of it."""
        return self._lines(change.aspect, value, self._form_of(change))

    def _form_of(self, change: PlanChange) -> str:
        """The instrument whose questions are named; "" where none is."""
        match change.part:
            case "instruments":
                return change.name
            case "alert_rules":
                rule = self.newer.find_alert_rule(change.name) or self.older.find_alert_rule(change.name)
                return rule.instrument if rule else ""
        return ""

    def _lines(self, aspect: str, value: PlanFact, form: str) -> tuple[str, ...]:
        if value in NOTHING:
            return (_NOT_SAID,)
        match value:
            case Mapping():
                return tuple(self._line(language_name(str(key)), str(words)) for key, words in value.items())
            case tuple() | frozenset():
                return self._list(aspect, value, form)
        if is_dataclass(value) and not isinstance(value, Condition | DiaryPhase | type):
            return tuple(
                self._line(
                    self._label(field.name, fact), self._comma.join(self._lines(field.name, fact, form))
                )
                for field in fields(value)
                if field.name in ASPECTS and (fact := getattr(value, field.name)) not in NOTHING
            )
        return (self._text(aspect, value, form),)

    @property
    def _code(self) -> str:
        return self.request.frame.code

    @property
    def _comma(self) -> str:
        return self.request.translate(COMMA)

    def _anchor_label(self, kind: str) -> str:
        plan = self.newer if kind in self.newer.anchor_kinds else self.older
        return plan.anchor_label(kind, self._code)

    def _label(self, aspect: str, value: PlanFact) -> str:
        days_after = aspect == "after" and isinstance(value, int)
        return self.request.translate(OPEN_AFTER if days_after else ASPECTS[aspect])

    def _line(self, label: str, text: str) -> str:
        return f"{label}{self.request.translate(_COLON)}{text}"

    def _list(self, aspect: str, values: Collection[PlanFact], form: str) -> tuple[str, ...]:
        numbers = [value for value in values if isinstance(value, int)]
        if numbers and len(numbers) == len(values):
            return (join_numbers(numbers, self._comma),)
        order = {code: position for position, code in enumerate(self.questions.get(form, {}))}
        if isinstance(values, frozenset):
            codes = sorted((str(value) for value in values), key=lambda code: (order.get(code, 0), code))
            values = tuple(codes)
        return tuple(self._text(aspect, value, form) for value in values)

    def _text(self, aspect: str, value: PlanFact, form: str) -> str:
        match value:
            case bool():
                return self.request.translate(CODES["yes" if value else "no"])
            case date():
                return format_short_day(value, find_language(self._code) or ENGLISH)
            case time():
                return f"{value:%H:%M}"
            case Condition():
                item = self._text_of_code("item", value.item, form)
                return f"{item} {self.request.translate(CODES[value.op])} {value.value}"
            case DiaryPhase():
                unit = self.request.translate(CODES[value.unit])
                return self._line(value.code, f"{join_numbers(value.offsets, self._comma)} {unit}")
            case int():
                return str(value)
        return self._text_of_code(aspect, str(value), form)

    def _text_of_code(self, aspect: str, text: str, form: str) -> str:
        if aspect in _QUESTIONS:
            return self.questions.get(form, {}).get(text, text)
        if aspect in _DATES:
            return self._anchor_label(text)
        if aspect in _FORMS:
            return self.forms.get(text, text)
        if aspect in _CODED and text in CODES:
            return self.request.translate(CODES[text])
        return text if aspect else language_name(text)


def join_numbers(numbers: Collection[int], comma: str) -> str:
    """Numbers in a line: 0, 1, … 83 where they are many at equal distances."""
    listed = list(numbers)
    steps = {later - earlier for earlier, later in pairwise(listed)}
    if len(listed) >= _SERIES and len(steps) == 1:
        return comma.join(map(str, (*listed[:2], f"… {listed[-1]}")))
    return comma.join(map(str, listed))
