"""The EDC's pass: pages of 1,000 changes at the beginning and at the end of a long feed."""

from collections.abc import Iterator

from sqlmodel import select

from app.domain.records.feed import finalise_event
from app.services.accounts.edc_clients import issue_token
from app.services.accounts.participant_session import authenticate
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import ParticipantContext, participant_actor
from app.services.feed.feed_events import slot_event
from app.storage.tables.feed import FeedEvent
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from bench.figures import Figure, at_most_hellos
from bench.grown import Begun, add_begun
from bench.load import fetch, repeating, request
from bench.run import Run
from bench.serving import daybook
from bench.trial import Trial, trial

LENGTH = 200_000
PAGE = 1000
_ROWS = "study_id,seq,type,ref,version,site_id,recorded_at,line,hash"


def feed(run: Run) -> Iterator[Figure]:
    """Pages near the beginning and near the end cost the same: nothing is counted off."""
    length = run.scale.of(LENGTH, 2000)
    with trial(run.cluster, 1) as made:
        _fill(made, length)
        bearer = {"Authorization": f"Bearer {_token(made)}"}
        with daybook(made.url) as served:
            for name, after in (("at the beginning", 0), (f"after {length - PAGE:,}", length - PAGE)):
                message = request("GET", f"/api/edc/v1/changes?after={after}&limit={PAGE}", bearer)
                megabytes = len(fetch(served, message).body) / 1e6
                found = run.driven(served, repeating(message))
                told = f"page of {PAGE:,} changes {name}, {megabytes:.1f} MB"
                yield at_most_hellos(told, found.load.cpu_each, found.hello, 80)


def _token(made: Trial) -> str:
    client = made.client
    return issue_token(made.installation, client.client_id, client.secret, None, "bench", made.at).token


def _fill(made: Trial, length: int) -> None:
    """A feed in which every other event is a form with its answers and scores, as our own code tells it."""
    form = add_begun(made, 1)[0]
    lines = [_completed(made, form), _opened(made, form)]
    first = made.study.id
    site, moment = made.sites[0].id, made.at.isoformat()

    def rows() -> Iterator[str]:
        for seq in range(2, length + 1):
            line = lines[seq % 2].replace('"seq":1,', f'"seq":{seq},', 1)
            kind = "assessment.opened" if seq % 2 else "assessment.completed"
            yield f"{first}\t{seq}\t{kind}\tR{seq}\t1\t{site}\t{moment}\t{line}\t{'0' * 64}\n"

    made.copy("feed_event", _ROWS, rows())
    made.execute(f"UPDATE feed_head SET seq = {length}")
    made.execute("ANALYZE feed_event")


def _completed(made: Trial, form: Begun) -> str:
    """The line of a form that was really sent."""
    answers = {f"q{number}": number % 4 + 1 for number in range(1, 31)}
    with made.installation.read() as session:
        visitor = authenticate(made.installation, session, form.cookie, made.at)
    submit_form(
        ParticipantContext(made.installation, visitor, made.at), form.slot, SubmittedForm(answers, "s", True)
    )
    with made.installation.read() as session:
        return _escaped(session.exec(select(FeedEvent.line).where(FeedEvent.seq == 1)).one())


def _opened(made: Trial, form: Begun) -> str:
    """The line of the same form when it opened."""
    with made.installation.read() as session:
        slot = session.exec(select(Slot).where(Slot.public_id == form.slot)).one()
        participant = session.get_one(Participant, slot.participant_id)
        actor = participant_actor(participant.public_id)
        draft = slot_event(slot, participant, made.sites[0], actor, "opened")
    return _escaped(finalise_event(draft, 1, "0" * 64, made.at)[0])


def _escaped(line: str) -> str:
    """As COPY wants it."""
    return line.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
