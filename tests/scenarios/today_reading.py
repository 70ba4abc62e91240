"""Whom Today lists, by its statements and by the pure rule over what the program reads."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import col, select

from app.domain.today.reasons import RANKS, ParticipantFacts, Reason, find_reasons
from app.services.clinic.today.rows import participant_facts
from app.services.core.installation import Installation
from app.storage.queries.today.branches import SOURCES
from app.storage.queries.today.people import read_work
from app.storage.queries.today.rows import TodaySearch, list_entries
from app.storage.tables.participants import Participant


def by_statement(installation: Installation, search: TodaySearch) -> dict[Reason, dict[int, datetime]]:
    """Who stands on the list for each reason, by the statements: somebody's earliest entry."""
    since: dict[Reason, dict[int, datetime]] = {reason: {} for reason in SOURCES}
    ranks = {rank: reason for reason, rank in RANKS.items()}
    with installation.read() as session:
        entries = list_entries(session.connection(), search, tuple(SOURCES), None, 1000)
    for entry in entries:
        since[ranks[entry.rank]].setdefault(entry.person, entry.at)
    return since


def by_rule(people: Mapping[int, ParticipantFacts], search: TodaySearch) -> dict[Reason, dict[int, datetime]]:
    """The same by the pure rule over these facts."""
    since: dict[Reason, dict[int, datetime]] = {reason: {} for reason in SOURCES}
    for person, facts in people.items():
        for each in find_reasons(facts, search.plan.worklist, search.at):
            if not each.snoozed:
                since[each.reason][person] = each.at
    return since


def read_facts(installation: Installation, search: TodaySearch) -> dict[int, ParticipantFacts]:
    """What the program reads of everybody at these sites who takes part."""
    with installation.read() as session:
        rows = session.exec(select(Participant).where(col(Participant.site_id).in_(search.sites)))
        people = [row.id for row in rows if row.exit_kind is None]
        known = read_work(session.connection(), search, people)
    return {
        key: participant_facts(person, forms, key in search.locked)
        for key, ((person,), forms) in known.items()
    }
