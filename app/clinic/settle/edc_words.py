"""What the EDC sent, in words: what a message is about, its fields and their values."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from app.clinic.frame.refusal_words import write_detail
from app.domain.plans.plan import Plan
from app.domain.records.visits import VisitState
from app.domain.typed_text import EARLIEST_DAY, LATEST_DAY
from app.i18n.formats import format_dated_clock, format_short_day
from app.i18n.languages import ENGLISH, find_language, language_name
from app.i18n.marking import N_
from app.services.edc.participants import StatusWord, WithdrawalScope
from app.services.edc.refused_bodies import BEYOND, FIRST_TAKEN, LAST_TAKEN

TranslateWord = Callable[[str], str]
"""Of a marked sentence the one in the reader's language."""
PARTS: Mapping[str, str] = {
    "participant": N_("Participant"),
    "status": N_("State"),
    "arm": N_("Treatment arm"),
    "visits": N_("Visit"),
    "anchors": N_("Date"),
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
    "name": N_("Called"),
}
"""The fields that a message states, in the order in which they are compared."""
CAUSES: Mapping[str, str] = {
    "unreadable": N_("The message is not in the agreed form, so it could not be read."),
    "unknown_field": N_("It has a field that the interface does not know."),
    "unknown_word": N_("A word in it is none of those that were agreed."),
    "bad_as_of": N_("It does not say in the agreed form when it became true."),
    "bad_instant": N_("The time is not stated with its day and its offset from UTC."),
    "bad_field": N_("Something that is needed was left empty."),
    "date_needed": N_("There was no date."),
    "scope_needed": N_("It did not say what was withdrawn from."),
    "bad_date": N_("The date does not exist, or is not exact enough."),
    "date_in_future": N_("The date was still to come."),
    BEYOND: N_("The interface takes no date before %(first)s or after %(last)s."),
    "impossible_date": N_("The date does not lie between %(earliest)s and %(latest)s."),
    "date_out_of_range": N_("The date lies before %(opens)s, the first day of the study."),
    "before_enrolment": N_("The date is before the enrolment."),
    "dates_contradict": N_("The date stands against the plan's order of dates."),
    "instant_differs": N_("Date and time do not belong together."),
    "as_of_in_future": N_("By the EDC's own clock the message was of a moment still to come."),
    "stale_update": N_("It was older than what the EDC has sent already."),
    "would_be_missed": N_("Forms would be missed at once, and the message did not confirm that."),
    "no_visit": N_("The plan has no such visit."),
    "no_anchor": N_("The plan has no such date."),
    "unknown_arm": N_("The plan has no such treatment arm."),
    "unknown_site": N_("The study has no such site, or the EDC may not use it."),
    "site_fixed": N_("A participant stays at their site."),
    "no_language": N_("The study is not available in this language."),
    "undone_by_site": N_("Only the site can undo the end of participation."),
    "read_only": N_("It would change what the EDC cannot change."),
}
"""Why a message was refused, by the code of the refusal."""
OTHER_CAUSE = N_("Daybook's rules do not allow it.")
_AFTER_STUDY = N_("The date lies after %(closes)s, the last day of the study.")
"""Of a date that is out of the study's range at its other end."""
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
    known = kind == "anchors" and named in plan.anchor_kinds
    return plan.anchor_label(named, code) if known else f"{word(PARTS[kind])} {named}".rstrip()


def describe_body(
    body: Mapping[str, object], plan: Plan, zone: str, code: str, word: TranslateWord
) -> Iterator[tuple[str, str]]:
    """What a body says, field by field in words; of one that was refused also what it is about, and why."""
    if "part" in body:
        yield word(N_("About")), name_part(plan, str(body["part"]), code, word)
    for name, label in FIELDS.items():
        if body.get(name) is not None:
            yield word(label), spell_value(name, body[name], zone, code, word)
    if "cause" in body:
        yield word(N_("Why")), explain_cause(str(body["cause"]), body, plan, code, word)


def explain_cause(
    cause: str, stated: Mapping[str, object], plan: Plan, code: str, word: TranslateWord
) -> str:
    """Why a message was refused that stated this, with the days that it may state where that is why."""
    sentence, spoken = CAUSES.get(cause, OTHER_CAUSE), find_language(code) or ENGLISH
    days = {
        "first": FIRST_TAKEN,
        "last": LAST_TAKEN,
        "earliest": EARLIEST_DAY,
        "latest": LATEST_DAY,
        "opens": plan.first_date,
    }
    dated = str(stated.get("date") or stated.get("reference_date") or "")
    if cause == "date_out_of_range" and plan.last_date and dated > plan.last_date.isoformat():
        sentence, days["closes"] = _AFTER_STUDY, plan.last_date
    return word(sentence) % {name: format_short_day(day, spoken) for name, day in days.items()}


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
