"""The manual says what is so."""

import re

import pytest

from app.settings import ROOT, VARIABLES
from tests.meta.sources import tracked

MANUAL = ROOT / "docs" / "manual"
WRITTEN_IN = {".py", ".js", ".css", ".html", ".toml", ".md", ".po", ".sh", ""}
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_stands_in_the_manual_as_it_is() -> None:
    table = (MANUAL / "operation.md").read_text("utf-8")
    defaults = dict(re.findall(r"^\| `(DAYBOOK_\w+)` \| `(.*?)` \|", table, re.MULTILINE))
    assert defaults == {each.name: each.default.replace(f"{ROOT}/", "") or "(none)" for each in VARIABLES}
    assert all(each.meaning in table for each in VARIABLES)


@pytest.mark.req("SIG-02")
def test_one_act_is_a_signature_and_a_participants_sending_is_none() -> None:
    for manual, said in (
        ("administrator.md", "Nor is a participant's sending"),
        ("administrator.zh_CN.md", "也不是签名"),
    ):
        assert said in (MANUAL / manual).read_text("utf-8")
    pages = [*(ROOT / "app/templates/patient").glob("*.html"), *(ROOT / "app/patient").rglob("*.py")]
    assert len(pages) > 50
    named = [
        page.name
        for page in pages
        if re.search(r"\bsignature|\bsign (this|the|your)\b", page.read_text("utf-8"))
    ]
    assert named == []
    signing = [path for path in (ROOT / "app").rglob("*.py") if "sign_act(" in path.read_text("utf-8")]
    assert {path.parent.name for path in signing} == {"corrections"}


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert dead == []


def test_whatever_cites_a_document_cites_one_that_is_here() -> None:
    """A comment, a page or a document names no file `….md` that this repository has not."""
    here = {path.name for path in tracked() if path.suffix == ".md"}
    texts = {path: path.read_text("utf-8") for path in tracked() if path.suffix in WRITTEN_IN}
    assert "edc.md" in here
    assert any(re.search(r"\b[\w-]+\.md\b", text) for path, text in texts.items() if path.suffix == ".py")
    missing = [
        f"{path.relative_to(ROOT)}: {cited}"
        for path, text in texts.items()
        for cited in re.findall(r"\b[\w-]+(?:\.\w\w_\w\w)?\.md\b", text)
        if cited not in here
    ]
    assert missing == []
