"""Sending forms in tests of use cases, and the rows that are there afterwards."""

from datetime import datetime
from typing import TypeVar

from sqlmodel import select

from app.services.capture.submission import SubmissionReceipt, submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from tests.scenarios.people import Person

Row = TypeVar("Row", AnswerEvent, Quarantine, Response)


def stored_rows(person: Person, kind: type[Row]) -> list[Row]:
    """Every row of a table of answers."""
    with person.installation.read() as session:
        return list(session.exec(select(kind)))


def only_response(person: Person) -> Response:
    """The only response that there is."""
    (response_row,) = stored_rows(person, Response)
    return response_row


def submit_visit(person: Person, visit: str, sending: SubmittedForm, at: datetime) -> SubmissionReceipt:
    """Send the form of a visit, in the browser of this person."""
    participant = person.participant(at)
    return submit_form(
        ParticipantContext(person.installation, participant, at), person.slot(visit).public_id, sending
    )
