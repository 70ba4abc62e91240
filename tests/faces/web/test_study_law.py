"""A code means nothing without its study: every page and route with two studies whose codes collide.

On PostgreSQL the lists alone, which each database sorts and searches in its own way.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from httpx2 import Response
from sqlmodel import select

from app.clinic.frame.permission_words import PERMISSION_WORDS
from app.domain.plans.plan import RANDOMISATION
from app.domain.records.access import Permission, Role
from app.storage.tables.participants import TeamRequest
from app.web import urls
from app.web.permissions import ROUTES, CallerKind
from tests.browsers import Browser
from tests.faces.desk_pages import day_in, page
from tests.faces.two_studies import (
    CODE,
    HERE,
    HOSPITALS,
    OTHER,
    PHONES,
    SUBJECT,
    TITLES,
    TWO_STAGE,
    UNUSED,
    TwoStudies,
    restore_two_studies,
)
from tests.markup import parse_page
from tests.scenarios.after_baseline import correct_baseline, raise_alert
from tests.scenarios.people import START
from tests.stages import Stage

BOTH = {HERE: Role.INVESTIGATOR, OTHER: Role.INVESTIGATOR}
OF_STAFF = [row for row, access in ROUTES.items() if access.caller is CallerKind.STAFF]
OF_NONE = (urls.ACCOUNT_SESSION, urls.ACCOUNT_PASSKEY)
"""One's own browsers and passkeys are of no study."""
FORMS = {
    *(urls.FIND, urls.PARTICIPANTS, urls.DESK, urls.ENROL, urls.REPORT, urls.MATRIX, urls.TRAIL, urls.SETTLE),
    *(urls.STUDY_PLAN, urls.PLAN_VERSIONS, urls.SIMULATION, urls.ACCESS_REPORT, urls.DIARY_GAP_LIST),
}
"""Addresses of forms, which carry the study in a field of their own."""
LISTS = [path for method, path in OF_STAFF if method == "GET" and "{" not in path]
ON_BOTH = pytest.mark.parametrize("migrated_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def stage() -> Stage:
    return TWO_STAGE


@pytest.fixture(params=["sqlite"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A database at this module's stage; that of PostgreSQL for a test which says `ON_BOTH`."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    return str(request.getfixturevalue(f"migrated_{kind}_url"))


@pytest.fixture
def two(migrated_url: str, secrets: dict[str, tuple[str, ...]]) -> Iterator[TwoStudies]:
    both = restore_two_studies(migrated_url, secrets[migrated_url])
    yield both
    both.installation.engine.dispose()


def other_of(study: str) -> str:
    return OTHER if study == HERE else HERE


def marks_of(two: TwoStudies, study: str) -> tuple[str, ...]:
    """What only this study's pages may hold."""
    person = two.people[study]
    return (
        HOSPITALS[study],
        PHONES[study],
        UNUSED[study],
        person.row().public_id,
        person.slot("BL").public_id,
        f"{study}:{CODE}",
    )


def main_of(answer: Response) -> str:
    match = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    assert match, answer.text[:500]
    return match[0]


def addresses(two: TwoStudies, path: str, study: str) -> str:
    person = two.people[study]
    with two.installation.read() as session:
        row = person.row()
        request = session.exec(select(TeamRequest.id).where(TeamRequest.participant_id == row.id)).one()
    names = {
        "participant": row.public_id,
        "slot": person.slot("BL").public_id,
        "request": str(request),
        "device": "1",
    }
    return re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], "1"), path)


