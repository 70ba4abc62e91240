"""Build script of the icons for home screens: `python .tools/build_icons.py` writes them again.

It draws the shapes of icon.svg without a drawing program.
"""

import struct
import zlib
from math import hypot
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "app" / "static" / "icons"
TEAL, WHITE = (0x00, 0x61, 0x5B), (0xFF, 0xFF, 0xFF)
FILES = {
    # iOS and Android cut the corners of these two themselves
    "icon-180.png": (180, 0.0),
    "maskable-512.png": (512, 0.0),
    "icon-192.png": (192, 14.0),
    "icon-512.png": (512, 14.0),
}
"""Size in pixels and radius of the corners in the drawing's 64 units."""
PAPER = (18.0, 16.0, 46.0, 48.0, 0.0, WHITE)
LINES = [(22.5, y - 1.5, right, y + 1.5, 1.5, TEAL) for y, right in ((26, 41.5), (33, 41.5), (40, 35.5))]

Shape = tuple[float, float, float, float, float, tuple[int, int, int]]


def encode_png(size: int, radius: float) -> bytes:
    """The icon as a PNG with transparency."""
    rows = b"".join(b"\0" + draw_row(size, radius, row) for row in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def draw_row(size: int, radius: float, row: int) -> bytes:
    """One row of it, red, green, blue and cover for each pixel."""
    shapes: list[Shape] = [(0.0, 0.0, 64.0, 64.0, radius, TEAL), PAPER, *LINES]
    scale, row_bytes = 64 / size, bytearray()
    for column in range(size):
        x, y = (column + 0.5) * scale, (row + 0.5) * scale
        red, green, blue = TEAL
        for shape in shapes[1:]:
            part, (r, g, b) = _coverage(shape, x, y, scale), shape[5]
            red, green, blue = (
                round(old + (new - old) * part) for old, new in ((red, r), (green, g), (blue, b))
            )
        row_bytes += bytes((red, green, blue, round(255 * _coverage(shapes[0], x, y, scale))))
    return bytes(row_bytes)


def _coverage(shape: Shape, x: float, y: float, scale: float) -> float:
    """How much of the pixel at x, y lies in a rectangle with round corners, 0 to 1."""
    left, top, right, bottom, radius, _ = shape
    dx = abs(x - (left + right) / 2) - (right - left) / 2 + radius
    dy = abs(y - (top + bottom) / 2) - (bottom - top) / 2 + radius
    outside = hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius
    return min(max(0.5 - outside / scale, 0), 1)


def _chunk(part: tuple[bytes, bytes]) -> bytes:
    kind, body = part
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


if __name__ == "__main__":
    for name, (size, radius) in FILES.items():
        (FOLDER / name).write_bytes(encode_png(size, radius))
