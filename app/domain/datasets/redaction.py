"""What a reader may see of an event: the same sections as the feed would hand to them."""

from collections.abc import Collection, Mapping
from typing import Any

from app.domain.records.feed import may_know_event

ParsedEvent = Mapping[str, Any]
"""One event of the feed as it is served, read from its line."""


def redact_event(event: ParsedEvent, scopes: Collection[str]) -> ParsedEvent | None:
    """The event without the sections that these scopes do not open; None where it may not be known at all."""
    if not may_know_event(event, scopes):
        return None
    withheld = {name for name, scope in event["scopes"].items() if scope not in scopes}
    if not withheld:
        return event
    return {
        **event,
        "data": {name: section for name, section in event["data"].items() if name not in withheld},
    }
