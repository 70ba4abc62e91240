"""One of every patient page with believable values, in both languages, from the shipped instruments."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from app.domain.capture.outbox import item_tokens
from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import NOT_TICKED, OPEN
from app.domain.instruments.text import InstrumentText, parse_text
from app.domain.people.week_hours import DaySpan
from app.patient.activation import ActivatePage, CheckPage
from app.patient.devices import DeviceLine, DevicesPage, NewPinPage, OwnCodePage
from app.patient.forms import pages as p
from app.patient.forms.assets import FormAssets, read_form_assets
from app.patient.forms.form_language import LanguagePage
from app.patient.forms.offline import OfflinePage
from app.patient.forms.questions import Answer, build_questions
from app.patient.forms.submitted import (
    AnswersPage,
    CorrectionRequestedPage,
    MistakePage,
    MistakeWithdrawalPage,
    SubmittedAnswerRow,
    SubmittedLine,
    SubmittedPage,
)
from app.patient.hand_over import HandedBackPage
from app.patient.help_page import CallPage, CallWithdrawalPage, HelpPage
from app.patient.home import FormCard, HomePage
from app.patient.own_diary import CalendarDay, CalendarPage, CalendarWeek
from app.patient.person.home_screen import PLATFORMS, HomeScreenPage
from app.patient.person.mark_page import MarkPage
from app.patient.person.own_address import AddressCodePage, AddressPage
from app.patient.person.shared_device import BoundPeoplePage, LogOutPage
from app.patient.refusals import LockedPage, NoticePage
from app.patient.settings import ReminderChoices, SettingsPage
from app.patient.welcome import PracticePage, TextSizePage
from app.services.patient.site_help import SiteHelp
from app.services.patient.urgent_call import UrgentCall
from app.web.pages.error_page import ErrorPage
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Page
from tests.pseudo_languages import ARABIC, arabic_text

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "app" / "static"
TAGS = {"en": "en", "zh_CN": "zh-Hans", "ar": "ar"}
QLQ, DIARY, LISTED = ("qlq-c30", "3.0"), ("symptom-diary", "1.0"), ("symptom-diary", "1.1")
MARK = Markup('<b><svg width="20" height="20" role="img" aria-label="★"><path d="M0 0h9v9z"/></svg></b>')
DAY = "Friday 27 November 2026"
WEEK = (DaySpan("mon", "fri", "08:00-11:30, 13:30-17:00"), DaySpan("sun", "sun", "09:00-12:00"))
REACHED = SiteHelp("08:00–17:00", WEEK, "120")


def frame(code: str) -> PageFrame:
    return PageFrame(
        TAGS[code],
        ARABIC.dir if code == ARABIC.code else "ltr",
        code,
        demo=True,
        version="1",
        static_root="/static/1",
        phone="0571-0000 0000",
        date_order=("year", "month", "day") if code == "zh_CN" else ("day", "month", "year"),
    )


def assets() -> FormAssets:
    return read_form_assets(lambda name: (STATIC / name).read_text(encoding="utf-8"))


def instrument(named: tuple[str, str], code: str) -> tuple[Instrument, InstrumentText]:
    folder = ROOT / "questionnaires" / named[0] / named[1]
    parsed = parse_instrument((folder / "instrument.toml").read_text(encoding="utf-8"), named[0])
    pseudo = code == ARABIC.code
    language = "en" if pseudo else code
    newest = max(folder.glob(f"text.{language}.*toml"), key=lambda path: (len(path.name), path.name))
    words = newest.read_text(encoding="utf-8")
    text = parse_text(words, named[0], parsed)
    return parsed, arabic_text(text) if pseudo else text


def wide_diary(direction: str = "") -> tuple[Instrument, InstrumentText]:
    """The diary with its row of severities drawn out to 0-100, too long for a telephone."""
    folder = ROOT / "questionnaires" / "symptom-diary" / "1.0"
    toml = (folder / "instrument.toml").read_text("utf-8")
    toml = toml.replace("high = 10\nnamed = [0, 10]", f"high = 100\nnamed = [0, 100]\n{direction}")
    words = (folder / "text.en.toml").read_text("utf-8").replace('10 = "Worst', '100 = "Worst')
    instrument = parse_instrument(toml, "wide")
    return instrument, parse_text(words, "wide", instrument)


def form(
    named: tuple[str, str] = QLQ,
    code: str = "en",
    answers: Mapping[str, Answer] | None = None,
    missing: tuple[str, ...] = (),
    invalid: tuple[str, ...] = (),
) -> p.FormPage:
    parsed, text = instrument(named, code)
    questions = build_questions(parsed, text, answers or {})
    return p.FormPage(
        name=text.name,
        lang=TAGS[code],
        instruction=text.instruction,
        questions=questions,
        form_url="/f/x",
        submit_url="/f/x/submit",
        submission_id="0f9a3c6e8a514c0e9d5e3f",
        revision=0,
        demonstration=text.wording == "demonstration",
        parts=assets().build_parts(questions, dark=False),
        key=item_tokens(len(parsed.items), b"x"),
        missing=missing,
        invalid=invalid,
        call=replace(CALL_SITE, phone="0571-0000 0000"),
    )


def home(*statuses: str, answered: int = 0, notices: tuple[str, ...] = ()) -> HomePage:
    cards = tuple(FormCard(status, "Symptom diary", 20, 3, answered, DAY, "/begin/1") for status in statuses)
    return HomePage(
        cards, "/sent", "/calendar", "/settings", "/help/call", DAY, reminded=True, notices=notices
    )


CALL_SITE = UrgentCall("0571-555 0000", "120", is_site=True, words="")
CALL_EMERGENCY = UrgentCall("120", "0571-555", is_site=False, words="Call at once:")


def review(call: UrgentCall | None = None) -> p.ReviewPage:
    rows = (
        p.ReviewRow("q1", 1, "Pain", "Some", "2", False, "/f/1#s-q1"),
        p.ReviewRow("q2", 2, "Sleep", "", "", True, "/f/1#s-q2"),
        p.ReviewRow("q3", 3, "Cough", "7", "7", False, "/f/1#s-q3", "10"),
    )
    return p.ReviewPage("Quality of life", "en", rows, "/submit", "x", 2, "/f/1", True, call=call)


def begin(error: str = "", who: str = "") -> p.BeginPage:
    recalls = ("On this day",)
    return p.BeginPage("Diary", "en", "Please choose.", 30, 10, "/begin/1", True, error, who, False, recalls)


def row(requested: str = "") -> SubmittedLine:
    urls = ("/sent/1/correction", "/sent/1/correction/withdrawal")
    return SubmittedLine("Diary", DAY, *urls, late=True, read_url="/sent/1", requested=requested)


def settings(saved: str = "", channel: str = "email", reminds: bool = True, paused: str = "") -> SettingsPage:
    usual, hours, days = ("09:00", "19:00"), (("08:00", "08:00"), ("21:00", "21:00")), (("2026-11-27", DAY),)
    address = "l***@example.org"
    choices = ReminderChoices(
        channel, address, "/settings/address", reminds, "21:00", usual, hours, paused, days
    )
    return SettingsPage("/leave", "/help/call", "large", choices, saved)


def settings_pages() -> tuple[Page, ...]:
    """The settings in all their forms, and an address of one's own."""
    url, code_url, back = "/settings/address", "/settings/address/code", "/settings"
    return (
        *(settings(saved) for saved in ("language", "text_size", "reminders", "hour", "pause")),
        settings(channel=""),
        settings("address"),
        *(
            replace(settings(), reminders=replace(settings(channel=way).reminders, address_url=""))
            for way in ("", "email")
        ),
        AddressPage(url, back, ""),
        *(
            AddressPage(url, back, "l***@example.org", "li@", error=error)
            for error in ("address", "same", "unsent", "throttled", "expired", "stale")
        ),
        *(
            AddressCodePage(code_url, url, back, "l***@example.org", DAY, error)
            for error in ("", "wrong", "throttled")
        ),
        settings("reminders", reminds=False),
        settings("pause", paused=DAY),
        settings("hour"),
        replace(settings(), error="state_changed"),
    )


