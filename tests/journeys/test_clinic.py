"""A nurse at the desk in a real browser: sign-in to printed sheet, with and without scripts."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.domain.instruments.responses import NOT_TICKED
from app.domain.records.access import Role
from app.services.core.context import ParticipantContext
from app.services.patient.team_requests import request_call
from tests.axe import find_violations
from tests.journeys.desk import A4_WIDTH, ServedDesk, check_fits, check_sound, serve_desk
from tests.journeys.keyboard import Keyboard
from tests.scenarios.people import START, days, enrol_person

EMAIL = "li.na@example.org"
SYMPTOMS = (
    "any_symptom fatigue pain chest_pain cough breathlessness blood_in_sputum trouble_swallowing appetite "
    "nausea vomiting diarrhoea constipation fever skin_reaction rash numbness mouth_sores sleep low_mood"
).split()
WIDTHS = (1280, 360)
"""The narrow one is the last to be looked at, so that everything is pressed there."""


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[ServedDesk]:
    """Eight days after somebody of each of two sites asked for a call; an investigator of both."""
    with serve_desk(migrated_sqlite_url) as desk:
        for code in ("0571", "0021"):
            person = enrol_person(desk.installation, desk.open_site(code), f"{code}-001")
            request_call(ParticipantContext(desk.installation, person.participant(START), START))
        desk.hire(EMAIL, "Li Na", Role.INVESTIGATOR, "0571", "0021")
        desk.clock.at = START + days(8)
        yield desk


def check_sound_at_each_width(page: Page) -> None:
    """A page is the same document in every window: it is loaded once."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        check_sound(page)


def check_printed(page: Page, address: str, participant: str) -> None:
    """What is printed fits on A4, and on as many sheets as it needs."""
    page.set_viewport_size({"width": A4_WIDTH, "height": 900})
    of_study = {"report": 2, "matrix": 1, "trail": 3, "call-sheet?reason=": 1}
    sheets = {f"{address}/desk/{path}": most for path, most in of_study.items()}
    for url, most in (sheets | {f"{participant}/history": 1, f"{participant}/scores": 2}).items():
        page.goto(url)
        page.emulate_media(media="print")
        check_fits(page)
        assert 0 < page.pdf(format="A4").count(b"/Type /Page\n") <= most, url  # as it is printed
        page.emulate_media(media="screen")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_page_is_sound(chromium: Browser, served: ServedDesk, language: str) -> None:
    context = chromium.new_context(viewport={"width": WIDTHS[-1], "height": 800}, locale="en-GB")
    page = served.come_in(context, EMAIL)
    if language == "zh_CN":
        page.click("form[action='/desk/language'] button")
    check_sound_at_each_width(page)
    page.click("#work tbody a")
    check_sound_at_each_width(page)
    participant = page.url
    for path in ("/dates", "/disposition", "/scores", "/history"):
        page.goto(participant + path)
        check_sound_at_each_width(page)
    page.goto(participant)
    page.click("a.cell")
    check_sound_at_each_width(page)
    page.check("[name=exemption]")
    page.click("#exemption ~ p button")
    assert page.locator("[name=step]").get_attribute("value") == "confirm"
    check_sound_at_each_width(page)
    for path in (
        "/desk?reason=diary",
        "/desk?reason=&q=999",
        "/desk/call-sheet?reason=",
        "/desk/participants",
        "/desk/requests",
        "/desk/enrol",
    ):
        page.goto(served.address + path)
        check_sound_at_each_width(page)
    reports = ("/desk/report", "/desk/report?part=recruitment", "/desk/report/rows", "/desk/matrix")
    for path in (*reports, "/desk/trail"):
        page.goto(served.address + path)
        check_sound_at_each_width(page)
    check_printed(page, served.address, participant)
    page.emulate_media(forced_colors="active")
    for url in (participant, f"{participant}/scores", f"{served.address}/desk"):
        page.goto(url)
        check_sound(page)
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_from_enrolment_to_the_printed_sheet(chromium: Browser, served: ServedDesk, scripts: bool) -> None:
    context = chromium.new_context(java_script_enabled=scripts, locale="en-GB")
    page = served.sign_in(context, EMAIL)
    page.click("text=Enrol")
    page.fill("#subject", "0021-002")
    page.fill("#consent_version", "2.1")
    page.select_option("#site", "sbrt-nsclc:0021")
    page.select_option("#language", "en")
    page.select_option("#identity_check", "id_card")
    page.click("main button.btn")
    assert page.inner_text(".sheet h1") == "Your questions, on your phone"
    box = page.locator(".sheet .qr svg").bounding_box()
    assert box is not None
    assert box["width"] * 25.4 / 96 >= 40
    code = page.inner_text(".sheet .code")
    assert len(code.split()) == 2
    if scripts:
        assert find_violations(page) == []
        assert [page.pdf(format=sheet).count(b"/Type /Page\n") for sheet in ("A4", "Letter")] == [1, 1]
        page.emulate_media(media="print")
        expect(page.locator("#together")).to_be_hidden()
        page.emulate_media(media="screen")
    other = chromium.new_context().new_page()
    other.goto(f"{served.address}/code")
    other.fill("#code", code)
    assert other.locator("#code").input_value() == code
    other.context.close()
    page.click("text=See how far you are")
    expect(page.locator("#together ~ ol li").first).to_contain_text("Not yet")
    context.close()


