"""The manual says what is so."""

import re

from app.settings import ROOT, VARIABLES

MANUAL = ROOT / "docs" / "manual"
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_stands_in_the_manual_as_it_is() -> None:
    table = (MANUAL / "operation.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(DAYBOOK_\w+)` \| `(.*?)` \|", table, re.MULTILINE))
    assert told == {each.name: each.default.replace(f"{ROOT}/", "") or "(none)" for each in VARIABLES}
    assert all(each.meaning in table for each in VARIABLES)


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert dead == []
