"""The client address of a request: the connection's peer, or the one that a trusted proxy forwards."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.middleware.headers import RawHeaders

_HEADER = b"x-forwarded-for"
_SUBSCRIBER_BITS = 64
"""What one subscriber has of IPv6: all of it is one source."""


class TrustedProxies:
    """Puts the client's address in place of the proxy's, where the proxy is trusted.

    Each proxy appends the address that it was called from. So the list is read from its end for as long as
    it names trusted proxies: the first other address is the client, and what stands before it is the client's
    own invention. What is no address ends the reading; from anybody else the header is not looked at.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self.app = app
        self.trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.trusted and scope["type"] == "http" and scope.get("client"):
            host, port = scope["client"]
            client = self.find_client(host, scope["headers"])
            if client != host:
                scope["client"] = (client, port)  # in place: the access log reads what routing adds here
        await self.app(scope, receive, send)

    def find_client(self, peer: str, headers: RawHeaders) -> str:
        """The address of the client behind this peer."""
        client = peer
        for named in _named_addresses(headers):
            if not self._is_trusted(client):
                break
            address = _read_address(named)
            if address is None:
                break
            client = str(address)
        return client

    def _is_trusted(self, host: str) -> bool:
        address = _read_address(host)
        return address is not None and any(address in network for network in self.trusted)


def find_source(connection: HTTPConnection) -> str:
    """Where a request comes from, for throttling: an address of IPv4, or the network of one of IPv6."""
    host = connection.client.host if connection.client else "unknown"
    address = _read_address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _SUBSCRIBER_BITS), strict=False))
    return host if address is None else str(address)


def _named_addresses(headers: RawHeaders) -> Iterator[str]:
    """What the header names, the last one first; several lines of it are one list."""
    lines: Iterable[bytes] = (value for name, value in headers if name == _HEADER)
    yield from reversed(
        [address.strip() for address in b",".join(lines).decode("latin-1").split(",") if address.strip()]
    )


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address; one of IPv4 that is written as IPv6 is the same one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
