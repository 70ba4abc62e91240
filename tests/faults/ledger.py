"""The database as the oracle reads it: what is really kept, against what was acknowledged and shown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.domain.capture.arrival import LATE_ARRIVAL
from app.domain.instruments.responses import OPEN, AnswerValue
from app.services.core.installation import Installation
from app.storage.tables.capture import AnswerEvent, Quarantine, Response
from app.storage.tables.schedule import Slot
from tests.faults.phones import Phone
from tests.faults.screens import Screen
from tests.faults.times import find_mistimed
from tests.scenarios.trail_entries import verify_trail


def answer_of(event: AnswerEvent) -> AnswerValue:
    """The answer of an event, be it a number or words."""
    return event.value if event.words is None else event.words


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows of one form."""

    installation: Installation
    slot_id: int

    def slot(self) -> Slot:
        with self.installation.read() as session:
            return session.get_one(Slot, self.slot_id)

    def events(self) -> list[AnswerEvent]:
        own = (
            select(AnswerEvent).where(AnswerEvent.slot_id == self.slot_id).order_by(col(AnswerEvent.revision))
        )
        with self.installation.read() as session:
            return list(session.exec(own))

    def responses(self) -> list[Response]:
        with self.installation.read() as session:
            return list(session.exec(select(Response).where(Response.slot_id == self.slot_id)))

    def quarantined(self) -> list[Quarantine]:
        with self.installation.read() as session:
            return list(session.exec(select(Quarantine).where(Quarantine.slot_id == self.slot_id)))

    def receipts(self) -> list[str]:
        return [response.public_id for response in self.responses()]

    def draft(self) -> dict[str, AnswerValue]:
        """The answers that the form holds."""
        return {event.item: answer_of(event) for event in self.events()}

    def faults(self, phones: Iterable[Phone], claimed: set[str]) -> list[str]:
        """Everything in which the database does not bear out what the phones were told."""
        faults = [
            *self._acknowledged(phones),
            *self._submitted_answers(phones),
            *self._submissions(phones, claimed),
        ]
        faults += find_mistimed(phones, self.slot(), self.events(), self.responses(), self.quarantined())
        return faults + [f"trail: {fault}" for fault in verify_trail(self.installation)]

    def lies(self, seen: Screen) -> Iterator[str]:
        """What a screen says and the database does not bear out."""
        thanks = seen.kind == "done" and "Thank you" in seen.heading
        if thanks and (receipts := self.receipts()) != [seen.receipt]:
            yield f"thanks for {seen.receipt}, kept is {receipts}"
        if "already sent" in seen.heading and not self.receipts():
            yield "says already sent, nothing is"
        if "marked as late" in seen.net and not any(each.out_of_window for each in self.responses()):
            yield "says that it is marked as late, nothing is"
        if "kept for the study team" in seen.net and not self.quarantined():
            yield "says that it is kept apart, nothing is"

    def in_time(self, submitted_at: datetime, arrives_at: datetime) -> bool:
        """Whether what was sent then and arrives now becomes the response: in the grace, or sent inside the
        window and here within 72 hours of its closing."""
        slot = self.slot()
        assert slot.closes_at
        assert slot.grace_until
        late = submitted_at < slot.closes_at and arrives_at < slot.closes_at + LATE_ARRIVAL
        return arrives_at < slot.grace_until or late

    def _acknowledged(self, phones: Iterable[Phone]) -> Iterator[str]:
        stored = [(event.client, event.seq, answer_of(event)) for event in self.events()]
        values = {
            value for _, value in self._stored_answers()
        }  # that an item is open is dropped once all is closed
        for phone in phones:
            for (client, seq), value in phone.watch.acknowledged.items():
                if (count := stored.count((client, seq, value))) != 1:
                    yield f"{phone.name}: answer {seq} of {client} was acknowledged, kept {count} times"
            for (client, seq), value in phone.watch.judged.items():
                if stored.count((client, seq, value)) > 1 or (value not in values and value != OPEN):
                    yield f"{phone.name}: answer {seq} of {client} was taken as late and is nowhere"

    def _submitted_answers(self, phones: Iterable[Phone]) -> Iterator[str]:
        stored = self._stored_answers()
        for phone in phones:
            for item, value in phone.promised:
                if (item, value) not in stored and not (value == OPEN and item in dict(stored)):
                    yield f"{phone.name}: {item} = {value} was given and is nowhere"

    def _stored_answers(self) -> set[tuple[str, object]]:
        """Every answer that stands anywhere: in the trail, in the response, or apart."""
        documents = [row.answers for row in self.quarantined()] + [row.answers for row in self.responses()]
        stored: set[tuple[str, object]] = {(event.item, answer_of(event)) for event in self.events()}
        return stored.union(*(document.items() for document in documents))

    def _submissions(self, phones: Iterable[Phone], claimed: set[str]) -> Iterator[str]:
        responses = self.responses()
        if len(responses) > 1:
            yield f"{len(responses)} responses"
        if claimed - set(self.receipts()):
            yield f"receipts {claimed} were shown, kept is {self.receipts()}"
        for phone in phones:
            if phone.watch.receipts and not responses:
                yield f"{phone.name}: a receipt was given and no response exists"
            if phone.watch.receipts and responses and responses[0].answers != phone.reviewed:
                yield f"{phone.name}: sent {phone.reviewed}, kept is {responses[0].answers}"
