"""How many requests a client may make: counted in this process, so each worker grants its own share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.clock_trust import is_over
from app.domain.refusal import Refused

QUOTA = 600
SPAN = timedelta(minutes=10)


@dataclass(slots=True)
class RateLimits:
    """Requests per client in the running ten minutes; the span begins with a client's first request."""

    quota: int = QUOTA
    counted: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def count_request(self, client_id: str, at: datetime) -> Mapping[str, str]:
        """The headers that tell what is left; raises Refused("too_fast") with its end."""
        since, requests = self.counted.get(client_id, (at, 0))
        if at == since + SPAN or is_over(since, at, SPAN):
            since, requests = at, 0
        wait = max(1, int((since + SPAN - at).total_seconds()))
        if requests >= self.quota:
            raise Refused("too_fast", until=since + SPAN)
        self.counted[client_id] = since, requests + 1
        return {
            "RateLimit-Policy": f'"client";q={self.quota};w={int(SPAN.total_seconds())}',
            "RateLimit": f'"client";r={self.quota - requests - 1};t={wait}',
        }