@pytest.mark.slow
def test_a_filter_swaps_the_list_and_keeps_the_address(chromium: Browser, served: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    assert page.locator("#work tbody tr").count() == 2
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.select_option("#site", "0021")
    expect(page.locator("#work tbody tr")).to_have_count(1)
    expect(page.locator("#found")).to_have_text("1 participant")
    expect(page).to_have_url(re.compile("site=0021"))
    assert len(requests) == 1
    assert page.evaluate("document.activeElement.id") in ("site", "")
    assert page.inner_text("#found") == "1 participant"
    page.reload()
    assert page.locator("#work tbody tr").count() == 1
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False])
def test_a_call_is_logged_from_its_row(chromium: Browser, served: ServedDesk, scripts: bool) -> None:
    """With keys alone where there are scripts: the form opens under its row, and the focus goes there."""
    context = chromium.new_context(java_script_enabled=scripts, locale="en-GB")
    page = served.come_in(context, EMAIL)
    assert "Asked for a call" in page.inner_text("#work tbody tr:first-child")
    if scripts:
        page.keyboard.press("j")
        page.keyboard.press("c")
        expect(page.locator("tr.under h2")).to_be_focused()
        assert find_violations(page) == []
        page.keyboard.press("/")
        expect(page.locator("#find")).to_be_focused()
    else:
        page.click("#work tbody tr:first-child [data-log]")
    page.check("[name=outcome][value=reached_will_do]")
    page.check("[name=answers_call]")
    page.click("text=Save the contact")
    expect(page.locator("[role=status]").first).to_have_text("Contact logged.")
    assert page.locator("#work tbody tr").count() == 1
    context.close()


def log_call(page: Page, row: int) -> None:
    page.click(f"#work tbody tr:not(.under) >> nth={row} >> [data-log]")