def test_every_page_shows_its_own_study_alone(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    strangers = []
    shown = 0
    for study in (HERE, OTHER):
        for method, path in OF_STAFF:
            if method != "GET" or path == urls.ACCESS_REPORT:
                continue
            url = addresses(two, path, study)
            answer = desk.get(url, params={"study": study})
            if answer.status_code != 200:
                continue
            shown += 1
            if "content-disposition" in answer.headers:
                assert f'filename="{study}-' in answer.headers["content-disposition"], url
                strangers += [(url, mark) for mark in marks_of(two, other_of(study)) if mark in answer.text]
                continue
            assert f"Study: {TITLES[study]}" in parse_page(answer.text).text, url
            strangers += [(url, mark) for mark in marks_of(two, other_of(study)) if mark in main_of(answer)]
            local = re.findall(r'(?:href|action|hx-get)="(/desk[^"#]*)', answer.text)
            bare = [each for each in local if each.partition("?")[0] in LISTS and "study=" not in each]
            carried = [each for each in bare if each.partition("?")[0] in FORMS]
            assert set(bare) <= set(carried), (url, bare)
            assert answer.text.count(f'name="study" value="{study}"') >= len({*carried} - {urls.DESK}), url
    assert strangers == []
    assert shown >= 16


def test_an_administrator_s_pages_hold_their_own_study_alone(two: TwoStudies) -> None:
    desk = two.browser({HERE: Role.ADMIN, OTHER: Role.ADMIN})
    for study in (HERE, OTHER):
        own, other = two.sites[study].id, two.sites[other_of(study)].id
        site = urls.SITE.format(site=own)
        for path in (urls.STAFF, urls.STAFF_INVITATION, urls.ACCESS_REVIEW, urls.SITES, site):
            answer = desk.get(path, params={"study": study})
            assert f"Study: {TITLES[study]}" in parse_page(answer.text).text, path
            assert not [mark for mark in marks_of(two, other_of(study)) if mark in main_of(answer)], path
            local = re.findall(r'(?:href|action)="(/desk/(?:people|sites|access|roles)[^"#]*)', answer.text)
            assert all(f"study={study}" in each for each in local if each not in FORMS), path
            forms = set(local) & FORMS
            assert answer.text.count(f'name="study" value="{study}"') >= len(forms), path
        assert PHONES[study] in main_of(desk.get(urls.SITES, params={"study": study}))
        report = desk.get(urls.ACCESS_REPORT, params={"study": study}).text.splitlines()[1:]
        assert report
        assert all(each.startswith(f"{study},") for each in report)
        assert desk.get(site, params={"study": other_of(study)}).status_code == 404
        closing = urls.SITE_CLOSING.format(site=other)
        assert desk.post(closing, params={"study": study}, data={"reason": "full"}).status_code == 404


@ON_BOTH
def test_lists_hold_their_own_people(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    for study in (HERE, OTHER):
        own = two.people[study].row().public_id
        for path in (urls.DESK, urls.PARTICIPANTS, urls.REQUESTS):
            assert own in desk.get(path, params={"study": study}).text, path
        assert own in desk.get(urls.DESK, params={"study": study, "site": CODE}).text
        assert UNUSED[study] in desk.get(urls.ACCESS, params={"study": study}).text


def test_corrections_are_of_their_own_study(two: TwoStudies) -> None:
    proposals = {}
    for study in (HERE, OTHER):
        two.people[study].begin("BL", START)
        two.people[study].submit("BL", START)
        proposals[study] = correct_baseline(two.people[study], START)
    desk = two.browser(BOTH)
    for study in (HERE, OTHER):
        own, other = proposals[study], proposals[other_of(study)]
        listed = desk.get(urls.CORRECTIONS, params={"study": study}).text
        assert own in listed
        assert other not in listed
        assert desk.get(f"{two.address_of(study)}/corrections/{own}").status_code == 200
        astray = f"{two.address_of(study)}/corrections/{other}"
        assert desk.get(astray).status_code == 404
        assert desk.post(astray, data={"outcome": "declined", "note": "no"}).status_code == 404


def test_alerts_are_of_their_own_study(two: TwoStudies) -> None:
    for study in (HERE, OTHER):
        two.people[study].begin("BL", START)
        two.people[study].submit("BL", START)
        raise_alert(two.people[study], START, f"alert-{study}")
    desk = two.browser(BOTH)
    for study in (HERE, OTHER):
        own, other = f"alert-{study}", f"alert-{other_of(study)}"
        listed = desk.get(urls.ALERTS, params={"study": study}).text
        assert (own in listed, other in listed) == (True, False)
        assert desk.get(f"{two.address_of(study)}/alerts/{own}").status_code == 200
        astray = f"{two.address_of(study)}/alerts/{other}"
        assert desk.get(astray).status_code == 404
        assert desk.post(f"{astray}/acknowledgement").status_code == 404
        assert desk.get(urls.ALERTS_FILE, params={"study": study}).text.count("much_pain") == 1


def test_no_act_reaches_another_study(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    posts = [path for method, path in OF_STAFF if method == "POST" and "{" in path and path not in OF_NONE]
    assert len(posts) > 20
    for path in posts:
        answer = desk.post(
            addresses(two, path, OTHER), params={"study": HERE}, data={"outcome": "no", "study": HERE}
        )
        assert answer.status_code == 404, path
        assert (
            desk.post(addresses(two, path, OTHER), params={"study": HERE}, data={"study": OTHER}).status_code
            == 404
        )


def test_a_study_that_is_unknown_or_not_granted_is_not_there(two: TwoStudies) -> None:
    desk = two.browser({HERE: Role.NURSE})
    for path in LISTS:
        for study in (OTHER, "moon-trial"):
            assert desk.get(path, params={"study": study}).status_code == 404, path
    assert desk.get(two.address_of(OTHER)).status_code == 404
    assert desk.get(two.address_of(HERE), params={"study": OTHER}).status_code == 404
    alone = desk.get(urls.PARTICIPANTS).text
    assert "study=" not in alone
    assert f"Study: {TITLES[HERE]}" in parse_page(alone).text


def enrolment(study: str, **changes: str) -> dict[str, str]:
    return {
        "study": study,
        "site": f"{study}:{CODE}",
        "subject": SUBJECT,
        "language": "en",
        "enrolled_on": "2026-03-02",
        "consent_version": "2.1",
        "consented_on": "2026-03-02",
        "identity_check": "id_card",
    } | changes


def test_enrolment_takes_everything_from_the_chosen_study(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    for study, pattern, languages, today in (
        (HERE, "0000-000", {"zh_CN", "en"}, "2026-03-11"),
        (OTHER, "[0-9]{4}-[0-9]{3,5}", {"en"}, "2026-03-10"),
    ):
        form = parse_page(desk.get(urls.ENROL, params={"study": study}).text)
        assert f"As {pattern}" in form.text
        options = form.one("select", name="language").all("option")
        assert {each["value"] for each in options} == languages
        assert day_in(form, "enrolled_on") == today
        assert [each["value"] for each in form.one("select", name="site").all("option")] == [
            f"{study}:{CODE}"
        ]
    for study in (HERE, OTHER):
        again = desk.post(urls.ENROL, data=enrolment(study))
        assert again.status_code == 409
        assert two.address_of(study) in again.text
        assert two.address_of(other_of(study)) not in again.text
    mixed = desk.post(urls.ENROL, data=enrolment(HERE, site=f"{OTHER}:{CODE}", subject="0571-009"))
    assert mixed.status_code == 422
    sheet = desk.post(urls.ENROL, data=enrolment(OTHER, subject="0571-00009"))
    assert sheet.status_code == 200
    assert "Your study: Aspirin days" in sheet.text
    assert TITLES[OTHER] not in re.sub(r'title="[^"]*"', "", sheet.text)


def walk_pages(desk: Browser, study: str) -> list[str]:
    """Every code of the list, page after page."""
    url: str | None = f"{urls.PARTICIPANTS}?study={study}"
    codes: list[str] = []
    while url is not None:
        page = parse_page(desk.get(url).text)
        codes += [row.one("b").text for row in page.one("tbody").all("tr")]
        following = [each["href"] for each in page.one("main").all("a") if each.text == "Next page"]
        url = following[0] if following else None
    return codes


@ON_BOTH
def test_pages_of_a_list_lose_nobody(two: TwoStudies, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app.services.clinic.participant_list", "app.clinic.lists.participants"):
        monkeypatch.setattr(f"{module}.PAGE_SIZE", 4)
    own = {study: [SUBJECT, UNUSED[study]] for study in (HERE, OTHER)}
    for number in range(4, 11):
        for study in (HERE, OTHER):
            two.add(study, f"0571-{number:03}")
            own[study].append(f"0571-{number:03}")
    desk = two.browser(BOTH)
    assert walk_pages(desk, HERE) == own[HERE]
    assert walk_pages(desk, OTHER) == own[OTHER]


def test_filters_are_remembered_for_their_study_alone(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    here, other = (f"{urls.PARTICIPANTS}?study={study}" for study in (HERE, OTHER))
    assert desk.get(f"{here}&site={CODE}").status_code == 200
    assert desk.get(other).status_code == 200, "whose site has the same code"
    again = desk.get(here)
    assert (again.status_code, again.headers["location"]) == (
        303,
        f"{urls.PARTICIPANTS}?site={CODE}&study={HERE}",
    )
    assert f"Study: {TITLES[HERE]}" in parse_page(desk.get(again.headers["location"]).text).text


def test_the_browser_remembers_the_study_that_was_chosen(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    assert TITLES[OTHER] in main_study(desk.get(urls.PARTICIPANTS))
    desk.get(urls.DESK, params={"study": HERE})
    assert TITLES[HERE] in main_study(desk.get(urls.PARTICIPANTS))
    assert TITLES[HERE] in main_study(desk.get(two.address_of(HERE)))
    assert TITLES[OTHER] in main_study(desk.get(two.address_of(OTHER)))


def main_study(answer: Response) -> str:
    return parse_page(answer.text).one("section", class_="study").one("p").text


@ON_BOTH
def test_a_code_leads_to_its_participant_in_the_chosen_study(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    for study in (HERE, OTHER):
        for typed in (SUBJECT, "０５７１-００１ "):
            answer = desk.get(urls.FIND, params={"study": study, "q": typed})
            assert (answer.status_code, answer.headers["location"]) == (303, two.address_of(study)), typed


def test_a_code_of_another_study_is_said_to_be_there(two: TwoStudies) -> None:
    desk = two.browser(BOTH)
    answer = desk.get(urls.FIND, params={"study": HERE, "q": UNUSED[OTHER]})
    assert answer.status_code == 200
    assert f"This study has no participant {UNUSED[OTHER]}" in answer.text
    assert TITLES[OTHER] in main_of(answer)
    part = desk.get(urls.FIND, params={"study": HERE, "q": "0571"})
    assert part.headers["location"] == f"{urls.PARTICIPANTS}?q=0571&study={HERE}"
    empty = desk.get(urls.FIND, params={"study": HERE, "q": " "})
    assert empty.headers["location"] == f"{urls.PARTICIPANTS}?q=&study={HERE}"
    alone = two.browser({HERE: Role.NURSE})
    hidden = alone.get(urls.FIND, params={"q": UNUSED[OTHER]})
    assert hidden.headers["location"] == f"{urls.PARTICIPANTS}?q={UNUSED[OTHER]}"


def test_a_refusal_says_which_permission_is_missing_and_who_gives_it(two: TwoStudies) -> None:
    desk = two.browser({HERE: Role.NURSE, OTHER: Role.MONITOR})
    assert desk.get(urls.ENROL).status_code == 200
    refused = desk.get(urls.ENROL, params={"study": OTHER})
    page = parse_page(refused.text)
    assert refused.status_code == 403
    missing = f"You do not have permission to enrol participants in this study ({TITLES[OTHER]})."
    assert missing in page.one("main").text
    assert "An administrator of the study can give you this permission." in page.text
    menu = [each["href"] for each in page.one("nav", **{"aria-label": "Desk"}).all("a")]
    assert f"{urls.TRAIL}?study={OTHER}" in menu
    assert not any(each.startswith(urls.ENROL) for each in menu)
    chinese = two.browser({OTHER: Role.MONITOR}, "zh_CN").get(urls.REQUESTS)
    assert "您没有以下权限：处理参与者的请求。" in chinese.text


def test_what_is_not_there_is_said_in_the_frame_of_the_desk(two: TwoStudies) -> None:
    desk = two.browser({HERE: Role.NURSE})
    for url in ("/desk/participants/nobody", f"{urls.PARTICIPANTS}?study=moon-trial"):
        answer = desk.get(url)
        assert answer.status_code == 404
        assert "Li Na" in parse_page(answer.text).one("header").text


def test_pages_of_a_study_without_diary_and_arms_speak_of_neither(two: TwoStudies) -> None:
    installation = two.installation
    plan = installation.library.get_plan(OTHER, "1.0")
    anchors = tuple(each for each in plan.anchors if each.kind != RANDOMISATION)
    visits = tuple(each for each in plan.visits if each.anchor == "enrolment")
    bare = replace(plan, diary=None, arms=(), anchors=anchors, visits=visits, alert_rules=())
    plans = {**installation.library.plans, (OTHER, "1.0"): bare}
    two.app.state.installation = replace(installation, library=replace(installation.library, plans=plans))
    browser = two.browser({OTHER: Role.INVESTIGATOR})
    report = page(browser, urls.REPORT)
    assert "diary" not in report.one("main").text.lower()
    assert "participants who consented" in report.text
    assert not {"randomised", "arms"} & set(report.text.split())
    assert "No form was missed." in report.text
    assert "diary" not in page(browser, urls.STUDY_PLAN).one("main").text.lower()
    person = page(browser, two.address_of(OTHER))
    assert person.one("a", href=f"{two.address_of(OTHER)}/scores").text == "Scores"
    for typed in (urls.DIARY_GAP_LIST, f"{two.address_of(OTHER)}/diary-gaps"):
        days = page(browser, typed).one("main").text
        assert ("This study has no diary." in days, "need" in days) == (True, False)


def test_every_permission_that_guards_a_page_has_words() -> None:
    guarding = {access.permission for access in ROUTES.values() if access.permission is not None}
    assert guarding <= PERMISSION_WORDS.keys() <= set(Permission)