def person_pages() -> tuple[Page, ...]:
    """Those about the participant rather than a form."""
    answers = (
        SubmittedAnswerRow(1, "Pain", "2: Some"),
        SubmittedAnswerRow(2, "Sleep", ""),
        SubmittedAnswerRow(3, "Cough", "7", "10"),
    )
    receipt = "482913057316"
    return (
        SubmittedPage(()),
        SubmittedPage((row(), row(DAY))),
        AnswersPage(row(DAY), "en", answers, receipt, "/sent", demonstration=True),
        AnswersPage(row(), "en", answers, receipt, "/sent", demonstration=False, copyright_line="(c)"),
        SubmittedPage((row(),), withdrawn=True),
        CorrectionRequestedPage("Diary", DAY, REACHED, DAY, "/sent", "/sent/1/correction/withdrawal"),
        *(
            MistakePage("Diary", DAY, site, "", "/sent/1/correction", "/sent")
            for site in (REACHED, SiteHelp("08:00"))
        ),
        *(MistakeWithdrawalPage(row(DAY), state, "/sent", "x") for state in ("open", "checking", "closed")),
        *(CallPage("/help/call", "/help", site, DAY) for site in (REACHED, SiteHelp("08:00–17:00"))),
        *(
            CallWithdrawalPage("/help/call/withdrawal", "/help#call", requested, "x")
            for requested in ("", DAY)
        ),
        *(LogOutPage("/leave", "/settings", "Chrome", DAY, shared) for shared in (True, False)),
        *settings_pages(),
        HomeScreenPage(PLATFORMS, "/settings/devices", "/settings"),
        HelpPage(),
        HelpPage(REACHED, "/help/call", DAY, withdraw_url="/help/call/withdrawal"),
        HelpPage(REACHED, "/help/call", withdrawn=True),
        HelpPage(SiteHelp(), "/help/call", DAY),
        HelpPage(SiteHelp("08:00–17:00"), "/help/call"),
        *(HelpPage(REACHED, "/help/call", requested, next_on=DAY) for requested in ("", DAY)),
        *(
            p.HelperPage("Diary", "/f/1/who", "/f/1", "scribe", "family", error)
            for error in ("", "who", "scribe")
        ),
        LanguagePage(
            "Diary", "中文", "zh-Hans", "Kept.", "已答的内容会保留。", "/f/1/language/zh_CN", "/f/1"
        ),
    )


