"""Compresses pages and JSON that are sent in one piece; streams and statics bring their own coding."""

import zlib
from dataclasses import dataclass

import brotli
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.middleware.negotiation import choose_coding

WORTH_CODING = 500
"""Bytes from which a body is sent in a coding."""
_STYLE_ENDS, _PROGRAM_BEGINS = b"</style>", b"<script>"
"""Where a form's document turns from style to words and from words to program."""
_ASCII = bytes(range(128))
_SAMPLED, _SAMPLE, _ENOUGH = 4096, 64, 26
"""At the beginning of every 4096 bytes of a block brotli looks at 64, to see of which letters it consists."""
_GZIP = 16 + zlib.MAX_WBITS
_TEXT = (b"text/", b"application/json", b"application/problem+json", b"application/fhir+json")


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard a body is compressed, by coding; `blocks`: style, words and program each by themselves."""

    gzip: int
    brotli: int
    blocks: bool


THOROUGH = Effort(8, 7, blocks=True)
"""For participants: a few bytes of a page count on the worst network."""
SWIFT = Effort(3, 4, blocks=False)
"""For the desk: long tables that are all alike, in a fraction of the time and up to a third larger."""


def compress_body(body: bytes, chosen: str, effort: Effort = THOROUGH) -> bytes:
    """A page's bytes in this coding.

    Style, words and program have other letters, so each can begin a block with a code of its own: that is
    worth 200 bytes of a Chinese form.
    """
    if not effort.blocks:
        return _compress_at_once(body, chosen, effort)
    if chosen == "br":
        coder = brotli.Compressor(mode=brotli.MODE_TEXT, quality=effort.brotli)
        words, program = _parted(body, body.rfind(_PROGRAM_BEGINS))
        parts = _parted(words, _where_letters_are_seen(words))
        begun = b"".join(coder.process(part) + coder.flush() for part in parts if part)
        return bytes(begun + coder.process(program) + coder.finish())
    packer = zlib.compressobj(effort.gzip, zlib.DEFLATED, _GZIP)
    style, rest = _parted(body, body.find(_STYLE_ENDS))
    words, program = _parted(rest, rest.rfind(_PROGRAM_BEGINS))
    begun = b"".join(packer.compress(part) + packer.flush(zlib.Z_BLOCK) for part in (style, words) if part)
    return begun + packer.compress(program) + packer.flush()


def _compress_at_once(body: bytes, chosen: str, effort: Effort) -> bytes:
    if chosen == "br":
        return bytes(brotli.compress(body, mode=brotli.MODE_TEXT, quality=effort.brotli))
    return zlib.compress(body, effort.gzip, _GZIP)


def _where_letters_are_seen(words: bytes) -> int:
    """Where a block begins of which brotli sees enough letters beyond ASCII, if it has many; else 0.

    It would choose a code that is unfit for them if it saw none: that costs 220 bytes of a Chinese form.
    """
    if _count_letters(words) * 20 < len(words):
        return 0
    begins = range(0, _SAMPLED, _SAMPLE)
    seen = (
        b"".join(words[at : at + _SAMPLE] for at in range(begin, len(words), _SAMPLED)) for begin in begins
    )
    return next(
        (begin for begin, some in zip(begins, seen, strict=True) if _count_letters(some) >= _ENOUGH), 0
    )


def _count_letters(text: bytes) -> int:
    return len(text.translate(None, _ASCII))


def _parted(body: bytes, at: int) -> tuple[bytes, bytes]:
    """What stands before this place, and the rest; all of it is the rest where there is no such place."""
    return body[: max(at, 0)], body[max(at, 0) :]


class Compression:
    """Holds the response's start until its body is known; swiftly below the address `swift`."""

    def __init__(self, app: ASGIApp, swift: str) -> None:
        self.app = app
        self.swift = swift

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = (
            choose_coding(dict(scope["headers"]).get(b"accept-encoding", b""))
            if scope["type"] == "http"
            else None
        )
        if chosen is None:
            await self.app(scope, receive, send)
            return
        effort = SWIFT if scope["path"].startswith(self.swift) else THOROUGH
        start_message: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start_message
            if message["type"] == "http.response.start":
                start_message = message
                return
            if start_message is not None:
                start, start_message = start_message, None
                if not message.get("more_body"):
                    start, message = _packed(start, message, chosen, effort)
                await send(start)
            await send(message)

        await self.app(scope, receive, send_compressed)


def _packed(start: Message, message: Message, chosen: str, effort: Effort) -> tuple[Message, Message]:
    headers = dict(start["headers"])
    body = message.get("body", b"")
    text = headers.get(b"content-type", b"").startswith(_TEXT)
    # A strong entity tag names these very bytes: what carries one brings its own coding.
    is_final = b"content-encoding" in headers or b"no-transform" in headers.get(b"cache-control", b"")
    if len(body) < WORTH_CODING or not text or is_final:
        return start, message
    packed = compress_body(body, chosen, effort)
    repacked = [pair for pair in start["headers"] if pair[0] not in (b"content-length", b"etag")]
    repacked += [
        (b"content-length", str(len(packed)).encode()),
        (b"content-encoding", chosen.encode()),
        (b"vary", b"accept-encoding"),
    ]
    return {**start, "headers": repacked}, {**message, "body": packed}
