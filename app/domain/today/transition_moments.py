"""The moments at which time alone makes a row of the work list another one."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.domain.plans.plan import WorklistRule
from app.domain.today.reasons import ParticipantFacts, UnsubmittedForm

_SECOND = timedelta(seconds=1)


def list_transition_moments(facts: ParticipantFacts, rule: WorklistRule) -> Iterator[datetime]:
    """The moments from each of which on `find_reasons` may say something else of the same facts.

    Between two of them it never does, nor is another form open; a test asks at every one of them.
    """
    yield facts.enrolled_at + timedelta(days=rule.unused_days)
    for form in facts.forms:
        yield from (form.opens_at, form.closes_at, form.grace_until)
        yield form.opens_at - timedelta(days=rule.opens_days)
        yield form.closes_at - timedelta(days=rule.closing_days)
        yield _half(form)
        if form.begun_at is not None:
            last = max(form.begun_at, form.answered_at or form.begun_at)
            yield last + timedelta(days=rule.idle_days)


def _half(form: UnsubmittedForm) -> datetime:
    """The first whole second at which half of a window is over."""
    half = form.opens_at + (form.closes_at - form.opens_at) / 2
    whole = half.replace(microsecond=0)
    return whole if whole == half else whole + _SECOND