def checks() -> tuple[Page, ...]:
    """The second check in all its forms, on the way in and at the lock."""
    return (
        *(CheckPage("new_pin", "/pin", error) for error in ("", "format", "mismatch", "simple")),
        *(CheckPage(asks, "/pin", "wrong") for asks in ("pin", "nothing")),
        *(
            CheckPage("birth_date", "/pin", error, "ABCD2345", shared=True)
            for error in ("", "format", "throttled", "busy", "wrong")
        ),
        LockedPage("/pin", 0, "none"),
        *(LockedPage("/pin", 15, "pin", error) for error in ("throttled", "busy")),
        *(LockedPage("/pin", 15, "birth_date", error, shared=True) for error in ("", "format", "wrong")),
    )


def own_pages() -> tuple[Page, ...]:
    """What follows after a browser was bound, and the pages about one's own browsers."""
    line = DeviceLine("MicroMessenger", DAY, DAY, True, "/settings/devices/1")
    return (
        TextSizePage("/welcome", "/welcome/practice", "large"),
        PracticePage("/welcome/practice", "/home/ready"),
        DevicesPage((line,), "/settings/devices", "/settings"),
        DevicesPage((line, replace(line, here=False)), "/settings/devices", "/settings", done="removed"),
        DevicesPage((line,), "/settings/devices", "/settings", done="made"),
        DevicesPage((line,), "/settings/devices", "/settings", error="state_changed"),
        *(
            OwnCodePage("daybook.example.org/code", ("ABCD", "2345"), DAY, asks, "/settings/devices")
            for asks in ("birth_date", "none", "pin")
        ),
        NewPinPage("/settings/pin", "/settings", saved=True),
        *(
            NewPinPage("/settings/pin", "/settings", error)
            for error in ("wrong", "throttled", "busy", "simple")
        ),
        BoundPeoplePage("/settings/people", "/home", 1, (), logged_out=False),
        BoundPeoplePage("/settings/people", "/home", 1, ((2, MARK),), logged_out=True),
        BoundPeoplePage("/settings/people", "/home", 1, ((2, MARK), (3, MARK))),
        MarkPage("/settings/mark", "/welcome", (("star", MARK),), "star", "", new=True),
        MarkPage("/settings/mark", "/settings/people", (("star", MARK),), "star", "Li", taken=True),
    )


