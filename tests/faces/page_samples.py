"""One of every patient page with believable values, in both languages, from the shipped instruments."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from app.domain.instrument import Instrument
from app.domain.instrument_parsing import parse_instrument
from app.domain.instrument_text import InstrumentText, parse_text
from app.domain.outbox import signs
from app.patient import entrance_pages as e
from app.patient import pages as p
from app.patient import person_pages as own
from app.patient.form_assets import FormAssets, form_assets
from app.patient.questions import Answer, questions
from app.web.error_page import ErrorPage
from app.web.pages import Page
from app.web.shell import Shell
from tests.pseudo import ARABIC, arabic_text

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "app" / "static"
TAGS = {"en": "en", "zh_CN": "zh-Hans", "ar": "ar"}
QLQ, DIARY = ("qlq-c30", "3.0"), ("symptom-diary", "1.0")
DAY = "Friday 27 November 2026"


def shell(code: str) -> Shell:
    return Shell(
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
    css = (STATIC / "css" / "daybook.css").read_text(encoding="utf-8")
    return form_assets(css, (STATIC / "js" / "runner.min.js").read_text(encoding="utf-8"))


def instrument(named: tuple[str, str], code: str) -> tuple[Instrument, InstrumentText]:
    folder = ROOT / "questionnaires" / named[0] / named[1]
    parsed = parse_instrument((folder / "instrument.toml").read_text(encoding="utf-8"), named[0])
    pseudo = code == ARABIC.code
    words = (folder / f"text.{'en' if pseudo else code}.toml").read_text(encoding="utf-8")
    text = parse_text(words, named[0], parsed)
    return parsed, arabic_text(text) if pseudo else text


def form(
    named: tuple[str, str] = QLQ,
    code: str = "en",
    answers: Mapping[str, Answer] | None = None,
    missing: tuple[str, ...] = (),
    invalid: tuple[str, ...] = (),
) -> p.FormPage:
    parsed, text = instrument(named, code)
    inlined = assets()
    return p.FormPage(
        name=text.name,
        lang=TAGS[code],
        instruction=text.instruction,
        questions=questions(parsed, text, answers or {}),
        form_url="/f/x",
        submit_url="/f/x/submit",
        submission_id="0f9a3c6e-8a51-4c0e-9d5e-3f4b2a1c7788",
        revision=0,
        demonstration=True,
        mark=inlined.mark,
        css=inlined.css,
        runner=inlined.runner,
        key=signs(len(parsed.items), b"x"),
        missing=missing,
        invalid=invalid,
    )


def home(*statuses: str, answered: int = 0, notices: tuple[str, ...] = ()) -> p.HomePage:
    cards = tuple(p.Card(status, "Symptom diary", 20, 3, answered, DAY, "/begin/1") for status in statuses)
    return p.HomePage(cards, "/sent", "/settings", "/help#call", DAY, reminded=True, notices=notices)


def review(urgent: bool = False) -> p.ReviewPage:
    rows = (
        p.ReviewRow("q1", 1, "Pain", "Some", "2", False, "/f/1#s-q1"),
        p.ReviewRow("q2", 2, "Sleep", "", "", True, "/f/1#s-q2"),
    )
    return p.ReviewPage("Quality of life", "en", rows, "/submit", "x", 2, "/f/1", True, urgent=urgent)


def begin(error: str = "", who: str = "") -> p.BeginPage:
    recalls = ("On this day",)
    return p.BeginPage("Diary", "en", "Please choose.", 30, 10, "/begin/1", True, error, who, False, recalls)


def sent(asked: str = "") -> own.SentForm:
    return own.SentForm("Diary", DAY, "/sent/1/correction", late=True, read_url="/sent/1", asked=asked)


def settings(
    saved: str = "", channel: str = "email", wanted: bool = True, paused: str = ""
) -> own.SettingsPage:
    usual, hours, days = ("09:00", "19:00"), (("08:00", "08:00"), ("21:00", "21:00")), (("2026-11-27", DAY),)
    told = own.Reminders(channel, "l***@example.org", wanted, "21:00", usual, hours, paused, days)
    return own.SettingsPage("/leave", "large", told, saved)


def person_pages() -> tuple[Page, ...]:
    """Those about the participant rather than a form."""
    answers = ((1, "Pain", "2: Some"), (2, "Sleep", ""))
    return (
        own.SentPage(()),
        own.SentPage((sent(), sent(DAY))),
        own.AnswersPage(sent(DAY), "en", answers, "/sent", demonstration=True),
        own.AnswersPage(sent(), "en", answers, "/sent", demonstration=False, copyright_line="(c)"),
        own.AskedPage("Diary", DAY, "08:00–17:00", "/sent"),
        *(settings(saved) for saved in ("language", "text_size", "reminders", "hour", "pause")),
        settings(channel=""),
        settings("reminders", wanted=False),
        settings("pause", paused=DAY),
        settings("hour"),
        own.HelpPage(),
        own.HelpPage("08:00–17:00", "/help/call", DAY),
        own.HelpPage("", "/help/call", DAY),
        own.HelpPage("08:00–17:00", "/help/call"),
        own.LanguagePage("Diary", "中文", "zh-Hans", "已答的内容会保留。", "/f/1/language/zh_CN", "/f/1"),
    )


def checks() -> tuple[Page, ...]:
    """The second check in all its forms, on the way in and at the lock."""
    return (
        *(p.CheckPage("new_pin", "/pin", error) for error in ("", "format", "mismatch", "simple")),
        *(p.CheckPage(asks, "/pin", "wrong") for asks in ("pin", "nothing")),
        *(
            p.CheckPage("birth_date", "/pin", error, "ABCD2345", shared=True)
            for error in ("", "format", "throttled", "wrong")
        ),
        p.LockedPage("/pin", 0, "none"),
        p.LockedPage("/pin", 15, "pin", "throttled"),
        *(p.LockedPage("/pin", 15, "birth_date", error, shared=True) for error in ("", "format", "wrong")),
    )


def own_pages() -> tuple[Page, ...]:
    """What follows after a browser was bound, and the pages about one's own browsers."""
    line = e.DeviceLine("MicroMessenger", DAY, DAY, True, "/settings/devices/1")
    return (
        e.TextSizePage("/welcome", "/welcome/practice", "large"),
        e.PracticePage("/welcome/practice", "/home/ready"),
        e.DevicesPage((line,), "/settings/devices", "/settings"),
        e.DevicesPage((line, replace(line, here=False)), "/settings/devices", "/settings", removed=True),
        *(
            e.OwnCodePage("daybook.example.org/code", ("ABCD", "2345"), DAY, asks, "/settings/devices")
            for asks in ("birth_date", "none", "pin")
        ),
        e.NewPinPage("/settings/pin", "/settings", saved=True),
        *(e.NewPinPage("/settings/pin", "/settings", error) for error in ("wrong", "throttled", "simple")),
        e.PeoplePage("/settings/people", "/home", 1, (), left=False),
        e.PeoplePage("/settings/people", "/home", 1, (2,), left=True),
        e.PeoplePage("/settings/people", "/home", 1, (2, 3)),
    )


