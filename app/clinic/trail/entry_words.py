"""An entry of the trail in words of the reader's language: the one place for its page and its files."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.clinic.forms.question_words import QUESTION
from app.clinic.records.event_words import name_event
from app.clinic.request import StaffRequest
from app.clinic.settle.edc_words import describe_body
from app.clinic.trail.field_words import KIND_WORDS, name_field
from app.clinic.trail.value_words import (
    ACTOR_WORDS,
    BY_STAFF,
    FAILURE_WORDS,
    MATTER_KINDS,
    NOT_TAKEN,
    REASON_WORDS,
    find_value_words,
)
from app.domain.desk.history import HistoryKind, find_history_kind, has_typed_reason
from app.domain.desk.trail import RecordSubject, TrailChange, TrailKind
from app.domain.instruments.definition import Instrument
from app.domain.instruments.text import InstrumentText, print_answer
from app.domain.people.week_hours import WEEKDAYS, split_hours
from app.domain.plans.reminders import is_staff_reminder
from app.domain.records.access import ActorKind, staff_actor
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.i18n import formats
from app.i18n.languages import ENGLISH, Language, find_language, language_name
from app.i18n.marking import N_
from app.services.clinic.trail.entries import TrailEntry
from app.services.clinic.trail.scope import TrailScope
from app.web.pages.code_words import ROLE_WORDS
from app.web.refusal_messages import AND, COMMA

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_WINDOW = N_("%(opens)s to %(closes)s, target day %(day)s")
_YES, _NO = N_("yes"), N_("no")
_SECRET = N_("set (never stored in words)")
_BLANK = N_("Left blank")
_OWN_WORDS = N_("own words; the trail keeps only a digest of them")
_WITHHELD = N_("not shown to you")
_WAITING = N_("Waiting for a date")


@dataclass(frozen=True, slots=True)
class TrailWords:
    """The words of one reader for the trail of one study."""

    request: StaffRequest
    scope: TrailScope
    _texts: dict[str, tuple[Instrument, InstrumentText] | None] = field(default_factory=dict)

    def translate(self, sentence: str, **values: object) -> str:
        """A marked sentence in the reader's language."""
        translated = self.request.translate(sentence) if sentence else ""
        return translated % values if values else translated

    @property
    def _language(self) -> Language:
        return find_language(self.request.frame.code) or ENGLISH

    def name_event(self, entry: TrailEntry) -> str:
        """What happened."""
        return self.translate(name_event(entry.event))

    def format_moment(self, entry: TrailEntry) -> str:
        """When, by the local clock, with its zone."""
        return formats.format_moment(entry.at, entry.zone, self._language)

    def name_actor(self, entry: TrailEntry) -> str:
        """Who: a name, or the kind of whoever acted."""
        return entry.who or self.translate(ACTOR_WORDS.get(entry.actor, entry.actor))

    def name_roles(self, entry: TrailEntry) -> str:
        """In which roles a member of staff acted; "" for others, whose kind says it."""
        if entry.actor != ActorKind.STAFF:
            return self.translate(ACTOR_WORDS[ActorKind(entry.actor)]) if entry.who else ""
        return self._list(self.translate(ROLE_WORDS[role]) for role in entry.roles if role in ROLE_WORDS)

    def name_reason(self, entry: TrailEntry) -> str:
        """Why: somebody's own words, or those of a code."""
        if entry.shown.withheld:
            return self.translate(_WITHHELD)
        said, event = entry.shown.reason, entry.event
        if not said or has_typed_reason(event, said):
            return said
        if find_history_kind(event) is HistoryKind.reminders or event == AuditEvent.REMINDER_QUEUED:
            return self.translate(FAILURE_WORDS.get(said, NOT_TAKEN))
        if event == AuditEvent.SLOT_EXCUSED:
            return self.scope.plan.exemption_label(said, self.request.frame.code)
        return self.translate(REASON_WORDS.get(said, "")) or said

    def name_form(self, about: RecordSubject | None) -> str:
        """A form by its visit and name, or a kind of date by its label; "" for neither."""
        if about is None:
            return ""
        if about.anchor:
            return self.scope.plan.anchor_label(about.anchor, self.request.frame.code)
        return " · ".join(part for part in (about.visit, self._form_name(about.instrument)) if part)

    def name_field(self, change: TrailChange) -> str:
        """What changed: a question by its number, or a field by its name."""
        if change.is_answer and change.about is not None:
            return self.name_item(change.about.instrument, change.field)
        return self.translate(name_field(change))

    def name_item(self, instrument: str, item: str) -> str:
        """A question by its number, where the form has it."""
        known = self._text_of(instrument)
        numbers = {item.code: item.number for item in known[0].items} if known else {}
        return self.translate(QUESTION, number=numbers.get(item, item))

    def list_items(self, instrument: str, leave_out: Collection[str]) -> Iterator[tuple[str, str]]:
        """The questions of a form by which a trail is filtered, with their names."""
        known = self._text_of(instrument)
        for item in known[0].items if known else ():
            if item.code not in leave_out:
                name = self.name_item(instrument, item.code)
                yield f"{instrument}/{item.code}", f"{self._form_name(instrument)} · {name}"

    def format_value(self, entry: TrailEntry, change: TrailChange, value: object) -> str:
        """What stood or stands in a field; "" for nothing."""
        if change.withheld:
            return self.translate(_WITHHELD)
        if value is None:
            return ""
        if change.is_answer:
            return self._answer(change, value)
        if isinstance(value, bool):
            return self.translate(_YES if value else _NO)
        if isinstance(value, Mapping):
            return self._document(entry, change, value)
        if isinstance(value, list):
            return self._list(map(str, value))
        if isinstance(value, int):
            return self._number(change, value)
        return self._coded(change, str(value)) or self._dated(str(value), entry.zone)

    def _document(self, entry: TrailEntry, change: TrailChange, value: Mapping[str, Any]) -> str:
        """What the EDC sent, field by field; or the hours of a week."""
        if change.field == "body":
            said = describe_body(value, self.scope.plan, entry.zone, self.request.frame.code, self.translate)
            return self._list(f"{name} {number}" for name, number in said)
        names = dict(zip(WEEKDAYS, formats.name_weekdays(self._language), strict=True))
        hours = {day: self.translate(AND).join(split_hours(value[day])) for day in names if value.get(day)}
        return self._list(f"{names[day]} {hour}" for day, hour in hours.items())

    def _answer(self, change: TrailChange, value: object) -> str:
        if value == "blank":
            return self.translate(_BLANK)
        if isinstance(value, str):
            return self.translate(_OWN_WORDS)
        known = self._text_of(change.about.instrument if change.about else "")
        if known is None or not isinstance(value, int):
            return str(value)
        instrument, text = known
        item = next((item for item in instrument.items if item.code == change.field), None)
        return print_answer(item, text, value) if item else str(value)

    def _list(self, parts: Iterable[str]) -> str:
        return self.translate(COMMA).join(parts)

    def _number(self, change: TrailChange, value: int) -> str:
        """A number, or the code of the site or the name of the colleague that it stands for."""
        if change.field == "assignee_id":
            return self.scope.people.get(staff_actor(value).id, str(value))
        is_site = change.field == "site_id" and value in self.scope.sites
        return self.scope.sites[value].code if is_site else str(value)

    def _coded(self, change: TrailChange, value: str) -> str:
        """A code in words, by what its field holds; "" for what is none."""
        table, name = change.table, change.field
        if value == "secret":
            return self.translate(_SECRET)
        if name == "window":
            return self._window(value)
        if name in ("language", "lang"):
            return language_name(value)
        if name == "matter":
            return self.translate(MATTER_KINDS.get(value.partition("-")[0], "")) or value
        if label := self._planned(change, value):
            return label
        if table == "trail":
            return self._choice(name, value)
        if table == "message" and is_staff_reminder(value):
            return self.translate(BY_STAFF)
        words = find_value_words(table, name)
        return (
            self._list(self.translate(words.get(code, "")) or code for code in value.split()) if words else ""
        )

    def _planned(self, change: TrailChange, value: str) -> str:
        """What the plan calls a code of its own; "" for a field that holds none."""
        column, plan, language = (change.table, change.field), self.scope.plan, self.request.frame.code
        if change.field == "excused":
            return plan.exemption_label(value, language)
        if column == ("anchor", "kind"):
            return plan.anchor_label(value, language)
        return (
            plan.alert_label(value, language)
            if change.field == "alert" or column == ("alert", "rule")
            else ""
        )

    def _choice(self, name: str, value: str) -> str:
        """What somebody chose who looked at the trail."""
        if name == "item":
            instrument, _, item = value.partition("/")
            return f"{self._form_name(instrument)} · {self.name_item(instrument, item)}"
        if name == "kind" and value in tuple(TrailKind):
            return self.translate(KIND_WORDS[TrailKind(value)])
        if name == "by":
            return self.scope.people.get(value) or self.translate(ACTOR_WORDS.get(value, value))
        if name in ("from", "to"):
            return formats.format_stated(value, self._language)
        return find_value_words("trail", name).get(value, value)

    def _dated(self, value: str, zone: str) -> str:
        if _INSTANT.fullmatch(value):
            return formats.format_moment(datetime.fromisoformat(value), zone, self._language)
        if _DAY.fullmatch(value):
            return formats.format_stated(value, self._language)
        return value

    def _window(self, value: str) -> str:
        days = value.split("/")
        if len(days) != len(("opens", "target", "closes")):
            return self.translate(_WAITING)
        opens, target, closes = (
            formats.format_short_day(date.fromisoformat(day), self._language) for day in days
        )
        return self.translate(_WINDOW, opens=opens, day=target, closes=closes)

    def _form_name(self, instrument: str) -> str:
        known = self._text_of(instrument)
        named = self.scope.plan.form_name(instrument, self.request.frame.code)
        return named or (known[1].name if known else instrument)

    def _text_of(self, instrument: str) -> tuple[Instrument, InstrumentText] | None:
        """An instrument of the plan with its words in the reader's language; None without those."""
        if instrument not in self._texts:
            self._texts[instrument] = self._read_text(instrument)
        return self._texts[instrument]

    def _read_text(self, name: str) -> tuple[Instrument, InstrumentText] | None:
        installation, plan = self.request.installation, self.scope.plan
        try:
            instrument = installation.library.get_instrument(name, plan.version_of(name))
            return instrument, installation.get_text(
                self.scope.filter.study, instrument, self.request.frame.code
            )
        except (KeyError, Refused):
            return None
