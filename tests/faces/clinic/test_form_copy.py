"""A certified copy as a PDF says what the printed page says, and is made for whom may see the answers."""

import io
import re

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader

from app.clinic.forms import pdf_sheet
from app.clinic.forms.pdf_sheet import SheetLine, find_font, make_pdf, read_printed_lines
from app.domain.records.access import Role
from app.domain.refusal import Refused
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.faces.participant_browsers import invite

HIDDEN = ("Print a copy", "Save a copy as PDF", "Propose a correction", "Sign out", "every change")


def words_of(pdf: bytes) -> str:
    """What the pages say, without spaces: lines break where they must."""
    read = PdfReader(io.BytesIO(pdf))
    return re.sub(r"[\s\0]", "", "".join(each.extract_text() for each in read.pages))


@pytest.mark.req("AUD-08")
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_copy_says_what_the_page_prints_and_is_in_the_trail(
    clinic: ClinicFixture, nurse: TestClient, language: str
) -> None:
    phone = invite(clinic.app, clinic.person)
    phone.activate()
    url = f"{clinic.url}/forms/{phone.slot()}"
    doctor = clinic.browser(Role.INVESTIGATOR, language=language)
    assert doctor.get(f"{url}/copy.pdf").status_code == 409  # nothing was sent yet
    phone.send(phone.begin())
    shown = page(doctor, url)
    (receipt,) = [
        each.text for each in shown.one("main").all("bdi") if re.fullmatch(r"[\d\s]{14}", each.text)
    ]
    for typed in (
        receipt,
        receipt.replace("\u00a0", "-"),
        receipt.translate({48 + n: 0xFF10 + n for n in range(10)}),
    ):
        assert doctor.get("/desk/find", params={"q": typed}).headers["location"] == url
    (link,) = [each["href"] for each in shown.all("a") if "copy.pdf" in each["href"]]
    assert doctor.head(link).status_code == 405
    answer = doctor.get(link)
    assert answer.headers["content-type"] == "application/pdf"
    assert 'filename="0571-001-BL-qlq-c30-v1.pdf"' in answer.headers["content-disposition"]
    words = words_of(answer.content)
    for row in shown.one("main").all("dd")[3:] + shown.one("main").all("dt") + shown.one("main").all("tr"):
        cells = row.all("td") + row.all("th") or [row]
        for each in cells:
            assert re.sub(r"\s", "", each.text) in words, each.text
    assert not any(re.sub(r"\s", "", each) in words for each in HIDDEN)
    assert re.sub(r"\s", "", shown.all("section")[0].all("p")[0].text) in words, "the study, first of all"
    assert (
        ("核证" in words or "电子记录" in words)
        if language == "zh_CN"
        else "Copyoftheelectronicrecord" in words
    )
    assert nurse.get(link).status_code == 403
    trail = page(doctor, "/desk/trail?kind=looks").one("tbody").text
    assert ("File downloaded" in trail) is (language == "en")
    assert "Certified copy of a form" in trail or language != "en"


def test_unprinted_parts_are_omitted_and_no_font_means_no_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    html = (
        "<h1>Form &amp; more</h1><p>a <b>b</b><br>c</p><form><p>typed</p></form>"
        "<table><caption class=vh>x</caption><tr><th>One<td>two</tr></table><p class=actions>Print</p>"
        "<ul><li>d</ul>"
    )
    assert read_printed_lines(html) == (
        SheetLine("h1", "Form & more"),
        SheetLine("p", "a b"),
        SheetLine("p", "c"),
        SheetLine("tr", "One | two"),
        SheetLine("li", "d"),
    )
    long = make_pdf((SheetLine("p", "字 word " * 3000),), "t", "0571-001", "en")
    most = len(PdfReader(io.BytesIO(long)).pages)
    assert words_of(long).endswith(f"0571-001·{most}/{most}")
    find_font.cache_clear()
    monkeypatch.setattr(pdf_sheet, "FONTS", ())
    with pytest.raises(Refused, match="no_pdf"):
        make_pdf((), "t", "f", "en")
    find_font.cache_clear()
