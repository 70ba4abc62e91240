"""Static files: read, hashed and compressed once at start; a changed file has a new address."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.web.middleware.compression import compress_body
from app.web.middleware.negotiation import choose_coding

FOLDER = Path(__file__).parents[1] / "static"
_SERVED = frozenset({".css", ".js", ".svg", ".png", ".webmanifest"})
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent: by coding, plain under None."""

    kind: str
    etag: str
    bodies: Mapping[str | None, bytes]


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """Every static file, and one digest of them all that stands in their address."""

    digest: str
    files: Mapping[str, StaticFile]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "StaticFiles":
        """Read every file that a browser may ask for; notes and licences beside them are left out."""
        paths = sorted(path for path in folder.rglob("*") if path.suffix in _SERVED)
        files = {path.relative_to(folder).as_posix(): _static(path.read_bytes(), path.name) for path in paths}
        names_and_tags = "".join(f"{name}{file.etag}" for name, file in files.items())
        return cls(hashlib.sha256(names_and_tags.encode()).hexdigest()[:12], files)

    def read_text(self, name: str) -> str:
        """A file's words, for what travels inside a page."""
        return self.files[name].bodies[None].decode()

    @property
    def root(self) -> str:
        return f"/static/{self.digest}"


def _static(body: bytes, name: str) -> StaticFile:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    bodies: dict[str | None, bytes] = {None: body}
    for chosen in ("br", "gzip"):
        packed = compress_body(body, chosen)
        bodies[chosen] = packed if len(packed) < len(body) else body
    return StaticFile(text, f'"{hashlib.sha256(body).hexdigest()[:32]}"', bodies)


router = APIRouter()


@router.get("/static/{digest}/{name:path}", include_in_schema=False)
async def get_static(request: Request, digest: str, name: str) -> Response:
    """The file; under an outdated digest too, so that a page opened before an update keeps its look."""
    statics: StaticFiles = request.app.state.statics
    file = statics.files.get(name)
    if file is None:
        raise HTTPException(404)
    headers = {
        "etag": file.etag,
        "vary": "accept-encoding",
        "cache-control": _FOREVER if digest == statics.digest else "no-cache",
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    chosen = choose_coding(request.headers.get("accept-encoding", "").encode())
    body = file.bodies[chosen]
    if chosen is not None and body is not file.bodies[None]:
        headers["content-encoding"] = chosen
    return Response(body, headers=headers, media_type=file.kind)


@router.get("/favicon.ico", include_in_schema=False)
async def get_icon(request: Request) -> Response:
    """Browsers ask for this by themselves; a page of error for each would cost more than the icon."""
    statics: StaticFiles = request.app.state.statics
    file = statics.files["icons/icon.svg"]
    return Response(
        file.bodies[None], headers={"cache-control": "public, max-age=86400"}, media_type=file.kind
    )
