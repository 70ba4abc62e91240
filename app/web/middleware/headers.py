"""The headers that every response carries (SEC-02)."""

from collections.abc import Iterable

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "manifest-src 'self'; font-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": CSP,
        "strict-transport-security": "max-age=63072000; includeSubDomains",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cache-control": "no-store",
    }.items()
)
_PAGES_ONLY = frozenset({b"content-security-policy", b"cross-origin-opener-policy", b"permissions-policy"})
EMPTY = (
    *((name, value) for name, value in HEADERS if name not in _PAGES_ONLY),
    (b"content-security-policy", b"default-src 'none'"),
)
"""Of an answer without a body: nothing of it is ever shown, and a phone gets one for every saved answer."""

RawHeaders = Iterable[tuple[bytes, bytes]]


def add_security_headers(headers: RawHeaders, status: int = 200) -> list[tuple[bytes, bytes]]:
    """The headers with ours added; what a response set itself stands (a form's CSP, a static's caching)."""
    existing = list(headers)
    present = {name.lower() for name, _ in existing}
    ours = EMPTY if status == 204 else HEADERS
    return [*existing, *(header for header in ours if header[0] not in present)]
