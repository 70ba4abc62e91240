"""Corrections in tests of use cases: what a nurse proposes, and the versions and events that come of it."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from app.domain.records.access import Actor
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.tables.capture import Response
from app.storage.tables.feed import FeedEvent
from tests.scenarios.people import START, Person

SUBMITTED = START + timedelta(hours=1)
TODAY = START.date()
APPROVED = DecisionEntry("approved")


def send_baseline(person: Person) -> Person:
    """Somebody who sent the baseline, every item answered with 2."""
    person.begin("BL", START)
    person.submit("BL", SUBMITTED)
    return person


def entry(*answers: ProposedAnswer, version: int = 1) -> ProposalEntry:
    """A proposal about these answers, or about the fifth."""
    first = answers or (ProposedAnswer("q5", "3", "wrong_tap"),)
    return ProposalEntry(version, first, "I meant the other one", TODAY, "telephone")


def propose(
    person: Person,
    proposal: ProposalEntry,
    at: datetime = SUBMITTED,
    by: Actor | None = None,
    visit: str = "BL",
) -> str:
    """Propose a correction, as the nurse unless somebody else does; its public number."""
    context = StaffContext(person.installation, by or person.nurse, at)
    return propose_correction(context, person.row().id, person.slot(visit).public_id, proposal)


def versions(installation: Installation) -> list[Response]:
    """Every version of every response, oldest first."""
    with installation.read() as session:
        return list(session.exec(select(Response).order_by(col(Response.version))).all())


def events_of(installation: Installation, kind: str) -> list[dict[str, Any]]:
    """What the feed has of this type."""
    with installation.read() as session:
        events = session.exec(select(FeedEvent.line).where(FeedEvent.type == kind)).all()
    return [json.loads(line) for line in events]
