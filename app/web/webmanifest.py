"""The web app manifest, by which a phone keeps these pages as an icon; nothing asks for it."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.i18n.languages import find_language
from app.i18n.marking import N_
from app.web.dependencies import get_language
from app.web.pages.page_frame import base_frame
from app.web.pages.rendering import Pages
from app.web.urls import PATIENT_HOME

NAME = N_("My forms")
"""Neutral, without disease or hospital: whoever sees the phone reads it."""
THEME, BACKGROUND = "#00615b", "#f4f6f5"  # as in installation.css
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("maskable-512.png", "512x512", "maskable"),
)

router = APIRouter(include_in_schema=False)


@router.get("/manifest.webmanifest")
def get_manifest(request: Request, lang: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Browsers ask for it without cookies, so the page that names it also names its language."""
    spoken = find_language(lang) or get_language(request)
    frame = base_frame(request).in_language(spoken)
    pages: Pages = request.app.state.pages
    name = pages.translate(NAME, frame)
    manifest = {
        "id": PATIENT_HOME,
        "name": name,
        "short_name": name,
        "lang": frame.lang,
        "dir": frame.dir,
        # On an iPhone the icon is a browser of its own: whoever is not known there types a code.
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": THEME,
        "background_color": BACKGROUND,
        "icons": [
            {
                "src": f"{frame.static_root}/icons/{file}",
                "sizes": sizes,
                "type": "image/png",
                "purpose": purpose,
            }
            for file, sizes, purpose in ICONS
        ],
    }
    return Response(
        orjson.dumps(manifest),
        headers={"cache-control": "public, max-age=86400"},
        media_type="application/manifest+json",
    )
