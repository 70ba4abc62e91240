"""The form document that is cut and filled: byte for byte the page that the template renders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from app.definitions.library import Library, load_library
from app.domain.instruments.responses import NOT_TICKED, OPEN, AnswerValue
from app.domain.plans.plan import Appearance
from app.i18n.languages import LANGUAGE_CODES
from app.patient.forms.document import FormDocuments
from app.patient.forms.page_builders import form_page
from app.services.capture.forms import OpenForm
from app.storage.engine import autocommit_engine
from app.storage.tables.participants import Device
from app.web.pages.rendering import Pages
from tests.applications import Clock
from tests.compiled_templates import shipped_pages
from tests.faces import page_samples as samples
from tests.faces.participant_browsers import Phone, event
from tests.statement_log import record_statements, statement_verbs

QLQ_DRAFT: dict[str, AnswerValue] = {f"q{number}": number % 4 + 1 for number in range(1, 31)}
DIARY_DRAFT: dict[str, AnswerValue] = {
    "any_symptom": 1,
    "fatigue": None,
    "pain": 10,
    "temperature": 385,
    "other": 'words "with" <marks> & 字',
}
CALL = samples.CALL_SITE
FORMS = [
    (samples.QLQ, {}),
    (samples.QLQ, QLQ_DRAFT),
    (samples.QLQ, QLQ_DRAFT | {"q1": None}),
    (samples.DIARY, {}),
    (samples.DIARY, DIARY_DRAFT),
    (samples.LISTED, {}),
    (samples.LISTED, {"any_symptom": 0, "pain": 4}),
    (samples.LISTED, DIARY_DRAFT | {"fever": 1, "cough": NOT_TICKED, "sleep": OPEN}),
    (samples.LISTED, {"any_symptom": OPEN, "other": OPEN, "fever": NOT_TICKED, "temperature": OPEN}),
]


@dataclass(frozen=True, slots=True)
class SlotOfForm:
    public_id: str = "Slot-1_x"
    plan_version: str = "1.0"
    instrument: str = ""
    instrument_version: str = ""
    begun_at: datetime | None = None
    visit: str = "BL"
    for_day: date | None = None
    target_on: date | None = None
    helped_by: str | None = None


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(samples.ROOT / "questionnaires", LANGUAGE_CODES)


@pytest.fixture(scope="module")
def pages() -> Pages:
    return shipped_pages()


def open_form(
    library: Library, named: tuple[str, str], code: str, answers: Mapping[str, AnswerValue]
) -> OpenForm:
    instrument = library.get_instrument(*named)
    diary = named != samples.QLQ
    return OpenForm(
        slot=SlotOfForm(for_day=date(2026, 11, 27) if diary else None),
        plan=library.get_plan("sbrt-nsclc", "1.0"),
        instrument=instrument,
        text=library.get_text(instrument, code),
        leave_out=frozenset(),
        answers=answers,
        revision=len(answers),
        client="client-of-this-page",
        key="abcĀāĂ",
        asks_late_reason=False,
    )


@pytest.mark.parametrize("code", ["en", "zh_CN"])
@pytest.mark.parametrize(("named", "answers"), FORMS)
def test_a_filled_document_is_the_rendered_page(
    library: Library, pages: Pages, code: str, named: tuple[str, str], answers: Mapping[str, AnswerValue]
) -> None:
    assets, frame = samples.assets(), samples.frame(code)
    documents = FormDocuments(pages, assets)
    shown_here = assets.for_reader(frame)
    form = open_form(library, named, code, answers)
    dark = replace(form, plan=replace(form.plan, appearance=Appearance.auto))
    ward = replace(CALL, words="Call <the> ward")
    for shown, call in (
        (form, CALL),
        (replace(form, key=""), CALL),
        (dark, CALL),
        (replace(form, plan=replace(form.plan, reads_aloud=True)), CALL),
        (form, ward),
        (form, CALL),
    ):
        html = documents.render(shown, frame, call)[0].decode()
        assert html == pages.render_document(form_page(shown, shown_here, shown.answers, call), frame)
    large = replace(frame, size="large", phone="0571 1", mark=samples.MARK)
    assert documents.render(form, large, CALL)[0].decode() == pages.render_document(
        form_page(form, assets.for_reader(large), answers, CALL), large
    )


def test_the_page_of_another_language_marks_the_instruments_words(library: Library, pages: Pages) -> None:
    assets, frame = samples.assets(), samples.frame("zh_CN")
    form = open_form(library, samples.QLQ, "en", QLQ_DRAFT)
    html = FormDocuments(pages, assets).render(form, frame, CALL)[0].decode()
    shown_here = assets.for_reader(frame)
    assert html == pages.render_document(form_page(form, shown_here, form.answers, CALL), frame)


def test_nobody_sees_what_another_answered(library: Library, pages: Pages) -> None:
    documents, frame = FormDocuments(pages, samples.assets()), samples.frame("en")
    empty = open_form(library, samples.DIARY, "en", {})
    before, _ = documents.render(empty, frame, CALL)
    other = replace(empty, answers=DIARY_DRAFT, client="other", key="xyz")
    filled, _ = documents.render(other, frame, CALL)
    assert b"checked" in filled
    assert b"words &#34;with&#34; &lt;marks&gt; &amp; " in filled
    assert documents.render(empty, frame, CALL)[0] == before
    assert b" checked" not in before.split(b"<main", 1)[1].split(b"</main>", 1)[0]


def test_an_answer_that_the_form_does_not_offer_is_not_shown(library: Library, pages: Pages) -> None:
    form, frame = open_form(library, samples.QLQ, "en", {"q1": 9}), replace(samples.frame("en"), demo=False)
    html = FormDocuments(pages, samples.assets()).render(form, frame, CALL)[0].decode()
    assert html == pages.render_document(form_page(form, samples.assets(), form.answers, CALL), frame)


def test_the_oldest_cached_document_is_evicted_first(library: Library, pages: Pages) -> None:
    documents = FormDocuments(pages, samples.assets(), most=2)
    form = open_form(library, samples.QLQ, "en", {})
    for phone in ("1", "2", "3"):
        documents.render(form, replace(samples.frame("en"), phone=phone), CALL)
    phones = [key[-1].phone for key in documents._documents]  # type: ignore[index]  # a tuple that ends with the frame
    assert phones == ["2", "3"]


def test_a_form_costs_one_read_and_once_a_minute_one_update(phone: Phone, clock: Clock) -> None:
    slot = phone.begin()
    phone.save(slot, event(1, "q1", 3))
    assert phone.client.get(f"/f/{slot}").status_code == 200
    engine = phone.person.installation.engine
    with record_statements(engine, autocommit_engine(engine)) as statements:
        assert 'name="q1" value="3" checked' in phone.client.get(f"/f/{slot}").text
    assert statement_verbs(statements) == ["SELECT"]
    clock.at += timedelta(minutes=2)
    with record_statements(engine, autocommit_engine(engine)) as statements:
        assert phone.client.get(f"/f/{slot}").status_code == 200
    assert statement_verbs(statements) == ["SELECT", "UPDATE"]
    with phone.person.installation.read() as session:
        assert session.exec(select(Device)).one().seen_at == clock.at
