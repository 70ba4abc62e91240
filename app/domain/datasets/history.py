"""What the feed says of one participant as of a cut: the newest event of each record, as facts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.capture.arrival import completion_instant
from app.domain.capture.outbox import credible_capture
from app.domain.datasets.redaction import ParsedEvent, redact_event
from app.domain.plans.windows import load_zone, local_day

_INSTANT = timedelta(microseconds=1)
"""What a window lacks of its end."""


@dataclass(frozen=True, slots=True)
class AnchorFact:
    """A dated fact in force, who stated it, and when that was recorded."""

    kind: str
    on: date
    at: datetime | None
    source: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ExitFact:
    """A disposition in force: the date as it was stated, the day from which it counts, and its source."""

    kind: str
    stated: str
    effective_on: date
    source: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class FormFact:
    """One expected form and what was answered; sections that the reader may not see are None.

    `scorable`: something was sent, and at least one scale of it has a score or the instrument has none; that
    is known to all who count forms, whatever else they may see. `unticked`: items that stood in its list and
    were not ticked; none where the reader may not see answers.
    """

    ref: str
    version: int
    seq: int
    slot: Mapping[str, Any]
    response: Mapping[str, Any] | None
    answers: Mapping[str, Any] | None
    scores: Sequence[Mapping[str, Any]] | None
    scorable: bool
    unticked: frozenset[str] = frozenset()

    @property
    def visit(self) -> str:
        """The code of its visit, or of its diary day."""
        return str(self.slot["visit"])

    @property
    def state(self) -> str:
        """Its state at the resolution of the feed."""
        return str(self.slot["state"])

    @property
    def is_diary(self) -> bool:
        """Whether it is a day of the diary."""
        return self.slot["for_day"] is not None

    @property
    def is_in_window(self) -> bool:
        """Whether its answers count in the analysis window of a visit that the plan has."""
        return self.response is not None and not (self.slot["out_of_window"] or self.slot["out_of_plan"])

    @property
    def collected_on(self) -> date | None:
        """The day on which it was filled in on paper; None for any other form."""
        return None if self.response is None else read_day(self.response.get("collected_on"))

    @property
    def completed_at(self) -> datetime | None:
        """When it was completed, by the server's clock, as its window was judged; None without an instant.

        The device's word counts for a form that could not be sent at once, set right by its skew; any other
        form counts from when it arrived. Of a paper form the day alone is known.
        """
        if self.response is None or self.collected_on is not None:
            return None
        received_at, stated = self.response["received_at"], self.response["completed_at"]
        offline = self.response["captured_offline"] and stated != received_at
        captured = credible_capture(read_moment(stated), self.response["device_skew_seconds"], offline)
        return completion_instant(captured, read_moment(received_at))

    @property
    def completed_on(self) -> date | None:
        """The local day on which it was completed; of a paper form, the day that stands on it."""
        at = self.completed_at
        return self.collected_on if at is None else local_day(at, self.slot["zone"])

    @property
    def completed_local(self) -> str:
        """When it was completed by the participant's clock, to the second and without an offset.

        Of a paper form the day alone, which comes before any hour of it.
        """
        at, on = self.completed_at, self.collected_on
        if on is not None:
            return on.isoformat()
        if at is None:
            return ""
        return at.astimezone(load_zone(self.slot["zone"])).replace(tzinfo=None).isoformat(timespec="seconds")

    @property
    def last_day(self) -> date | None:
        """The last day of its window, which an anchor can close early."""
        closes_on, closes_at = read_day(self.slot["closes_on"]), self.slot["closes_at"]
        if closes_on is None or closes_at is None:
            return closes_on
        return min(closes_on, local_day(read_moment(closes_at) - _INSTANT, self.slot["zone"]))

    def get_day(self, name: str) -> date | None:
        """One of its days: `opens_on`, `target_on`, `closes_on`, `for_day`."""
        return read_day(self.slot[name])


@dataclass(frozen=True, slots=True)
class SubjectHistory:
    """Everything that the feed says of a participant. `arm` is None where none is recorded or seen.

    `counted_arm` is the recorded one, for counts that are the same whoever sees them.
    """

    subject: str
    site: str
    facts: Mapping[str, Any]
    arm: str | None
    counted_arm: str | None
    anchors: Mapping[str, AnchorFact]
    exits: tuple[ExitFact, ...]
    forms: tuple[FormFact, ...]

    def find_exit(self, kind: str) -> ExitFact | None:
        """The disposition of a kind that counts: the earliest, and the more exact of two of one day."""
        stated = (exit_ for exit_ in self.exits if exit_.kind == kind)
        return min(stated, key=lambda exit_: (exit_.effective_on, -len(exit_.stated)), default=None)

    @property
    def consented_on(self) -> date | None:
        """The day of consent."""
        return read_day(self.facts["consented_on"])


def read_day(text: str | None) -> date | None:
    """A day of the feed."""
    return date.fromisoformat(text) if text else None


def read_whole_day(text: str) -> date | None:
    """A day as it was stated; None of a month."""
    return read_day(text) if len(text) == len("2026-03-04") else None


def read_moment(text: str) -> datetime:
    """An instant of the feed, in UTC."""
    return datetime.fromisoformat(text)


def fold_history(events: Iterable[ParsedEvent], scopes: Collection[str]) -> SubjectHistory | None:
    """One participant's events, in order, as a reader with these scopes sees them; None without any of them.

    Older events of a record give way to newer ones, so that all of them or only the newest give the same. Of
    forms that the plan has no more, only those that were answered are there.
    """
    newest = {event["ref"]: event for event in events}
    counted_arm = next((arm for event in newest.values() if (arm := _arm(event))), None)
    scorable = {ref for ref, event in newest.items() if _is_scorable(event["data"])}
    seen = ((ref, redact_event(event, scopes)) for ref, event in newest.items())
    newest = {ref: event for ref, event in seen if event is not None}
    person = next((event for event in newest.values() if "participant" in event["data"]), None)
    if person is None:
        return None
    anchors: dict[str, AnchorFact] = {}
    exits: tuple[ExitFact, ...] = ()
    forms: list[FormFact] = []
    for event in newest.values():
        data = event["data"]
        if (anchor := data.get("anchor")) and anchor["date"]:
            anchors[anchor["kind"]] = _anchor(anchor, event)
        elif "status" in data:
            exits = _exits(data["status"], event)
        elif "slot" in data and ("response" in data or not data["slot"]["out_of_plan"]):
            forms.append(_form(event, event["ref"] in scorable))
    return SubjectHistory(
        subject=person["subject"],
        site=person["site"],
        facts=person["data"]["participant"],
        arm=_arm(person),
        counted_arm=counted_arm,
        anchors=dict(sorted(anchors.items())),
        exits=exits,
        forms=tuple(forms),
    )


def _arm(event: ParsedEvent) -> str | None:
    arm: str | None = (event["data"].get("arm") or {}).get("arm")
    return arm


def _anchor(anchor: Mapping[str, Any], event: ParsedEvent) -> AnchorFact:
    return AnchorFact(
        kind=anchor["kind"],
        on=date.fromisoformat(anchor["date"]),
        at=read_moment(anchor["at"]) if anchor["at"] else None,
        source=anchor["source"],
        recorded_at=read_moment(event["recorded_at"]),
    )


def _exits(status: Mapping[str, Any], event: ParsedEvent) -> tuple[ExitFact, ...]:
    return tuple(
        ExitFact(
            kind=disposition["kind"],
            stated=disposition["date"],
            effective_on=date.fromisoformat(disposition["effective_on"]),
            source=disposition["source"],
            recorded_at=read_moment(disposition.get("recorded_at") or event["recorded_at"]),
        )
        for disposition in status["in_force"]
    )


def _is_scorable(data: Mapping[str, Any]) -> bool:
    scores = data.get("scores")
    return scores is not None and (not scores or any(score["value"] is not None for score in scores))


def _form(event: ParsedEvent, scorable: bool) -> FormFact:
    data = event["data"]
    return FormFact(
        ref=event["ref"],
        version=event["version"],
        seq=event["seq"],
        slot=data["slot"],
        response=data.get("response"),
        answers=data.get("answers"),
        scores=data.get("scores"),
        scorable=scorable,
        unticked=frozenset(data.get("item_status", ())),
    )
