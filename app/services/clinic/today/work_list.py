"""Today: one row for each participant who needs somebody, the most urgent first.

The statements of `app.storage.queries.today` find whom it may concern; why they stand there is decided for
the rows of a page alone by `app.domain.today.reasons.find_reasons`. Bounded by now and the plan's numbers, so
that neither closed nor future forms cost anything however old the trial is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy.engine import Connection

from app.domain.desk.arm_blinding import sees_arm
from app.domain.instruments.duration import count_certain
from app.domain.plans.reminders import is_staff_hour
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission, read_staff_number
from app.domain.today.assignment import Assigned
from app.domain.today.reasons import (
    RANKS,
    ParticipantFacts,
    TodayCursor,
    WorkReason,
    find_reasons,
    top_reason,
)
from app.domain.today.transition_moments import list_transition_moments
from app.services.clinic.staff_sites import StaffSite
from app.services.clinic.today.rows import (
    Colleague,
    TodayForm,
    TodayRow,
    build_form,
    choose_form,
    describe_reason,
    find_assignee,
    find_snooze,
    latest_contact,
    may_be_reminded,
    participant_facts,
)
from app.services.clinic.today.staff_views import TODAY, remember_view
from app.services.clinic.today.today_filter import (
    TodayFilter,
    format_view,
    keep_own_sites,
    parse_view,
    works_at,
)
from app.services.clinic.today.worklist_setup import WorklistSetup, list_colleagues, read_worklist_setup
from app.services.core.context import StaffContext
from app.services.core.interval_cache import OwnedCache
from app.services.core.plans import excluded_items
from app.services.schedule.reminder_preference import lasting_pause, reminder_preference
from app.storage.database.grouped_reads import DocumentRows
from app.storage.queries.today.people import FormRow, PersonRow, read_work
from app.storage.queries.today.rows import (
    COUNTED,
    TodayCounts,
    TodaySearch,
    count_reasons,
    list_entries,
    list_resting,
    next_opening,
)
from app.storage.queries.today.workers import name_workers

PAGE = 50
SHEET = 500
"""Rows of a sheet to print, at most: ten pages of the list."""
_ENTRIES = COUNTED
"""Entries read for a page: somebody with several reasons has several, of which one is shown."""
_ROUNDS = 4
"""How often a page that came out empty, because its entries stood on earlier pages, is read on."""


@lru_cache(maxsize=64)  # a page asks for all of its people
def _local_standing(at: datetime, zone: str) -> tuple[date, bool]:
    """The local day of a moment, and whether staff may send reminders at its hour."""
    return local_day(at, zone), is_staff_hour(at, zone)


@dataclass(frozen=True, slots=True)
class Today:
    """A page of the list, counts of every reason, and where the next page begins.

    `criteria` are the filters in force. `next_opening` is looked up where nothing is to be done. To the
    `colleagues` participants can be assigned, as far as they work the list at the site of each.
    """

    rows: tuple[TodayRow, ...]
    counts: TodayCounts
    sites: tuple[StaffSite, ...]
    criteria: TodayFilter
    next: TodayCursor | None = None
    next_opening: datetime | None = None
    colleagues: tuple[Colleague, ...] = ()


def get_today(context: StaffContext, criteria: TodayFilter | None, viewer: int | None = None) -> Today:
    """The participants at this colleague's sites who need somebody, in at most four queries.

    The sites are those of one study: a code means nothing without it. A participant whose exit is recorded
    never appears, because nobody is to call them. Site, reason, language and visit that `viewer`, a member of
    staff, chose are remembered; without `criteria` the list opens with those.
    """
    with context.read_plainly() as connection:
        setup = read_worklist_setup(context, connection, TODAY, viewer)
        remembered = keep_own_sites(context, parse_view(setup.query), setup.sites)
        today = _read_today(context, connection, remembered if criteria is None else criteria, setup)
    if viewer is not None and setup.view and criteria is not None and format_view(criteria) != setup.query:
        remember_view(context.installation, viewer, setup.view, format_view(criteria))
    return today


def get_whole_list(context: StaffContext, criteria: TodayFilter) -> Today:
    """The list to print: all of it, or from a cursor on; `next` is only left beyond `SHEET` rows.

    It remembers nothing, and costs two queries for each page of the list.
    """
    with context.read_plainly() as connection:
        setup = read_worklist_setup(context, connection, TODAY)
        today = _read_today(context, connection, criteria, setup)
        while today.next is not None and len(today.rows) < SHEET:
            further = _read_today(context, connection, replace(criteria, after=today.next), setup)
            today = replace(further, rows=(*today.rows, *further.rows))
        return replace(today, criteria=criteria)


def _read_today(
    context: StaffContext, connection: Connection, criteria: TodayFilter, setup: WorklistSetup
) -> Today:
    sites = setup.sites
    chosen = tuple(site for site in sites if criteria.site in ("", site.code))
    if criteria.assigned is Assigned.me:  # where they do not work the list, nobody is theirs
        chosen = tuple(site for site in chosen if works_at(context, site))
    colleagues = list_colleagues(context, setup)
    if not chosen:
        return Today((), TodayCounts({}, 0, 0, 0), sites, criteria, colleagues=colleagues)
    search = _search(context, criteria, chosen, setup)
    counts = count_reasons(connection, search)
    workers = {site.site_id: name_workers(setup.workers, site.site_id) for site in sites}
    own_sites = {site.site_id: site for site in sites}
    reader = _RowReader(context, connection, search, own_sites, workers, counts.snoozed)
    rows, after = reader.read(criteria, counts)
    counts = replace(counts, resting=reader.count_resting())
    calm = not (rows or counts.every or counts.resting)
    opening = next_opening(connection, search) if calm else None
    return Today(rows, counts, sites, criteria, after, opening, colleagues)


def _search(
    context: StaffContext, criteria: TodayFilter, sites: Sequence[StaffSite], setup: WorklistSetup
) -> TodaySearch:
    first = sites[0]
    plans = first.list_plans(context.installation.library)
    plan = plans[0]
    keys = tuple(site.site_id for site in sites)
    reach = context.actor.list_reach(Permission.PARTICIPANT_SEE)
    return TodaySearch(
        study_id=first.study_id,
        plan=plan,
        earlier=plans[1:],
        sites=keys,
        at=context.at,
        hides_arm=not sees_arm(context.actor, plan, first.study_id, *keys),
        subject=criteria.search.strip(),
        language=criteria.language,
        visit=criteria.visit,
        locked=setup.locked,
        whole_study=len(sites) == len(setup.sites) and (first.study_id, None) in reach,
        assigned=criteria.assigned,
        reader=read_staff_number(context.actor.id) or 0,
        workers=tuple([worker.grant_id for worker in setup.workers]),
    )


class _JudgedRow(NamedTuple):
    """The row of a participant, why they stand on the list, and the moments that make it another one."""

    row: TodayRow
    reasons: Sequence[WorkReason]
    transitions: Sequence[datetime]


_Work = tuple[DocumentRows[PersonRow], DocumentRows[FormRow]]
_JUDGED_ROWS: OwnedCache[_JudgedRow] = OwnedCache(1000)
_JUDGED_PAGES: OwnedCache[tuple[TodayRow, ...]] = OwnedCache(64)


@dataclass(frozen=True, slots=True)
class _RowReader:
    """Makes rows of entries: reads what is known of their participants and lets the rule decide.

    `workers` of each site are who works the list there. What is the same in many rows is worked out once:
    `permissions` by site, and how many questions are
    `questions` by instrument, its version and that of the plan. `known` is what was read of participants;
    that of the `snoozed` is read with the first page.
    """

    context: StaffContext
    connection: Connection
    search: TodaySearch
    sites: Mapping[int, StaffSite]
    workers: Mapping[int, Mapping[int, str]]
    snoozed: tuple[int, ...]
    known: dict[int, _Work] = field(default_factory=dict)
    permissions: dict[int, tuple[bool, bool]] = field(default_factory=dict)
    questions: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def read(
        self, criteria: TodayFilter, counts: TodayCounts
    ) -> tuple[tuple[TodayRow, ...], TodayCursor | None]:
        """One page from the cursor on, and the cursor of the next; None at the end."""
        after = criteria.after
        for _round in range(_ROUNDS):
            entries = self._entries(criteria, counts, after)
            page = _first_entries(entries, PAGE)
            rows = self._rows(page, criteria) if page else ()
            after = _next_cursor(entries, page)
            if rows or after is None:
                return rows, after
        return (), after

    def _entries(
        self, criteria: TodayFilter, counts: TodayCounts, after: TodayCursor | None
    ) -> list[TodayCursor]:
        if criteria.resting:
            return list_resting(self.connection, self.search, after, PAGE + 1)
        listed = tuple(reason for reason, count in counts.by_reason.items() if count)
        if criteria.reason is not None:
            listed = tuple(reason for reason in listed if reason is criteria.reason)
        elif after is None:
            return list(counts.first[:_ENTRIES])
        return list_entries(self.connection, self.search, listed, after, _ENTRIES)

    def _rows(self, page: Sequence[TodayCursor], criteria: TodayFilter) -> tuple[TodayRow, ...]:
        """The rows of these entries, all of them at once where nothing of them changed."""
        self._read([entry.person for entry in page])
        # A site that opened since the sites were read is not among them; of a whole study its people are.
        page = [entry for entry in page if self.known[entry.person][0][0].site_id in self.sites]
        work = tuple([self.known[entry.person] for entry in page])
        places = frozenset([(person.site_id, person.zone) for (person,), _forms in work])

        def judge() -> tuple[tuple[TodayRow, ...], Iterable[datetime]]:
            judged = [
                (entry, self._judge(*rows_of_entry)) for entry, rows_of_entry in zip(page, work, strict=True)
            ]
            rows = tuple(
                [
                    judgement.row
                    for entry, judgement in judged
                    if _stands_here(judgement.reasons, entry, criteria)
                ]
            )
            return rows, chain.from_iterable(judgement.transitions for _entry, judgement in judged)

        search = self.search
        around = frozenset([self._surroundings(*site_zone) for site_zone in places])
        shown = criteria.resting, criteria.reason, tuple(page)
        content = (search.plan_rules, work, search.locked, around, *shown)
        return _JUDGED_PAGES.get_cache(self.context.installation.cache_owner).find(content, search.at, judge)

    def _read(self, people: Iterable[int]) -> None:
        """Read what is known of these participants and of the snoozed, as far as it was not read yet."""
        unread = [key for key in dict.fromkeys((*people, *self.snoozed)) if key not in self.known]
        if unread:
            self.known.update(read_work(self.connection, self.search, unread))

    def count_resting(self) -> int:
        """How many of the snoozed have a reason that rests."""
        self._read(())
        work = map(self.known.__getitem__, self.snoozed)
        return sum(_rests(self._judge(*rows).reasons) for rows in work if rows[0][0].site_id in self.sites)

    def _surroundings(self, site_id: int, zone: str) -> tuple[object, ...]:
        """What a row shows beside what is stored of its participant and the plan."""
        site = self.sites[site_id]
        workers = tuple(self.workers[site_id].items())
        return site, self._allowed(site), workers, _local_standing(self.search.at, zone)

    def _judge(self, people: DocumentRows[PersonRow], forms: DocumentRows[FormRow]) -> _JudgedRow:
        """The row of the one participant in `people`."""
        search, (person,) = self.search, people

        def judge() -> tuple[_JudgedRow, Iterable[datetime]]:
            facts = participant_facts(person, forms, locked)
            reasons = find_reasons(facts, search.plan.worklist, search.at)
            transitions = (
                *list_transition_moments(facts, search.plan.worklist),
                reminder_preference(person).not_before,
            )
            return _JudgedRow(self._row(person, forms, reasons, facts), reasons, transitions), transitions

        locked = person.person in search.locked
        around = self._surroundings(person.site_id, person.zone)
        content = (search.plan_rules, people, forms, locked, around)
        return _JUDGED_ROWS.get_cache(self.context.installation.cache_owner).find(content, search.at, judge)

    def _row(
        self,
        person: PersonRow,
        forms: Sequence[FormRow],
        reasons: Sequence[WorkReason],
        facts: ParticipantFacts,
    ) -> TodayRow:
        site, zone = self.sites[person.site_id], person.zone
        today, _hour = _local_standing(self.search.at, zone)
        by_key = {form.key: form for form in forms}
        shown = choose_form(by_key, reasons, self.search.at)
        others = {key for reason in reasons for key in reason.forms}
        if shown:
            others.discard(shown.key)
        may_log, may_remind = self._allowed(site)
        form = self._form(shown, today) if shown else None
        reminds = may_remind and form is not None and may_be_reminded(person, form, self.search.at)
        return TodayRow(
            participant=person.public_id,
            subject=person.subject,
            language=person.language,
            site=site,
            zone=zone,
            reasons=tuple([describe_reason(reason, by_key, facts, today, zone) for reason in reasons]),
            form=form,
            more_forms=len(others),
            contact=latest_contact(person),
            snooze=find_snooze(person),
            paused_until=lasting_pause(person.reminders_paused_until, today),
            may_log=may_log,
            may_remind=reminds,
            assignee=find_assignee(person, self.workers[person.site_id]),
        )

    def _allowed(self, site: StaffSite) -> tuple[bool, bool]:
        """Whether this colleague may log contacts, and have reminders sent, at a site."""
        if site.site_id not in self.permissions:
            may = self.context.actor.may
            self.permissions[site.site_id] = (
                may(Permission.CONTACT_LOG, site.study_id, site.site_id),
                may(Permission.REMINDER_SEND, site.study_id, site.site_id),
            )
        return self.permissions[site.site_id]

    def _form(self, form: FormRow, today: date) -> TodayForm:
        """A form as the version of the plan has it that the form follows."""
        library = self.context.installation.library
        plan = library.get_plan(self.search.plan.id, form.plan_version)
        name, version = form.instrument, form.instrument_version
        key = (name, version, plan.version)
        if key not in self.questions:
            instrument = library.get_instrument(name, version)
            self.questions[key] = count_certain(instrument, excluded_items(plan, name))
        return build_form(form, plan, self.questions[key], today, self.search.at)


def _first_entries(entries: Iterable[TodayCursor], most: int) -> list[TodayCursor]:
    """Each participant's first entry, at most so many."""
    first: dict[int, TodayCursor] = {}
    for entry in entries:
        if entry.person not in first:
            if len(first) == most:
                break
            first[entry.person] = entry
    return list(first.values())


def _next_cursor(entries: Sequence[TodayCursor], page: Sequence[TodayCursor]) -> TodayCursor | None:
    """From where the list goes on; None where nobody is left who is not on this page."""
    people = {entry.person for entry in page}
    if len(page) == PAGE and not people.issuperset([entry.person for entry in entries]):
        return page[-1]
    return entries[-1] if len(entries) >= _ENTRIES else None


def _rests(reasons: Sequence[WorkReason]) -> bool:
    """Whether a snooze has something to hold back: a reason that ended does not rest."""
    return any(reason.snoozed for reason in reasons)


def _stands_here(reasons: Sequence[WorkReason], entry: TodayCursor, criteria: TodayFilter) -> bool:
    """Whether this entry is the one at which the participant is shown, and no earlier page showed them."""
    chosen = criteria.reason
    if criteria.resting:
        return _rests(reasons)
    if chosen is not None:
        mine = next((reason for reason in reasons if reason.reason is chosen and not reason.snoozed), None)
    else:
        mine = top_reason(reasons)
    return mine is not None and (RANKS[mine.reason], mine.at) == (entry.rank, entry.at)