def choose_two_before_the_first_answers(page: Page) -> None:
    """Press the first two rows while the network holds both requests back."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/contacts", hold)
    log_call(page, 0)
    log_call(page, 1)
    page.wait_for_timeout(50)
    assert waiting
    for route in waiting:
        route.continue_()
    page.unroute("**/contacts", hold)


@pytest.mark.slow
def test_one_form_is_open_at_a_time(chromium: Browser, served: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    choose_two_before_the_first_answers(page)
    under = page.locator("tr.under")
    expect(under).to_have_count(1)
    second = page.locator("#work tbody tr:not(.under)").nth(1).locator("[data-open]").inner_text()
    expect(under).to_contain_text(second)
    ids = page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))
    key = str(page.get_attribute("tr.under form.keeps", "action")).split("/")[-2]
    inside = page.eval_on_selector_all("tr.under [id]", "all => all.map(each => each.id)")
    assert inside
    assert all(key in str(each) for each in inside)
    context.close()


@pytest.mark.slow
def test_an_open_form_loses_nothing_unasked(chromium: Browser, served: ServedDesk) -> None:
    """Words are typed; then another row and site are chosen, and the network and the server fail."""
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    log_call(page, 1)
    under, note = page.locator("tr.under"), page.locator("tr.under [name=note]")
    second = page.locator("#work tbody tr:not(.under)").nth(1).locator("[data-open]").inner_text()
    expect(under).to_contain_text(second)
    note.fill("rings at noon")
    answers = iter([False, False, True])
    page.on("dialog", lambda dialog: dialog.accept() if next(answers) else dialog.dismiss())
    log_call(page, 0)
    page.select_option("#site", "0021")
    expect(note).to_have_value("rings at noon")
    expect(page.locator("#site")).to_have_value("")

    context.set_offline(True)
    log_call(page, 0)
    expect(page.locator("#failed")).to_contain_text("could not be loaded")
    expect(note).to_have_value("rings at noon")
    assert find_violations(page) == []
    context.set_offline(False)
    page.click("[data-close]")
    page.click("[data-retry]")
    expect(under).not_to_contain_text(second)
    expect(page.locator("#failed")).to_be_empty()
    page.route("**/contacts", lambda route: route.fulfill(status=503, body="<html><h1>away</h1></html>"))
    log_call(page, 1)
    expect(page.locator("#failed")).to_contain_text("could not be loaded")
    assert "away" not in page.inner_text("#worklist")
    context.close()


def look_again(page: Page) -> None:
    """The window is looked at again after more than a minute."""
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 61000; }")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.slow
def test_an_old_list_reloads_but_not_over_typed_text(chromium: Browser, served: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    documents: list[str] = []
    page.on("request", lambda each: documents.append(each.url) if each.resource_type == "document" else None)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # a list of this minute is not old
    page.fill("#q", "05")
    look_again(page)
    page.fill("#q", "")
    log_call(page, 0)
    expect(page.locator("tr.under")).to_have_count(1)
    look_again(page)
    assert (
        page.evaluate("fetch('/about').then(answer => answer.status)") == 200
    )  # whatever came before is sent
    assert documents == []
    page.click("[data-close]")
    with page.expect_navigation():
        look_again(page)
    assert documents == [page.url]
    with page.expect_navigation():
        page.evaluate("document.getElementById('bulk').submit()")  # nobody is chosen
    assert page.url.endswith("/desk/reminders")
    with page.expect_navigation(url=re.compile("/desk(\\?|$)")):
        look_again(page)  # the page of a refused form is not sent once more
    context.close()


@pytest.mark.slow
def test_a_note_survives_the_end_of_the_session(chromium: Browser, served: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    page.clock.install()
    page.reload()
    log_call(page, 0)
    page.check("[name=outcome][value=no_answer]")
    page.fill("[name=note]", "rings at noon")
    warning = page.get_by_role("alert").filter(has_text="In two minutes you'll be signed out")
    page.clock.fast_forward("27:50")
    expect(warning).to_have_count(0)
    page.clock.fast_forward("00:20")
    warning.get_by_role("button", name="Stay signed in").click()
    expect(warning).to_have_count(0)
    page.clock.fast_forward("28:10")
    expect(warning).to_be_visible()
    served.clock.at += timedelta(hours=13)
    page.click("text=Save the contact")
    with context.expect_page() as opened:
        page.click("text=Sign in in a new tab.")
    served.give_secrets(opened.value, EMAIL)
    opened.value.wait_for_url("**/desk")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("[role=status]").first).to_have_text("Contact logged.")
    assert page.evaluate("Object.keys(sessionStorage).filter(name => name.startsWith('desk'))") == []
    context.close()


@pytest.mark.slow
def test_a_fault_is_shown_beside_its_words_and_the_summary_leads_to_the_field(
    chromium: Browser, served: ServedDesk
) -> None:
    context = chromium.new_context(locale="en-GB")
    page = served.come_in(context, EMAIL)
    log_call(page, 0)
    page.click("text=Save the contact")
    circle = page.locator("[name=outcome]").first
    box = circle.bounding_box()
    assert box
    assert box["width"] <= 24
    assert box["height"] <= 24
    page.click(".sum a")
    expect(page.get_by_role("radiogroup")).to_be_focused()
    page.keyboard.press("Tab")
    expect(circle).to_be_focused()
    context.close()


@pytest.fixture
def alarmed(migrated_sqlite_url: str) -> Iterator[ServedDesk]:
    """A nurse, and two participants whose diaries told of much chest pain, which the plan watches."""
    with serve_desk(migrated_sqlite_url, "1.1") as desk:
        site, at = desk.open_site("0571"), START + days(2)
        desk.hire(EMAIL, "Li Na", Role.NURSE, "0571")
        for number in (1, 2):
            person = enrol_person(desk.installation, site, f"0571-{number:03}")
            person.randomise(at.date(), at)
            person.begin("D0", at)
            person.submit(
                "D0", at, {**dict.fromkeys(SYMPTOMS, NOT_TICKED), "any_symptom": 1, "chest_pain": 9}
            )
        desk.clock.at = at
        yield desk


@pytest.mark.slow
@pytest.mark.req("ALR-03")
def test_alerts_are_dealt_with_by_keys_alone_in_each_language(chromium: Browser, alarmed: ServedDesk) -> None:
    context = chromium.new_context(locale="en-GB", viewport={"width": 360, "height": 800})
    page = alarmed.come_in(context, EMAIL)
    hand, list_url = Keyboard(page), f"{alarmed.address}/desk/alerts"
    for check, said, typed in (
        (check_sound, "The alert has been closed.", "feels better"),
        (check_fits, "预警已关闭。", "好多了"),
    ):
        hand.enter(page.locator("header nav a[href='/desk/alerts']"), list_url)
        check(page)
        hand.enter(page.locator("main tbody a[href*='/alerts/'] >> nth=0"), "**/alerts/*")
        check(page)
        hand.enter(page.locator("[action$='/acknowledgement'] button"), "**?done=acknowledged")
        hand.pick("[name=kind]", downs=1)
        hand.type_into(page.locator("#action-note"), typed)
        hand.enter(page.locator("[action$='/actions'] button"), "**?done=acted")
        check(page)
        hand.type_into(page.locator("#closing-note"), typed)
        hand.enter(page.locator("[action$='/closing'] button"), "**?done=closed")
        expect(page.locator("[role=status]")).to_contain_text(said)
        assert typed in page.inner_text("main dl")
        hand.enter(page.locator("[action='/desk/language'] button"), "**/alerts/*")
    page.goto(list_url)
    assert "No alerts are open." in page.inner_text("main")
    context.close()
