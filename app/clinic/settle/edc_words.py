"""What the EDC sent, in words: what a message is about, its fields and their values."""

from collections.abc import Callable, Mapping
from datetime import datetime

from app.clinic.frame.refusal_words import write_detail
from app.domain.plans.plan import Plan
from app.domain.records.visits import VisitState
from app.i18n.formats import format_dated_clock
from app.i18n.languages import ENGLISH, find_language, language_name
from app.i18n.marking import N_
from app.services.edc.participants import StatusWord, WithdrawalScope

TranslateWord = Callable[[str], str]
"""Of a marked sentence the one in the reader's language."""
PARTS: Mapping[str, str] = {
    "participant": N_("Participant"),
    "status": N_("State"),
    "arm": N_("Treatment arm"),
    "visits": N_("Visit"),
}
"""What a message is about; an anchor has the name that its plan gives the date."""
FIELDS: Mapping[str, str] = {
    "site": N_("Site"),
    "status": N_("State"),
    "language": N_("Language"),
    "reference_date": N_("Enrolled"),
    "date": N_("Date"),
    "at": N_("Time"),
    "scope": N_("Withdrawn from"),
    "reason": N_("Reason"),
    "state": N_("State"),
    "arm": N_("Treatment arm"),
}
"""The fields that a message states, in the order in which they are compared."""
VALUES: Mapping[str, Mapping[str, str]] = {
    "status": {
        StatusWord.enrolled: N_("Takes part"),
        StatusWord.withdrawn: N_("Withdrew"),
        StatusWord.completed: N_("Completed the study"),
        StatusWord.lost: N_("Lost to follow-up"),
        StatusWord.died: N_("Died"),
        StatusWord.screen_failed: N_("Screen failure"),
    },
    "scope": {
        WithdrawalScope.treatment: N_("Treatment"),
        WithdrawalScope.questionnaires: N_("Questionnaires"),
        WithdrawalScope.study: N_("Study"),
    },
    "state": {
        VisitState.planned: N_("Planned"),
        VisitState.occurred: N_("Took place"),
        VisitState.missed: N_("Missed"),
        VisitState.cancelled: N_("Cancelled"),
    },
}
"""Codes of the interface; all other values are the EDC's own words, days or moments."""


def name_part(plan: Plan, part: str, code: str, word: TranslateWord) -> str:
    """What a message is about, such as `visits/W6`, as staff call it."""
    kind, _mark, named = part.partition("/")
    return plan.anchor_label(named, code) if kind == "anchors" else f"{word(PARTS[kind])} {named}".rstrip()


def spell_value(field: str, value: object, zone: str, code: str, word: TranslateWord) -> str:
    """What a message says of a field, as staff read it; a bar for nothing."""
    spoken = find_language(code) or ENGLISH
    if value is None:
        return "–"
    text = str(value)
    if field in VALUES:
        return word(VALUES[field].get(text, text))
    if field == "at":
        return format_dated_clock(datetime.fromisoformat(text), zone, spoken)
    return language_name(text) if field == "language" else write_detail(text, spoken)