NOTICES = (
    "closed not_open withdrawn wrong_link no_cookies already_sent proxy throttled not_offered not_now".split()
)


def every_page(code: str) -> tuple[Page, ...]:
    """Every page and every state of it that its template tells apart."""
    return (
        form(QLQ, code),
        form(DIARY, code, {"any_symptom": 1, "temperature": 385, "pain": None}),
        replace(form(DIARY, code), blank=True),
        form(DIARY, code, {"any_symptom": 1}, missing=("pain",), invalid=("temperature",)),
        *(
            p.ActivatePage("/a", asks, error, shared=True, wechat=True)
            for asks in (True, False)
            for error in ("", "wrong", "throttled")
        ),
        *checks(),
        *own_pages(),
        home(),
        replace(home(), next_on="", finished=True),
        home("overdue", "in_progress", "due", "open", answered=12, notices=("pin_set", "saved", "language")),
        *(begin(error, who) for error in ("", "who", "scribe") for who in ("", "self", "scribe")),
        review(),
        review(urgent=True),
        p.DonePage("Diary", DAY, "4F7K", DAY),
        p.DonePage("Diary", DAY, "4F7K", more=2, late=True),
        *(p.NoticePage(notice, "Diary", DAY, DAY) for notice in NOTICES),
        *person_pages(),
        p.OfflinePage(assets().css),
        replace(home("due"), opens_offline=True),
        *(ErrorPage(status, "Words.", "r-1") for status in (403, 404, 409, 429, 500)),
    )
