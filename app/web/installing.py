"""What lets a phone keep these pages as an icon on its home screen; nothing asks for it (issue item 8)."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.i18n.languages import language
from app.i18n.marking import N_
from app.web.dependencies import language_of
from app.web.pages import Pages
from app.web.places import PATIENT_HOME
from app.web.shell import base_shell

NAME = N_("My forms")
"""Neutral: whoever sees the phone reads it (P0.5)."""
THEME, BACKGROUND = "#00615b", "#f4f6f5"  # as in daybook.css
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("maskable-512.png", "512x512", "maskable"),
)

router = APIRouter(include_in_schema=False)


@router.get("/manifest.webmanifest")
def manifest(request: Request, lang: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Browsers ask for it without cookies, so the page that names it also names its language."""
    spoken = language(lang) or language_of(request)
    shell = base_shell(request).speaking(spoken)
    pages: Pages = request.app.state.pages
    name = pages.word(NAME, shell)
    told = {
        "id": PATIENT_HOME,
        "name": name,
        "short_name": name,
        "lang": shell.lang,
        "dir": shell.dir,
        # On an iPhone the icon is a browser of its own: whoever is not known there types a code.
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": THEME,
        "background_color": BACKGROUND,
        "icons": [
            {
                "src": f"{shell.static_root}/icons/{file}",
                "sizes": sizes,
                "type": "image/png",
                "purpose": purpose,
            }
            for file, sizes, purpose in ICONS
        ],
    }
    return Response(
        orjson.dumps(told),
        headers={"cache-control": "public, max-age=86400"},
        media_type="application/manifest+json",
    )