def calendars() -> tuple[Page, ...]:
    """Own days by weeks, with and without severities, and a study without a diary."""
    states = ("", "", "sent", "missed", "open", "excused", "later")
    days = tuple(
        CalendarDay(number, state, "/f/1" if state == "open" else "", f"{DAY} {number}")
        for number, state in enumerate(states)
    )
    rated = tuple(replace(day, worst="7") if day.state == "sent" else day for day in days)
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    page = CalendarPage("/home", names, (CalendarWeek("November 2026", days),), 3, 15, DAY)
    return (
        CalendarPage("/home", names, (), 0, 0, ""),
        CalendarPage("/home", names, (), 4, 4, "", keeps_diary=False),
        page,
        replace(page, weeks=(*page.weeks, CalendarWeek("October 2026", rated)), reads=True),
    )


NOTICES = (
    *"closed not_open withdrawn wrong_link not_known no_cookies".split(),
    *"already_sent proxy throttled not_offered not_now not_yours".split(),
)


def forms(code: str) -> tuple[Page, ...]:
    """Forms in every state."""
    listed = {"any_symptom": 1, "fever": 1, "temperature": 385, "pain": OPEN, "cough": NOT_TICKED}
    return (
        form(QLQ, code),
        form(DIARY, code, {"any_symptom": 1, "temperature": 385, "pain": None}),
        form(LISTED, code, listed),
        replace(form(DIARY, code), blank=True),
        form(DIARY, code, {"any_symptom": 1}, missing=("pain",), invalid=("temperature",)),
    )


def thanks() -> tuple[Page, ...]:
    """The page after a form was sent."""
    return (
        p.DonePage("Diary", DAY, "4F7K", DAY, call=CALL_SITE),
        p.DonePage("Diary", DAY, "4F7K", DAY, call=UrgentCall("", "", is_site=True, words="")),
        p.DonePage("Diary", DAY, "482913057316", DAY),
        p.DonePage("Diary", DAY, "4F7K", more=2, late=True),
        p.DonePage("Diary", DAY, "4F7K", handed_back=True),
        p.DonePage("Diary", DAY, "4F7K", more=1, start_url="/f/2", start_name="Diary · Monday"),
    )


def notices() -> tuple[Page, ...]:
    """Every stop with its reason; of a form that was sent already, by each means."""
    sent_by = (("here", CALL_EMERGENCY), ("other", None), ("site_device", None), ("paper", None))
    return (
        *(NoticePage(notice, "Diary", DAY, DAY) for notice in NOTICES),
        *(
            NoticePage("already_sent", "Diary", DAY, "", "482913057316", means, "Chrome", more=1, call=call)
            for means, call in sent_by
        ),
        NoticePage(
            "already_sent",
            "Diary",
            DAY,
            receipt="482913057316",
            means="other",
            label="Chrome",
            quarantined=True,
        ),
        NoticePage("kept", "Diary"),
    )


def every_page(code: str) -> tuple[Page, ...]:
    """Every page and every state of it that its template tells apart."""
    return (
        *forms(code),
        *(
            ActivatePage("/a", asks, error, shared=True, wechat=True)
            for asks in (True, False)
            for error in ("", "wrong", "throttled", "busy")
        ),
        *checks(),
        *own_pages(),
        home(),
        replace(home(), next_on="", finished=True),
        replace(home(), cards=(), next_today=True),
        home("overdue", "in_progress", "due", "open", answered=12, notices=("pin_set", "saved", "language")),
        *(begin(error, who) for error in ("", "who", "scribe") for who in ("", "self", "scribe")),
        review(),
        review(CALL_SITE),
        review(CALL_EMERGENCY),
        replace(home("due"), call=CALL_SITE),
        replace(SubmittedPage((row(),)), call=CALL_EMERGENCY),
        *thanks(),
        *calendars(),
        replace(begin(), dark=True),
        replace(review(), dark=True),
        HandedBackPage("/desk/sign-in"),
        ActivatePage("/a", handed_over=True),
        replace(home(), give_back_url="/settings/leave"),
        replace(home(), hint_url="/settings/home-screen"),
        *notices(),
        *person_pages(),
        OfflinePage(assets().css),
        replace(home("due"), opens_offline=True),
        *(ErrorPage(status, "Words.", "r-1") for status in (403, 404, 409, 429, 500)),
    )
