"""Pictures of pages, taken by the Chromium of this machine."""

import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
SECONDS = 60
_QUIET = (
    "--headless",
    "--hide-scrollbars",
    "--force-prefers-reduced-motion",
    "--force-device-scale-factor=1",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A window cannot be as narrow as a phone while a page loads; a frame in it can.
_FRAME = (
    '<!doctype html><meta charset="utf-8"><style>body{{margin:0}}iframe{{border:0;display:block}}</style>'
    '<iframe src="page.html" width="{}" height="{}"></iframe>'
)


@dataclass(frozen=True, slots=True)
class Camera:
    """A browser of this machine and the size of the phone that it plays, in CSS pixels."""

    program: str
    width: int
    height: int

    def take_picture(self, html: str) -> bytes:
        """The document as a PNG of exactly that size. Raises OSError when the browser makes none."""
        with tempfile.TemporaryDirectory(prefix="daybook-screen-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            (folder / "page.html").write_text(html, "utf-8")
            (folder / "frame.html").write_text(_FRAME.format(self.width, self.height), "utf-8")
            output = self._run(folder)
            try:
                png = (folder / "screen.png").read_bytes()
            except FileNotFoundError:
                png = b""
        if png_size(png) != (self.width, self.height):
            raise OSError(f"{self.program} made no picture: {output}")
        return png

    def _run(self, folder: Path) -> str:
        # Chromium refuses its sandbox to root; the pages are our own.
        alone = ["--no-sandbox"] if os.geteuid() == 0 else []
        own = [
            f"--user-data-dir={folder / 'profile'}",
            f"--screenshot={folder / 'screen.png'}",
            f"--window-size={self.width},{self.height}",
            (folder / "frame.html").as_uri(),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a browser found by name, with our own arguments
                [self.program, *_QUIET, *alone, *own], capture_output=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"nothing within {SECONDS} seconds"
        return " ".join(done.stderr.decode(errors="replace").split())[-400:]


def find_camera(width: int, height: int) -> Camera:
    """Raises OSError naming what to install when there is no browser."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise OSError(
            "no Chromium on this machine; on Debian, as root: apt-get install chromium fonts-noto-cjk"
        )
    return Camera(program, width, height)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height in the head of a PNG; (0, 0) for anything else."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    width, height = struct.unpack(">II", png[16:24])
    return width, height
