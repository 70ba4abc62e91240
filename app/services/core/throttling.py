"""Slowing down guesses: per account and per source, never a permanent lock (IAM-12)."""

from datetime import datetime, timedelta

from sqlmodel import Session

from app.domain.refusal import Refused
from app.storage.tables.staff import Throttle

TRIES = 5
SPAN = timedelta(hours=1)


def check_tries(session: Session, subject: str, at: datetime, tries: int = TRIES) -> None:
    """Refuse when this subject failed too often in the running hour; says when to try again."""
    counted = session.get(Throttle, subject)
    if counted is not None and counted.failures >= tries and at < counted.since_at + SPAN:
        raise Refused("throttled", until=counted.since_at + SPAN)


def count_failure(session: Session, subject: str, at: datetime) -> None:
    """Remember one more failure; the hour begins with the first."""
    counted = session.get(Throttle, subject)
    if counted is None:
        session.add(Throttle(subject=subject, failures=1, since_at=at))
    elif at >= counted.since_at + SPAN:
        counted.failures, counted.since_at = 1, at
    else:
        counted.failures += 1


def forget_failures(session: Session, subject: str) -> None:
    """Begin anew after a success."""
    counted = session.get(Throttle, subject)
    if counted is not None:
        counted.failures = 0


def participant_throttle(participant_id: int) -> str:
    """Under which name wrong answers to a participant's invitations are counted."""
    return f"check:{participant_id}"


def device_throttle(participant_id: int, device_id: int) -> str:
    """Under which name the wrong answers of one bound browser are counted; others are not held up."""
    return f"pin:{participant_id}:{device_id}"
