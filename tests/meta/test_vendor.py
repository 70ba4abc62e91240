"""Vendored files are the ones their SOURCE.md names, unchanged."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "app" / "static" / "vendor"


@pytest.mark.req("SEC-13")
def test_htmx_is_the_file_its_source_note_names() -> None:
    folder = VENDOR / "htmx"
    note = (folder / "SOURCE.md").read_text(encoding="utf-8")
    named = re.search(r"sha384: `([^`]+)`", note)
    digest = hashlib.sha384((folder / "htmx.min.js").read_bytes()).digest()
    assert named is not None
    assert base64.b64encode(digest).decode() == named[1]
    assert "version 4.0.1" in note


def test_every_vendored_folder_states_licence_and_source() -> None:
    folders = [path for path in VENDOR.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert {"LICENSE", "SOURCE.md"} <= {path.name for path in folder.iterdir()}, folder
