"""Without JavaScript: settings, one's own browsers, a call, a correction and leaving, in both languages."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from app.domain.records.participants import TextSize
from app.services.accounts.contacts import ContactChannel
from app.services.clinic.open_requests import list_open_requests
from app.services.core.context import ParticipantContext, StaffContext
from app.services.reminders.reminder_settings import get_reminder_settings
from app.services.schedule.enrolment import enrol_participant
from tests.journeys.patients import SIZE, Hospital, Patient
from tests.scenarios.people import PIN, START, Person, enrolment_entry

pytestmark = pytest.mark.parametrize("lang", ["en", "zh_CN"])

SAID = {
    "language": {"en": "Language changed.", "zh_CN": "语言已更改。"},
    "size": {"en": "Text size changed.", "zh_CN": "字体大小已更改。"},
    "hour": {"en": "Reminder time changed.", "zh_CN": "提醒时间已更改。"},
    "pause": {"en": "Reminders are paused now.", "zh_CN": "提醒已暂停。"},
    "again": {"en": "Reminders are on again.", "zh_CN": "提醒已恢复。"},
    "off": {"en": "Reminders are off now.", "zh_CN": "提醒已关闭。"},
    "on": {"en": "Reminders are on now.", "zh_CN": "提醒已开启。"},
    "here": {"en": "This one", "zh_CN": "本机"},
    "removed": {"en": "Removed.", "zh_CN": "已移除"},
    "called": {"en": "You asked for a call", "zh_CN": "请我们给您打电话"},
    "withdrawn": {"en": "Request withdrawn.", "zh_CN": "已撤回。"},
    "thanks": {"en": "Thank you. We will call you.", "zh_CN": "谢谢您。我们会给您打电话。"},
    "told": {"en": "there is a mistake. The team will call you.", "zh_CN": "说这份问卷填错了。"},
    "welcome": {"en": "Welcome", "zh_CN": "欢迎"},
    "gone": {"en": "This phone is not logged in", "zh_CN": "这部手机没有登录"},
}
TAGS = {"en": "en", "zh_CN": "zh-Hans"}
SHOWN = (
    "header, main, main h1, main .btn, main .o, main .note, main li, select, main input:not([type=hidden])"
)
# All at once: each question to the browser about one element took longer than a page.
WIDE = """(width) => Array.from(document.querySelectorAll('%s'))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, box]) => box.left < 0 || box.right > width)
  .map(([each]) => each.outerHTML.slice(0, 80))"""


@dataclass
class Reader:
    """Somebody with a browser that runs no script, who reads one language."""

    patient: Patient
    context: BrowserContext
    tab: Page
    lang: str

    def go(self, *path: str) -> None:
        """From home, by links alone."""
        self.tab.goto(f"{self.patient.url}/home")
        for each in path:
            self.tab.locator(f"main a[href^='{each}']").first.click()
        self.fits()

    def press(self, button: str | Locator, said: str = "") -> None:
        """Press a button; the page that follows says so, and fits on the screen."""
        target = self.tab.locator(button) if isinstance(button, str) else button
        with self.tab.expect_navigation():
            target.click()
        if said:
            expect(self.tab.locator("main")).to_contain_text(SAID[said][self.lang])
        self.fits()

    def fits(self) -> None:
        """Nothing sticks out sideways; the page is in the reader's language."""
        expect(self.tab.locator("html")).to_have_attribute("lang", TAGS[self.lang])
        assert self.tab.locator(SHOWN).count()
        assert self.tab.evaluate(WIDE % SHOWN, SIZE["width"]) == []


@pytest.fixture
def scriptless(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport=SIZE, java_script_enabled=False, locale="en-GB") as context:
        yield context


@pytest.fixture
def reader(scriptless: BrowserContext, served: Hospital, lang: str) -> Reader:
    """Enrolled with an e-mail address, and the language chosen in the settings."""
    served.clock.at = START
    person = Person(served.installation, served.site, f"0571-{next(served.numbers):03}")
    entry = replace(enrolment_entry(person.subject), channel=ContactChannel.email, address="li@example.org")
    enrol_participant(StaffContext(person.installation, person.nurse, START), person.site, entry)
    patient = Patient(served.url, served.clock, person)
    opened = Reader(patient, scriptless, patient.bind(scriptless), "en")
    opened.go("/settings")
    opened.lang = lang
    opened.press(f"#language button[value={lang}]", "language")
    return opened


