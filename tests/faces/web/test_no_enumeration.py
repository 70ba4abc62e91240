"""Who guesses learns nothing: refusals look alike, and cost alike (SEC-07).

No test measures time. What takes time is counted instead: memory-hard hashings, and statements.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import event

from app.domain.plans.plan import Owner, SecondCheck
from app.domain.records.access import SYSTEM
from app.domain.records.dispositions import DispositionKind
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.setup.studies import create_staff, disable_staff
from app.storage.engine import page_engine
from tests.applications import Clock, application, open_browser
from tests.faces.participant_browsers import Phone, enrol_only, invite
from tests.markup import parse_page
from tests.scenarios.beginnings import SITE, site_of
from tests.scenarios.confirmation_rules import enrol_only as born
from tests.scenarios.confirmation_rules import with_second_check
from tests.scenarios.people import PIN, START, Person
from tests.stages import Stage

WRONG = "000001"
PASSWORD = "correct horse battery"


@dataclass
class Work:
    """Counts what the application does inside `counting`."""

    installation: Installation
    hashings: int = 0
    statements: int = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        self.hashings = self.statements = 0
        engines = {self.installation.engine, page_engine(self.installation.engine)}
        for engine in engines:
            event.listen(engine, "before_cursor_execute", self._note)
        yield
        for engine in engines:
            event.remove(engine, "before_cursor_execute", self._note)

    def _note(self, *_details: object) -> None:
        self.statements += 1

    def hashing(self, real: Callable[..., object]) -> Callable[..., object]:
        """The same, counted."""

        def counted(*args: object, **named: object) -> object:
            self.hashings += 1
            return real(*args, **named)

        return counted


@pytest.fixture
def work(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Work:
    counter = Work(app.state.installation)
    for name in ("hash", "verify"):
        monkeypatch.setattr(PasswordHasher, name, counter.hashing(getattr(PasswordHasher, name)))
    return counter


def shown(answer: Response, *own: str) -> tuple[int, str, list[tuple[str, str]]]:
    """Everything that the one who asked sees of an answer; `own` is what they typed themselves."""
    body = answer.text
    for words in own:
        body = body.replace(words, "…")
    passing = ("date", "set-cookie", "content-length", "x-request-id")
    return answer.status_code, body, sorted(pair for pair in answer.headers.items() if pair[0] not in passing)


@dataclass(frozen=True)
class Secret:
    """A link and a code that let nobody in."""

    link: str
    code: str


FORTNIGHT = timedelta(days=15)
"""After which a link leads nowhere."""


def _grow_dead(url: str) -> Sequence[str]:
    clock = Clock(START)
    app = application(url, clock)
    installation: Installation = app.state.installation
    site = site_of(installation)
    expired, used, revoked, ended = (
        invite(app, enrol_only(Person(installation, site, f"0571-01{number}"))) for number in range(4)
    )
    clock.at += FORTNIGHT
    used = invite(app, used.person, clock.at)
    used.activate()
    revoked = invite(app, revoked.person, clock.at)
    invite(app, revoked.person, clock.at)
    ended = invite(app, ended.person, clock.at)
    withdrawal = DispositionEntry(DispositionKind.withdrew_study, "2026-03-10", Owner.site)
    person = ended.person
    record_disposition(
        StaffContext(person.installation, person.nurse, clock.at),
        person.site.study_id,
        person.subject,
        withdrawal,
    )
    installation.engine.dispose()
    return [part for each in (expired, used, revoked, ended) for part in (each.link, each.code)]


DEAD = Stage(_grow_dead, SITE)


@pytest.fixture
def stage(stage: Stage | None, request: pytest.FixtureRequest) -> Stage | None:
    return DEAD if "dead" in request.fixturenames else stage


@pytest.fixture
def dead(migrated_sqlite_url: str, secrets: dict[str, tuple[str, ...]], clock: Clock) -> dict[str, Secret]:
    """One of each kind, issued to people of their own."""
    clock.at = START + FORTNIGHT
    parts = iter(secrets[migrated_sqlite_url])
    kinds = ("expired", "used", "revoked", "ended")
    return {"unknown": Secret("x" * 32, "ABCD2345")} | {
        kind: Secret(link, code) for kind, link, code in zip(kinds, parts, parts, strict=True)
    }


@pytest.mark.req("SEC-07")
@pytest.mark.parametrize(
    ("method", "path", "fields", "hashings"),
    [
        ("GET", "/a/{link}", {}, 0),
        ("POST", "/a/{link}", {}, 0),
        ("POST", "/a/{link}", {"pin": PIN}, 1),
        ("POST", "/a/{link}", {"pin": PIN, "pin_again": PIN}, 1),
        ("POST", "/code", {"code": "{code}"}, 0),
        ("POST", "/code", {"code": "{code}", "pin": PIN}, 1),
        ("POST", "/code", {"code": "{code}", "birth_year": "1950", "birth_month": "2", "birth_day": "3"}, 0),
    ],
)
def test_every_dead_link_and_code_is_refused_alike_after_the_same_work(
    app: FastAPI,
    dead: dict[str, Secret],
    clock: Clock,
    work: Work,
    method: str,
    path: str,
    fields: dict[str, str],
    hashings: int,
) -> None:
    seen, done = {}, {}
    for name, secret in dead.items():
        form = {key: value.replace("{code}", secret.code) for key, value in fields.items()}
        clock.forward(hours=1)  # so that no one's failures slow the next one down
        with work.counting():
            answer = open_browser(app).request(method, path.replace("{link}", secret.link), data=form)
        seen[name], done[name] = shown(answer), (work.hashings, work.statements)
    assert {form[0] for form in seen.values()} == {404}
    assert all(form == seen["unknown"] for form in seen.values())
    assert {form[0] for form in done.values()} == {hashings}
    assert len(set(done.values())) == 1


def alert(answer: Response) -> str:
    return parse_page(answer.text).all("div", role="alert")[0].text


def own_code(phone: Phone) -> str:
    """A code of one's own: it asks the PIN that there is."""
    code_page = parse_page(phone.client.post("/settings/devices").text)
    return "".join(part.text for part in code_page.one("p", class_="code").all("span"))


