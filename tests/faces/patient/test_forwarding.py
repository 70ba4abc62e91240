"""Whose word is believed about where a request comes from: trusted proxies', and nobody else's."""

from ipaddress import ip_network

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from app.services.core.throttling import TRIES
from app.web.middleware.forwarding import TrustedProxies, find_source
from tests.applications import Clock, application
from tests.browsers import BASE_URL

PROXIES = ("127.0.0.1", "10.0.0.7", "10.0.0.8", "2001:db8:1::9")
STRANGERS = ("203.0.113.9", "198.51.100.1", "2001:db8:2::1")
TRUSTED = TrustedProxies(Starlette(), tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/24", "2001:db8:1::/48"))))


def client_of(peer: str, *lines: str) -> str:
    return TRUSTED.find_client(peer, [(b"x-forwarded-for", line.encode()) for line in lines])


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        ("127.0.0.1", ["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
        ("127.0.0.1", ["203.0.113.9, nonsense, 10.0.0.7"], "10.0.0.7"),
        ("::ffff:127.0.0.1", ["2001:DB8:2:0::1"], "2001:db8:2::1"),
        ("2001:db8:1::9", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
def test_the_last_address_that_no_proxy_has_is_the_client(peer: str, lines: list[str], client: str) -> None:
    assert client_of(peer, *lines) == client


@pytest.mark.req("IAM-12")
@given(
    invented=st.lists(st.sampled_from([*PROXIES, *STRANGERS, "nonsense", ""]) | st.text("0123456789.:,af ")),
    stranger=st.sampled_from(STRANGERS),
    behind=st.lists(st.sampled_from(PROXIES), min_size=1, max_size=3),
    lines=st.integers(1, 3),
)
def test_a_client_s_own_header_changes_nothing(
    invented: list[str], stranger: str, behind: list[str], lines: int
) -> None:
    """Whatever a client sends along, its address is the one from which the outermost proxy was called."""
    *inner, peer = behind
    appended = [*invented, stranger, *inner]
    cut = max(0, len(appended) - lines)
    assert client_of(peer, ",".join(appended[:cut]), *appended[cut:]) == stranger
    assert client_of(stranger, ",".join(invented)) == stranger


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:2:3:4:5:6:7", "2001:db8:2:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_all_of_a_subscriber_is_one_source(host: str | None, source: str) -> None:
    client = (host, 1) if host else None
    assert find_source(HTTPConnection({"type": "http", "client": client})) == source


def guess(app: FastAPI, peer: str, forwarded: str) -> int:
    client = TestClient(app, base_url=BASE_URL, follow_redirects=False, client=(peer, 1))
    credentials = {"email": "nurse@example.org", "password": "guess"}
    return client.post("/desk/sign-in", data=credentials, headers={"x-forwarded-for": forwarded}).status_code


@pytest.mark.req("IAM-12")
def test_nobody_evades_the_throttle_by_a_header_of_their_own(migrated_sqlite_url: str, clock: Clock) -> None:
    """Sent to a server that trusts nobody, and through the proxy of one that does."""
    trusting = application(migrated_sqlite_url, clock, DAYBOOK_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/24")
    for number in range(TRIES):
        assert guess(trusting, "10.0.0.7", f"198.51.100.{number}, 203.0.113.9") == 403
    assert guess(trusting, "10.0.0.7", "198.51.100.99, 203.0.113.9") == 429
    assert guess(trusting, "10.0.0.7", "198.51.100.1") == 403
    alone = application(migrated_sqlite_url, clock)
    assert guess(alone, "203.0.113.9", "198.51.100.1") == 429
    for number in range(TRIES):
        assert guess(alone, "127.0.0.1", f"198.51.100.{number}") == 403
    assert guess(alone, "127.0.0.1", "198.51.100.99") == 429
