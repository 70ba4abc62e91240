"""A correction in a real browser: proposed and signed without scripts, read, printed; every page is sound."""

from collections.abc import Iterable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.domain.capture.answers import SubmittedAnswer
from app.domain.records.access import Role
from tests.journeys.desk import A4_WIDTH, PASSWORD, ServedDesk, check_fits, check_sound, serve_desk
from tests.scenarios.after_baseline import correct_baseline
from tests.scenarios.beginnings import site_of
from tests.scenarios.people import START, Person, enrol_person

NURSE, DOCTOR = "nurse@example.org", "investigator@example.org"


@pytest.fixture
def served(migrated_sqlite_url: str) -> Iterator[ServedDesk]:
    """A site with a nurse and an investigator."""
    with serve_desk(migrated_sqlite_url) as desk:
        desk.open_site("0571")
        desk.hire(NURSE, "Nurse", Role.NURSE, "0571")
        desk.hire(DOCTOR, "Investigator", Role.INVESTIGATOR, "0571")
        yield desk


@pytest.fixture
def person(served: ServedDesk) -> Person:
    """Somebody of that site who sent the baseline and had changed their fifth answer before."""
    person = enrol_person(served.installation, site_of(served.installation), "0571-001")
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q5", 4), SubmittedAnswer(2, 1, "q5", 2))
    person.submit("BL", START)
    return person


def propose_by_page(page: Page, day: str) -> None:
    """From the page of the form to the proposal: question 5 was a slip of the finger."""
    page.click("a:has-text('Propose a correction')")
    page.check("[name=item][value=q5]")
    page.click("main button.btn")
    page.select_option("#new_q5", "3")
    page.select_option("#reason_q5", "wrong_tap")
    page.fill("#words", "I meant quite a bit")
    for part, typed in zip(("year", "month", "day"), day.split("-"), strict=True):
        page.fill(f"#told_on_{part}", typed)
    page.check("[name=evidence][value=telephone]")
    page.click("main button.btn")
    expect(page.locator("[role=status]")).to_contain_text(
        "It changes nothing until an investigator signs it."
    )


@pytest.mark.slow
def test_a_correction_is_proposed_signed_and_printed(
    chromium: Browser, served: ServedDesk, person: Person
) -> None:
    about = f"{served.address}/desk/participants/{person.row().public_id}"
    form = f"{about}/forms/{person.slot('BL').public_id}"
    with chromium.new_context(java_script_enabled=False, locale="en-GB") as plain:
        nurse = served.sign_in(plain, NURSE)
        nurse.goto(form)
        propose_by_page(nurse, START.date().isoformat())
        plain.clear_cookies()
        signed = sign_by_page(served, plain)
    waiting = correct_baseline(person, served.clock.at, version=2)
    listed = f"{served.address}/desk/corrections"
    pages = (
        listed,
        f"{listed}?decided=1",
        signed,
        f"{about}/corrections/{waiting}",
        form,
        f"{form}/correction",
        f"{form}/correction?item=q5&item=q30",
    )
    with chromium.new_context(locale="en-GB") as context:
        page = served.come_in(context, DOCTOR)
        check_in_both_languages(page, pages)
        check_copy(page, form)
        page.emulate_media(media="screen")
        add_passkey(served, page)
        sign_in_by_passkey(served, page)
        sign_by_passkey(served, page, f"{about}/corrections/{waiting}")


def sign_by_page(served: ServedDesk, context: BrowserContext) -> str:
    """From the list of what is to sign to the signature; the address of what was signed."""
    doctor = served.come_in(context, DOCTOR)
    doctor.click("a:has-text('To sign')")
    doctor.click("#work tbody a")
    doctor.check("[name=outcome][value=approved]")
    doctor.fill("#password", PASSWORD)
    doctor.fill("#one_time_code", served.code(DOCTOR))
    doctor.click("main form button.btn")
    expect(doctor.locator("[role=status]")).to_contain_text("Decision signed and recorded.")
    return doctor.url


def add_passkey(served: ServedDesk, page: Page) -> None:
    """On one's own account, with password and code, on an authenticator that Chromium plays."""
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    platform = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    able = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": platform | able})
    page.goto(f"{served.address}/desk/account")
    page.click("summary:has-text('Add a passkey')")
    page.fill("#passkeys-name", "Ward computer")
    page.fill("#passkeys-password_now", PASSWORD)
    page.fill("#passkeys-one_time_code", served.code(DOCTOR))
    page.click("[action$='/passkeys'] button.btn")
    check_sound(page)
    page.click("button:visible:has-text('Make the passkey')")
    expect(page.locator("[role=status]")).to_contain_text("Passkey added.")
    expect(page.locator("main")).to_contain_text("Ward computer")
    check_sound(page)


def sign_in_by_passkey(served: ServedDesk, page: Page) -> None:
    """After the password; the code stays empty, and is asked again where the passkey fails."""
    served.clock.forward(seconds=10)
    page.click("form[action='/desk/sign-out'] button")
    page.fill("#email", DOCTOR)
    page.fill("#password", PASSWORD)
    page.click("main button.btn")
    check_sound(page)
    page.route("**/sign-in/passkey", lambda route: route.abort())
    page.click("text=Use a passkey instead of a code")
    expect(page.get_by_text("The passkey was not confirmed.")).to_be_visible()
    assert page.evaluate("document.querySelector('#code').required")
    page.unroute("**/sign-in/passkey")
    page.click("text=Use a passkey instead of a code")
    page.wait_for_url("**/desk")


def sign_by_passkey(served: ServedDesk, page: Page, correction: str) -> None:
    """The password is asked as ever, and what is not filled in is said before the passkey is asked."""
    served.clock.forward(seconds=10)
    page.goto(correction)
    page.click("text=Use a passkey instead of a code")
    assert page.evaluate("document.querySelector('[name=outcome]:invalid') !== null")
    page.check("[name=outcome][value=approved]")
    page.fill("#password", PASSWORD)
    page.click("text=Use a passkey instead of a code")
    expect(page.locator("[role=status]")).to_contain_text("Decision signed and recorded.")


def check_in_both_languages(page: Page, pages: Iterable[str]) -> None:
    for widths in ((1280, 360), (360, 1280)):  # first in English, then in Chinese
        for address in pages:
            page.goto(address)
            for width in widths:
                page.set_viewport_size({"width": width, "height": 800})
                check_fits(page)
            check_sound(page)
        page.click("form[action='/desk/language'] button")


def check_copy(page: Page, form: str) -> None:
    """On paper stand whose copy it is and every earlier answer, and no button; it fits."""
    page.goto(form)
    revision = page.locator(".facts details li").first
    expect(revision).not_to_be_visible()
    page.set_viewport_size({"width": A4_WIDTH, "height": 900})
    page.emulate_media(media="print")
    expect(page.locator(".printed")).to_be_visible()
    expect(page.locator("[data-print]")).not_to_be_visible()
    expect(revision).to_be_visible()
    check_fits(page)
