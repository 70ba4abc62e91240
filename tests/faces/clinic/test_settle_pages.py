"""To settle: what is open, whom its pages let decide, and what a second press and an old page do."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.clinic.frame.desk_counts import DeskCounts
from app.clinic.settle import edc_words
from app.domain.capture.answers import CollectionMode, SubmittedAnswer
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role
from app.domain.records.audit import AuditEvent
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.edc.request_models import AnchorIn, ArmIn, ParticipantIn, StatusIn, VisitIn
from app.services.capture.quarantine import quarantine_answers
from app.services.clinic.matters.matter_list import count_open_matters
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.edc.participants import StatusWord, WithdrawalScope
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_visit
from app.services.schedule.anchors import AnchorEntry, record_anchor
from app.storage.tables.audit import AuditEntry
from app.storage.tables.capture import Settlement
from app.storage.tables.schedule import Slot
from app.web import urls
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import hidden_of, page
from tests.markup import parse_page
from tests.scenarios.edc_session import caller_of, request_about
from tests.scenarios.paper_forms import enter_typed_paper, typed_paper
from tests.scenarios.people import START, days, library, qlq, staff_member
from tests.statement_log import record_statements, statement_verbs

TYPED = {"decision": "date_stands", "reason": "as in the chart"}


@pytest.fixture
def differing(clinic: ClinicFixture) -> str:
    """The address of the matter that site and EDC say two dates of one treatment."""
    clinic.clock.forward(days=10)
    clinic.person.randomise(date(2026, 3, 5), clinic.clock.at)
    for source, day in ((Owner.site, 6), (Owner.edc, 7)):
        entry = AnchorEntry("sbrt_start", date(2026, 3, day), source, "stated")
        context = StaffContext(clinic.app.state.installation, clinic.person.nurse, clinic.clock.at)
        record_anchor(context, clinic.site.study_id, clinic.person.subject, entry, confirmed=True)
    shown = page(clinic.browser(Role.INVESTIGATOR), urls.SETTLE)
    (link,) = [str(each["href"]) for each in shown.one("tbody").all("a") if "/matters/" in str(each["href"])]
    return link


def keep_apart(clinic: ClinicFixture, number: int = 3) -> str:
    """The address of the matter of a whole form that came too late."""
    installation: Installation = clinic.app.state.installation
    with installation.open_work(SYSTEM, clinic.clock.at) as work:
        public_id = clinic.person.slot("BL").public_id
        slot = work.session.exec(select(Slot).where(Slot.public_id == public_id)).one()
        at, mode = clinic.clock.at, CollectionMode.own_device
        quarantine_answers(work, slot, qlq(number), "arrived_too_late", at, mode=mode, clock_untrusted=False)
    return f"{clinic.url}/matters/quarantine-1"


def test_a_data_manager_lands_on_what_is_open_and_settles_it_once(
    clinic: ClinicFixture, differing: str
) -> None:
    manager = clinic.browser(Role.DATA_MANAGER)
    assert manager.get("/desk").headers["location"] == urls.SETTLE
    listed = page(manager, urls.SETTLE)
    menu = listed.one("nav", **{"aria-label": "Desk"}).all("a")
    assert [each.text for each in menu][:2] == ["To settle 1", "Matrix"]
    assert "Today" not in [each.text for each in menu]
    assert "in use: 6 Mar 2026 · site" in listed.text
    assert "≠ 7 Mar 2026 · EDC" in listed.text
    shown = page(manager, differing)
    assert "the site records the right one" in shown.text
    query = f"{urls.SETTLE}?kind=dates_differ&q=0571"
    for url in (differing, f"{urls.LICENCE}?licence=x"):
        shown = parse_page(manager.get(url, headers={"referer": f"https://testserver{query}"}).text)
        assert query in {each["href"] for each in shown.all("a") if each.text in ("Cancel", "All open items")}
        assert [each["value"] for each in shown.all("input", name="list")] == (
            [query] if url == differing else []
        )
    assert "settled on" not in manager.get(clinic.url).text
    form = hidden_of(manager.get(differing))
    for typed, words in (
        ({}, "Please choose one of the decisions."),
        ({"decision": "date_stands"}, "reason"),
    ):
        refused = manager.post(differing, data=form | typed)
        assert (refused.status_code, words in refused.text) == (422, True)
    answers = [manager.post(differing, data=form | TYPED) for _press in range(2)]
    assert [each.headers["location"] for each in answers] == [f"{urls.SETTLE}?done=settled"] * 2
    done = page(manager, f"{urls.SETTLE}?done=settled")
    assert "Decision recorded." in done.text
    assert "Nothing is open. Everything is settled." in done.text
    assert done.one("nav", **{"aria-label": "Desk"}).all("a")[0].text == "To settle"
    assert "≠ EDC says 7 Mar 2026 ✓ settled on" in page(manager, clinic.url).text
    settled = page(manager, differing)
    assert "as in the chart" in settled.text
    assert not settled.all("input", type="radio")
    other = clinic.browser(Role.INVESTIGATOR, language="zh_CN")
    late = other.post(differing, data=hidden_of(other.get(urls.SETTLE)) | TYPED | {"reason": "0571病历"})
    assert (late.status_code, "0571病历" in late.text, "已经处理过" in late.text) == (409, True, True)
    with clinic.app.state.installation.read() as session:
        assert len(session.exec(select(Settlement)).all()) == 1


def test_who_may_not_settle_opens_no_page_and_finds_no_entry(clinic: ClinicFixture, differing: str) -> None:
    for client in (clinic.browser(Role.NURSE), clinic.browser(Role.MONITOR)):
        assert client.get(urls.SETTLE).status_code == 403
        assert client.get(differing).status_code == 403
        assert client.post(differing, data=TYPED).status_code == 403
        assert not page(client, urls.PARTICIPANTS).all("a", href=urls.SETTLE)
    elsewhere = clinic.browser(Role.DATA_MANAGER, site="0021")
    assert "Nothing is open." in page(elsewhere, urls.SETTLE).text
    assert elsewhere.get(differing).status_code == 404
    manager = clinic.browser(Role.DATA_MANAGER)
    for name in ("nothing", "missed-1", "correction-1", "licence-1"):
        assert manager.get(f"{clinic.url}/matters/{name}").status_code == 404
    gone = page(manager, f"{clinic.url}/matters/dates_differ-1-1")
    assert "This is no longer open" in gone.text
    assert "This is no longer open" in page(manager, f"{urls.LICENCE}?licence=x").text


def test_an_investigator_accepts_a_form_as_it_was_shown(clinic: ClinicFixture) -> None:
    clinic.person.begin("BL", START)
    clinic.clock.forward(days=40)
    url = keep_apart(clinic)
    manager = clinic.browser(Role.DATA_MANAGER)
    shown = page(manager, url)
    assert "Only an investigator of the site can accept them." in shown.text
    assert [each["value"] for each in shown.all("input", type="radio")] == ["rejected"]
    forced = hidden_of(manager.get(url)) | {"decision": "accepted", "reason": "it is whole"}
    assert manager.post(url, data=forced).status_code == 403
    doctor = clinic.browser(Role.INVESTIGATOR)
    listed = page(doctor, f"{urls.SETTLE}?kind=missed")
    form = f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}"
    assert listed.one("tbody").all("a", href=form)
    before = hidden_of(doctor.get(url)) | {"decision": "accepted", "reason": "it is whole"}
    assert len(page(doctor, url).one("tbody").all("tr")) == 30
    old = doctor.post(url, data=before | {"shown": "other"})
    assert (old.status_code, 'value="it is whole"' in old.text) == (409, True)
    fresh = hidden_of(old) | {"decision": "accepted", "reason": "it is whole"}
    assert doctor.post(url, data=fresh).status_code == 303
    assert "Nothing is open." in page(doctor, urls.SETTLE).text
    assert "Receipt" in page(doctor, form).text
    assert "Accepted: they are the form's answers" in page(doctor, clinic.url).text
    history = page(doctor, f"{clinic.url}/history").text
    assert "Answers kept apart were accepted" in history
    assert "it is whole" in history


def test_the_answers_of_two_phones_stand_side_by_side(clinic: ClinicFixture) -> None:
    clinic.person.begin("BL", START)
    for seq, value in ((1, 3), (2, 4)):
        clinic.person.save("BL", START, SubmittedAnswer(seq, 0, "q1", value), client=f"phone{seq}")
    clinic.person.submit("BL", START, qlq(4))
    doctor = clinic.browser(Role.INVESTIGATOR)
    listed = page(doctor, f"{urls.SETTLE}?kind=conflict")
    assert "1 question" in listed.text
    url = str(listed.one("tbody").all("a")[-1]["href"])
    row = page(doctor, url).one("tbody").all("td")
    assert [cell["data-label"] for cell in row] == ["Earlier answer", "Later answer, used now"]
    assert row[0].text != row[1].text
    assert page(doctor, url).all(
        "a", href=f"{clinic.url}/forms/{clinic.person.slot('BL').public_id}/correction"
    )
    chosen = hidden_of(doctor.get(url)) | {"decision": "later_stands", "reason": "asked by telephone"}
    assert doctor.post(url, data=chosen).status_code == 303
    assert "Nothing is open." in page(doctor, urls.SETTLE).text
    assert page(doctor, clinic.url).text.count("✓ settled on") == 1
    enter_typed_paper(clinic.person, typed_paper(), clinic.clock.at)
    shown = page(doctor, f"{clinic.url}/matters/quarantine-1").one("main")
    heads = [cell["data-label"] for cell in shown.one("tbody").all("tr")[0].all("td")]
    assert heads == ["As sent", "On paper"]
    assert "On paper: “ binder 2, p. 7 ” · filled in on Monday, 2 March 2026" in shown.text


def test_each_kind_of_matter_has_words_and_filters_stay_in_the_address(
    clinic: ClinicFixture, differing: str
) -> None:
    keep_apart(clinic)
    clinic.clock.forward(days=40)
    clinic.person.anchor("sbrt_end", date(2026, 3, 8), clinic.clock.at)
    installation: Installation = clinic.app.state.installation
    edc = request_about(installation, caller_of(installation), clinic.person.subject, hours=24 * 50)
    for day in (7, 8):
        with pytest.raises(Refused) if day == 8 else nullcontext():
            receive_anchor(edc, AnchorBody("progression", date(2026, 3, day), None, confirm=True))
    doctor = clinic.browser(Role.INVESTIGATOR, site=None)
    listed = page(doctor, urls.SETTLE)
    counts = {each.text for each in listed.one("nav", class_="tabs").all("a")}
    assert {"All 3", "Dates that differ 1", "Answers kept apart 1", "Licences 0"} <= counts
    assert "Two messages about Progression" in listed.text
    assert "≠ Progression" in page(doctor, clinic.url).text
    assert differing in doctor.get(urls.SETTLE).text
    message = next(each for each in listed.one("tbody").all("a") if "edc_message" in str(each["href"]))
    shown = page(doctor, str(message["href"]))
    assert "Date" in [each.text for each in shown.all("th")]
    assert "7 Mar 2026" in shown.text
    assert "≠ 8 Mar 2026" in shown.text
    stands = {"decision": "first_stands", "reason": "asked the EDC team"}
    url = str(message["href"])
    assert doctor.post(url, data=hidden_of(doctor.get(url)) | stands).status_code == 303
    assert page(doctor, clinic.url).text.count("✓ settled on") == 1
    check_refused_message(doctor, clinic.person.subject, edc)
    narrowed = page(doctor, f"{urls.SETTLE}?kind=quarantine&site=0571&q=０５７１")
    assert len(narrowed.one("tbody").all("tr")) == 1
    assert narrowed.one("nav", class_="tabs").all("a")[0]["href"] == f"{urls.SETTLE}?site=0571&q=0571"
    for query, words in (
        ("site=0021", "Nothing found with these filters."),
        ("kind=conflict&site=", "Nothing of this kind is open."),
        ("after=x_y", "in use:"),
        ("after=1_quarantine-1", "in use:"),
        ("after=999999999999999999_quarantine-1", "in use:"),
        ("kind=nothing", "in use:"),
    ):
        assert words in page(doctor, f"{urls.SETTLE}?{query}").text, query
    with installation.read() as session:
        looks = select(AuditEntry).where(AuditEntry.event == AuditEvent.ANSWERS_VIEWED)
        assert session.exec(looks).all() == []


def check_refused_message(doctor: TestClient, subject: str, edc: EdcRequest) -> None:
    """A refused message is told in words, with what is stored, until a later one is accepted."""
    soon = edc.at + days(30)
    receive_visit(edc, "W6", VisitState.planned, date(2026, 4, 13))
    newer = replace(edc, as_of=edc.as_of + timedelta(minutes=1))
    with pytest.raises(Refused, match="date_in_future"):
        receive_visit(newer, "W6", VisitState.occurred, soon.date())
    (row,) = page(doctor, f"{urls.SETTLE}?kind=edc_message").one("tbody").all("tr")
    assert "Visit W6 : a message was refused The date was still to come." in row.text
    url = str(row.all("a")[-1]["href"])
    shown = page(doctor, url).one("main")
    cells = {
        each.one("th").text: [cell.text for cell in each.all("td")] for each in shown.one("tbody").all("tr")
    }
    assert cells == {"Date": ["13 Apr 2026", "≠ 21 May 2026"], "State": ["Planned", "≠ Took place"]}
    hour_later = replace(newer, context=replace(newer.context, at=newer.at + timedelta(hours=1)))
    with pytest.raises(Refused, match="date_in_future"):
        receive_visit(hour_later, "W6", VisitState.occurred, soon.date())
    assert "noted 2 times, once an hour at most · last" in page(doctor, url).text
    assert len(shown.all("input", name="decision")) == 1
    trail = page(doctor, f"{urls.TRAIL}?participant={subject}&kind=transfers").text
    assert "A message of the EDC was refused" in trail
    assert "About Visit W6, Date 21 May 2026, State Took place, Why The date was still to come." in trail
    receive_visit(newer, "W6", VisitState.planned, date(2026, 4, 14))
    assert "a later message of the EDC about it was accepted" in page(doctor, url).text


@pytest.mark.usefixtures("differing")
def test_the_list_takes_eight_queries_at_most(clinic: ClinicFixture) -> None:
    manager = clinic.browser(Role.DATA_MANAGER, site=None)
    manager.get(urls.SETTLE)  # which reads the packs, once a minute
    clinic.app.state.desk_counts.forget()  # so that the menu counts anew
    with record_statements(clinic.app.state.installation.engine) as statements:
        assert "in use:" in manager.get(urls.SETTLE).text
    assert 1 <= statement_verbs(statements).count("SELECT") <= 8, statements


@pytest.mark.usefixtures("differing")
def test_the_menu_s_count_is_a_minute_old_at_most(clinic: ClinicFixture) -> None:
    installation: Installation = clinic.app.state.installation
    counts, actor = DeskCounts(), staff_member(Role.DATA_MANAGER, clinic.site)
    early = StaffContext(installation, actor, clinic.clock.at)
    assert counts.read(early, count_open_matters) == 1
    keep_apart(clinic)
    assert counts.read(early, count_open_matters) == 1
    assert (
        counts.read(StaffContext(installation, actor, clinic.clock.at + days(1 / 1440)), count_open_matters)
        == 2
    )
    counts.forget()
    assert counts.read(early, count_open_matters) == count_open_matters(early) == 2


def test_whatever_the_edc_states_has_words() -> None:
    models = (ParticipantIn, StatusIn, VisitIn, AnchorIn, ArmIn)
    stated = {
        name for each in models for name, field in each.model_fields.items() if not field.json_schema_extra
    }
    assert edc_words.FIELDS.keys() == stated - {"as_of"} | {"name"}
    assert {name: set(words) for name, words in edc_words.VALUES.items()} == {
        "status": set(StatusWord), "scope": set(WithdrawalScope), "state": set(VisitState),
    }  # fmt: skip
    spelled = partial(edc_words.spell_value, zone="Asia/Shanghai", code="en", word=str)
    assert [spelled(*each) for each in (("status", None), ("state", "occurred"), ("date", "2026-03-07"))] == [
        "–", "Took place", "7 Mar 2026",
    ]  # fmt: skip
    assert spelled("at", "2026-03-07T01:15:00Z") == "7 Mar 2026, 09:15"
    assert (spelled("language", "en"), spelled("site", "0571")) == ("English", "0571")
    plan = library().get_plan("sbrt-nsclc", "1.1")
    parts = ("visits/W6", "participant", "anchors/progression", "anchors/full_moon", "visits")
    assert [edc_words.name_part(plan, part, "en", str) for part in parts] == [
        "Visit W6",
        "Participant",
        "Progression",
        "Date full_moon",
        "Visit",
    ]