@pytest.mark.req("CAP-20")
def test_every_setting_saves_at_once(reader: Reader) -> None:
    tab, person = reader.tab, reader.patient.person
    assert person.row().language == reader.lang
    tab.locator("label.o", has=tab.locator("[name=size][value=large]")).click()
    reader.press("#size button", "size")
    assert person.row().text_size is TextSize.large
    expect(tab.locator("html")).to_have_class(" large")
    tab.locator("[name=hour]").select_option("20:00")
    reader.press("form[action='/settings/reminders/hour'] button", "hour")
    assert person.row().remind_at == "20:00"
    days = tab.locator("[name=until] option")
    expect(days).to_have_count(7)
    tab.locator("[name=until]").select_option(index=2)
    reader.press("form[action='/settings/reminders/pause'] button", "pause")
    participant = replace(person, cookie=_cookie(reader.context)).participant(START)
    assert (
        str(get_reminder_settings(ParticipantContext(person.installation, participant, START)).paused_until)
        == "2026-03-04"
    )
    reader.press("form[action='/settings/reminders/pause'] button", "again")
    reader.press("form[action='/settings/reminders'] button", "off")
    expect(tab.locator("select")).to_have_count(0)
    reader.press("form[action='/settings/reminders'] button", "on")


def _cookie(context: BrowserContext) -> str:
    return next(each["value"] for each in context.cookies() if each["name"].endswith("device"))


@pytest.mark.req("CAP-20")
def test_a_second_browser_comes_in_by_a_code_and_is_removed(
    reader: Reader, chromium: Browser, served: Hospital
) -> None:
    tab = reader.tab
    reader.go("/settings", "/settings/devices")
    expect(tab.locator("main .list li")).to_have_count(1)
    reader.press("form[action='/settings/devices'] button")
    code = "".join(tab.locator(".code span").all_inner_texts())
    with chromium.new_context(viewport=SIZE, java_script_enabled=False, locale="zh-CN") as elsewhere:
        other = Reader(reader.patient, elsewhere, elsewhere.new_page(), "zh_CN")
        other.tab.goto(served.url)
        other.tab.fill("[name=code]", code)
        other.lang = reader.lang  # who was invited is known now, and how they read
        other.press("footer button")
        other.tab.fill("[name=pin]", PIN)
        other.press("footer button")
        for _ in ("text size", "practice"):
            other.press("footer a")
        expect(other.tab).to_have_url(f"{served.url}/home/ready")
        reader.go("/settings", "/settings/devices")
        expect(tab.locator("main .list li")).to_have_count(2)
        here = tab.locator("main .list li", has_text=SAID["here"][reader.lang])
        expect(here).to_have_count(1)
        expect(here.locator("button")).to_have_count(0)
        reader.press("main .list li button", "removed")
        expect(tab.locator("main .list li")).to_have_count(1)
        other.tab.goto(f"{served.url}/home")
        expect(other.tab.locator("h1")).not_to_have_text(SAID["welcome"][reader.lang])
        expect(other.tab.locator("main .card")).to_have_count(0)


def _list_requests(reader: Reader) -> list[str]:
    person = reader.patient.person
    requests = list_open_requests(StaffContext(person.installation, person.nurse, START))
    return [each.kind.value for each in requests if each.subject == person.subject]


@pytest.mark.req("CAP-20")
def test_a_second_press_requests_one_call(reader: Reader) -> None:
    reader.tab.goto(f"{reader.patient.url}/help")
    expect(reader.tab.locator("main a.tel").first).to_have_attribute("href", "tel:05715550000")
    reader.go("/help/call")
    assert _list_requests(reader) == []
    reader.press("footer button", "called")
    expect(reader.tab.locator("a[href='/help/call']")).to_have_count(0)
    assert _list_requests(reader) == ["call"]
    reader.press("a[href='/help/call/withdrawal']")
    reader.press("footer button", "withdrawn")
    assert _list_requests(reader) == []


@pytest.mark.req("COR-02", "CAP-20")
def test_a_correction_of_a_submitted_form_is_requested(reader: Reader) -> None:
    person = replace(reader.patient.person, cookie=_cookie(reader.context))
    person.begin("BL", START)
    person.submit("BL", START)
    reader.go("/sent")
    reader.press("main li a.btn")
    assert _list_requests(reader) == []
    reader.press("footer button", "thanks")
    reader.press("footer a.btn", "told")
    expect(reader.tab.locator("main li a.btn")).to_have_count(0)
    assert _list_requests(reader) == ["correction"]


@pytest.mark.req("CAP-20")
def test_logging_out_leaves_no_way_back_without_a_link(reader: Reader) -> None:
    reader.go("/settings", "/settings/leave")
    reader.press("footer button", "welcome")
    assert [each["name"] for each in reader.context.cookies() if "device" in each["name"]] == []
    for path in ("/home", "/sent", "/settings"):
        reader.tab.goto(reader.patient.url + path)
        expect(reader.tab.locator("h1")).to_have_text(SAID["gone"][reader.lang])
