"""The database as the oracle reads it: what is really kept, against what was acknowledged and shown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlmodel import col, select

from app.services.installation import Installation
from app.services.trail import verify
from app.storage.capture import AnswerEvent, Quarantine, Response
from app.storage.schedule import Slot
from tests.faults.phones import Phone


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

    def kept_apart(self) -> list[Quarantine]:
        with self.installation.read() as session:
            return list(session.exec(select(Quarantine).where(Quarantine.slot_id == self.slot_id)))

    def receipts(self) -> list[str]:
        return [response.public_id for response in self.responses()]

    def current(self, item: str) -> int | None:
        """The answer that the draft holds; 0 is none."""
        given = [event.value for event in self.events() if event.item == item]
        return given[-1] if given else 0

    def faults(self, phones: Iterable[Phone], claimed: set[str]) -> list[str]:
        """Everything in which the database does not bear out what the phones were told."""
        told = [*self._acknowledged(phones), *self._given(phones), *self._sent(phones, claimed)]
        return told + [f"trail: {fault}" for fault in verify(self.installation)]

    def _acknowledged(self, phones: Iterable[Phone]) -> Iterator[str]:
        kept = [(event.client, event.seq, event.value) for event in self.events()]
        apart = {(item, value) for row in self.kept_apart() for item, value in row.answers.items()}
        for phone in phones:
            for (client, seq), value in phone.watch.acknowledged.items():
                found = kept.count((client, seq, value))
                if found != 1 and value not in {value for _, value in apart}:
                    yield f"{phone.name}: answer {seq} of {client} was acknowledged, kept {found} times"

    def _given(self, phones: Iterable[Phone]) -> Iterator[str]:
        kept = {(event.item, event.value) for event in self.events()}
        apart = {(item, value) for row in self.kept_apart() for item, value in row.answers.items()}
        for phone in phones:
            for item, value in phone.given:
                if (item, value) not in kept | apart:
                    yield f"{phone.name}: {item} = {value} was given and is nowhere"

    def _sent(self, phones: Iterable[Phone], claimed: set[str]) -> Iterator[str]:
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