@pytest.mark.req("SEC-07")
def test_a_wrong_pin_costs_and_says_what_an_unknown_code_does(app: FastAPI, phone: Phone, work: Work) -> None:
    answers, hashings = [], []
    for code in ("ABCD2345", own_code(phone)):
        with work.counting():
            answers.append(open_browser(app).post("/code", data={"code": code, "pin": WRONG}))
        hashings.append(work.hashings)
    assert [answer.status_code for answer in answers] == [404, 404]
    assert alert(answers[0]) == alert(answers[1])
    assert hashings == [1, 1]


@pytest.mark.req("SEC-07")
def test_a_wrong_birth_date_costs_and_says_what_an_unknown_code_does(
    app: FastAPI, founder: Person, work: Work
) -> None:
    app.state.installation = with_second_check(app.state.installation, SecondCheck.birth_date)
    dated = invite(app, born(app.state.installation, founder.site, founder.subject))
    answers, hashings = [], []
    for code in ("ABCD2345", dated.code):
        with work.counting():
            form = {"code": code, "birth_year": "1950", "birth_month": "2", "birth_day": "4"}
            answers.append(open_browser(app).post("/code", data=form))
        hashings.append(work.hashings)
    assert [answer.status_code for answer in answers] == [404, 404]
    assert alert(answers[0]) == alert(answers[1])
    assert hashings == [0, 0]


@pytest.mark.req("SEC-07")
def test_the_lock_costs_the_same_for_a_right_and_a_wrong_pin(phone: Phone, clock: Clock, work: Work) -> None:
    clock.forward(minutes=16)
    for pin, status in ((WRONG, 403), ("", 403), (PIN, 303)):
        with work.counting():
            assert phone.client.post("/unlock", data={"pin": pin}).status_code == status
        assert work.hashings == 1, pin


@pytest.mark.req("SEC-07")
def test_staff_who_are_unknown_disabled_or_mistaken_are_refused_alike(
    app: FastAPI, founder: Person, clock: Clock, work: Work
) -> None:
    for email in ("known@example.org", "gone@example.org"):
        create_staff(StaffContext(founder.installation, SYSTEM, START), email, "Li Na", PASSWORD, "en")
    disable_staff(StaffContext(founder.installation, SYSTEM, START), "gone@example.org", "left")
    tries = [
        (f"{who}@example.org", said) for who in ("known", "nobody", "gone") for said in (PASSWORD, "guess")
    ]
    seen, done = [], []
    for email, password in tries[1:]:
        form = {"email": email, "password": password}
        clock.forward(hours=1)
        open_browser(app).post("/desk/sign-in", data=form)  # from now on there is a row that counts failures
        with work.counting():
            answer = open_browser(app).post("/desk/sign-in", data=form)
        seen.append(shown(answer, email))
        done.append((work.hashings, work.statements))
    assert seen == [seen[0]] * len(seen)
    assert done == [done[0]] * len(done)
    assert (seen[0][0], done[0][0]) == (403, 1)


@pytest.mark.req("SEC-07", "IAM-12")
def test_guesses_at_an_unknown_account_are_slowed_down_like_those_at_a_known_one(
    app: FastAPI, founder: Person, work: Work
) -> None:
    create_staff(
        StaffContext(founder.installation, SYSTEM, START), "known@example.org", "Li Na", PASSWORD, "en"
    )
    ends = []
    for email in ("known@example.org", "nobody@example.org"):
        form = {"email": email, "password": "guess"}
        for _ in range(5):
            assert open_browser(app).post("/desk/sign-in", data=form).status_code == 403
        with work.counting():
            answer = open_browser(app).post("/desk/sign-in", data=form)
        ends.append((shown(answer, email), work.hashings, work.statements))
    assert ends[0] == ends[1]
    assert (ends[0][0][0], ends[0][1]) == (429, 0)
