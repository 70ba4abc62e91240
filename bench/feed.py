"""Measures the change feed: pages of 1,000 changes at the beginning and at the end of a long feed."""

import itertools
from collections.abc import Iterator

import sqlalchemy as sa
from sqlmodel import col, select

from app.domain.plans.publication import FeedState, PublishedChange, SlotChange
from app.domain.records.access import SYSTEM, Scope
from app.domain.records.feed import finalise_event
from app.services.accounts.edc_clients import issue_token
from app.services.accounts.participant_session import authenticate_device
from app.services.capture.submission import submit_form
from app.services.capture.submission_builder import SubmittedForm
from app.services.core.context import DeviceContext, ParticipantContext, StaffContext, participant_actor
from app.services.feed.feed_events import slot_event
from app.services.setup.studies import create_client
from app.storage.tables.feed import FeedEvent
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from bench.capture import begun_trial
from bench.figures import Figure, at_most_hellos
from bench.grown import BegunForm
from bench.load import CLIENTS, fetch, request
from bench.run import Run
from bench.trial import STUDY, Trial

LENGTH = 200_000
PAGE = 1000
SHARES = 8
"""EDC clients that each connection speaks for in turn; every worker grants each of them 600 requests."""
FEED_COLUMNS = "study_id,seq,type,ref,version,site_id,recorded_at,line,hash"


def feed(run: Run) -> Iterator[Figure]:
    """Measure both pages: they cost the same, because the cursor is a key and not an offset."""
    length = run.scale.of(LENGTH, 2000)
    with begun_trial(run, "feed") as begun:
        trial = begun.trial
        last = _fill(trial, begun.forms[0], length)
        clients = [
            authorization_header(trial, number)
            for number in range(CLIENTS * (1 if run.scale.tiny else SHARES))
        ]
        with begun.serve() as server:
            for name, after in (("at the beginning", 0), (f"after {length - PAGE:,}", last - PAGE)):
                path = f"/api/edc/v1/changes?after={after}&limit={PAGE}"
                messages = [request("GET", path, client) for client in clients]
                megabytes = len(fetch(server, messages[0]).body) / 1e6
                measured = run.driven(server, lambda number: itertools.cycle(messages[number::CLIENTS]))  # noqa: B023 - called before the next turn
                row = f"page of {PAGE:,} changes {name}, {megabytes:.1f} MB"
                yield at_most_hellos(row, measured.load.cpu_each, measured.hello, 80)


def authorization_header(trial: Trial, number: int) -> dict[str, str]:
    """Create an EDC client of this number: one alone would run into the rate limit."""
    context = StaffContext(trial.installation, SYSTEM, trial.at)
    client = create_client(context, STUDY, f"bench {number}", tuple(Scope), None)
    issued = issue_token(trial.installation, client.client_id, client.secret, None, "bench", trial.at)
    return {"Authorization": f"Bearer {issued.token}"}


def _fill(trial: Trial, form: BegunForm, length: int) -> int:
    """Fill a feed up to this length, which is returned, or a few events more where others are in it already.

    Every other event is a form with its answers and scores, as our own code tells it.
    """
    lines = [build_completed_line(trial, form), _build_opened_line(trial, form)]
    study = trial.study.id
    site, moment = trial.sites[0].id, trial.at.isoformat()
    with trial.installation.read() as session:
        highest = session.exec(select(sa.func.max(FeedEvent.seq))).one()
    last = highest + length - 1

    def rows() -> Iterator[str]:
        for seq in range(highest + 1, last + 1):
            line = lines[seq % 2].replace('"seq":1,', f'"seq":{seq},', 1)
            kind = "assessment.opened" if seq % 2 else "assessment.completed"
            yield f"{study}\t{seq}\t{kind}\tR{seq}\t1\t{site}\t{moment}\t{line}\t{'0' * 64}\n"

    trial.copy("feed_event", FEED_COLUMNS, rows())
    trial.execute(f"UPDATE feed_head SET seq = {last}")
    trial.execute("ANALYZE feed_event")
    return last


def build_completed_line(trial: Trial, form: BegunForm) -> str:
    """Submit the form by the use case; return its line of the feed, numbered 1."""
    answers = {f"q{number}": number % 4 + 1 for number in range(1, 31)}
    visitor = authenticate_device(DeviceContext.of_cookie(trial.installation, form.cookie, trial.at))
    submit_form(
        ParticipantContext(trial.installation, visitor, trial.at),
        form.slot,
        SubmittedForm(answers, "s", True),
    )
    with trial.installation.read() as session:
        newest = select(FeedEvent.seq, FeedEvent.line).order_by(col(FeedEvent.seq).desc()).limit(1)
        seq, line = session.exec(newest).one()
    return _escape_for_copy(line.replace(f'"seq":{seq},', '"seq":1,', 1))


def _build_opened_line(trial: Trial, form: BegunForm) -> str:
    """The line of the feed that told of the same form when it opened."""
    with trial.installation.read() as session:
        slot = session.exec(select(Slot).where(Slot.public_id == form.slot)).one()
        participant = session.get_one(Participant, slot.participant_id)
        actor = participant_actor(participant.public_id)
        opened = PublishedChange(SlotChange.opened, FeedState.open)
        draft = slot_event(slot, slot.version + 1, participant.subject, trial.sites[0], actor, opened)
    return _escape_for_copy(finalise_event(draft, 1, "0" * 64, trial.at)[0])


def _escape_for_copy(line: str) -> str:
    """Escape backslashes, tabs and line ends for COPY."""
    return line.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
