"""The study plan as its readers meet it: picture and table, two versions compared, and the simulator."""

from dataclasses import fields, replace
from datetime import time

import pytest
from fastapi.testclient import TestClient

from app.clinic.study.aspect_words import ASPECTS, PARTS
from app.domain.alerts.rules import AlertRule
from app.domain.people.role_views import RoleView
from app.domain.plans.plan import (
    AnchorKind,
    Arm,
    DiaryRule,
    Plan,
    PlannedInstrument,
    ReminderRule,
    VisitRule,
    WorklistRule,
)
from app.domain.records.access import Permission, Role
from app.services.core.installation import Installation
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import day_in, full_width, page
from tests.markup import Element

SIMULATION = "/desk/plan/simulation"
DATES = "on_enrolment=2026-03-02&on_randomisation=2026-03-10&now=2026-04-20&clock=12:00&arm=SBRT"


def rows(shown: Element, index: int = 0) -> dict[str, list[str]]:
    """The cells of a table by the head of each row."""
    table = shown.all("table")[index]
    return {
        line.all("th")[0].text.strip(): [cell.text.strip() for cell in line.all("td")]
        for line in table.all("tr")[1:]
    }


@pytest.fixture
def admin(clinic: ClinicFixture) -> TestClient:
    return clinic.browser(Role.ADMIN, site=None)


def test_the_plan_is_a_picture_and_a_table_that_says_the_same(
    clinic: ClinicFixture, admin: TestClient
) -> None:
    shown = page(admin, "/desk/plan")
    assert shown.all("nav")[0].one("a", href="/desk/plan").text == "Study plan"
    (chart,) = shown.all("svg", role="img")
    assert "with 17 dated visits. Counted from: Enrolment, Randomisation" in chart["aria-label"]
    assert "closes in week 157" in chart["aria-label"]
    assert [each.text for each in chart.all("text", class_="head")] == [
        "Enrolment",
        "Randomisation",
        "End of radiotherapy (SBRT)",
        "Withdrawal from treatment",
    ]
    plan = rows(shown)
    assert list(plan) == ["BL", "W6", "W12 – W156", "EOT", "ET", "UNS", "D0 – D83", "DW12 – DW156"]
    assert plan["BL"] == [
        "Quality of life",
        "Enrolment",
        "the day itself",
        "the target day – 28 days after; ends early with: Randomisation",
        "7 days after the target day",
        "first day, middle, day before it closes · 09:00",
        "staff can have it repeated",
    ]
    assert plan["W6"][2:4] == ["6 weeks after", "7 days before – 7 days after"]
    assert plan["W12 – W156"][2] == "12, 24, … 156 weeks after"
    assert plan["EOT"][-1] == "only in the arm: Stereotactic body radiotherapy"
    assert plan["UNS"][1:3] == ["–", "–"]
    assert plan["D0 – D83"][3] == "its own day; can be entered for 2 more days"
    assert rows(shown, 1)["Randomisation"] == ["EDC", "Enrolment", "4", ""]
    older = page(admin, "/desk/plan?version=1.0")
    assert "version 1.0" in older.one("h1").text
    assert admin.get("/desk/plan?version=9.9").status_code == 404
    chinese = clinic.browser(Role.INVESTIGATOR, language="zh_CN")
    assert rows(page(chinese, "/desk/plan"))["W6"][2:4] == ["之后 6 周", "之前 7 天 – 之后 7 天"]
    assert clinic.browser(Role.NURSE).get("/desk/plan").status_code == 403


def test_two_versions_are_compared_in_words(admin: TestClient) -> None:
    shown = page(admin, "/desk/plan/versions")
    rows_shown = rows(shown)
    assert rows_shown["Questionnaire: Symptom diary Version"] == ["≠ Changed", "1.0", "1.1"]
    assert rows_shown["Name of the study for participants"][1:] == ["中文: 日志研究", "中文: 日记研究"]
    assert rows_shown["Kind of date: Progression Not before"] == ["+ Added", "–", "Randomisation"]
    assert rows_shown["Alert: Chest pain: 8 or more out of 10"][2].startswith("Questionnaire: Symptom diary")
    assert "Told at once: Nurse" in rows_shown["Alert: Chest pain: 8 or more out of 10"][2]
    assert rows_shown["Dates out of order can be confirmed"][1:] == ["no", "yes"]
    assert rows_shown["No date is earlier than"][1:] == ["1 Jan 2000", "1 Jan 2020"]
    removed = rows(page(admin, "/desk/plan/versions?from=1.1&to=1.0"))
    assert removed["Alert: Chest pain: 8 or more out of 10"][0] == "– Removed"
    same = page(admin, "/desk/plan/versions?from=1.1&to=1.1")
    assert "Nothing differs" in same.text
    assert admin.get("/desk/plan/versions?from=2.0").status_code == 404


def test_what_a_role_sees_is_told_by_plan_and_table(clinic: ClinicFixture, admin: TestClient) -> None:
    installation: Installation = clinic.app.state.installation
    views = (
        RoleView(Role.NURSE, (Permission.SCORES_SEE,)),
        RoleView(Role.STATISTICIAN, (Permission.ANSWERS_SEE, Permission.SCORES_SEE)),
    )
    newest = ("sbrt-nsclc", "1.1")
    plans = {
        key: replace(plan, role_views=views) if key == newest else plan
        for key, plan in installation.library.plans.items()
    }
    clinic.app.state.installation = replace(installation, library=replace(installation.library, plans=plans))
    rows_shown = rows(page(admin, "/desk/plan/versions"))
    assert rows_shown["What a role may see: Nurse"] == ["+ Added", "–", "What a role may see: Scores"]
    assert rows_shown["What a role may see: Statistician"][2] == "What a role may see: Answers, Scores"
    table = page(admin, "/desk/roles").one("table")
    (row,) = [each for each in table.all("tr") if "see scores and diary plots" in each.text]
    heads = [head.text for head in table.all("th")][1 : len(Role) + 1]
    may = {head: cell.text.endswith("yes") for head, cell in zip(heads, row.all("td"), strict=True)}
    assert {head for head, seen in may.items() if seen} == {"Nurse", "Investigator", "Statistician"}


def test_every_fact_of_a_plan_has_words() -> None:
    assert PARTS.keys() == {each.name for each in fields(Plan)} - {"id", "version", "sha256", "draft"}
    kinds = (
        AnchorKind,
        Arm,
        PlannedInstrument,
        VisitRule,
        DiaryRule,
        ReminderRule,
        WorklistRule,
        AlertRule,
        RoleView,
    )
    named = {each.name for kind in kinds for each in fields(kind)}
    assert ASPECTS.keys() == named - {"code", "kind", "id"}


def test_the_simulator_shows_dates_states_and_messages(admin: TestClient) -> None:
    begun = page(admin, SIMULATION)
    assert day_in(begun, "on_enrolment") == "2026-03-02"
    assert rows(begun)["W6"][1:6] == ["–", "–", "–", "… Waiting for a date", "–"]
    shown = page(admin, f"{SIMULATION}?{DATES}")
    visits = rows(shown)
    assert visits["BL"][4] == "✕ Missed"
    assert visits["W6"][1:5] == ["14 Apr 2026", "21 Apr 2026", "28 Apr 2026", "○ Open, not due yet"]
    assert visits["W6"][5] == (
        "✓ message sent 14 April 2026, 09:00 ◌ to come 21 April 2026, 09:00 ◌ to come 27 April 2026, 09:00"
    )
    assert "20 Apr 2026" in rows(shown, 1)["D41"]
    assert "20 April 2026, 19:00 · D41 · Symptom diary · its own day" in shown.all("ul")[-1].text
    boxes = "on_randomisation_year=2026&on_randomisation_month=3&on_randomisation_day=10"
    assert rows(page(admin, f"{SIMULATION}?{DATES.replace('on_randomisation=2026-03-10', boxes)}")) == visits
    typed = full_width("2026-03-10")
    assert rows(page(admin, f"{SIMULATION}?{DATES.replace('2026-03-10', typed)}")) == visits
    carried = {str(each["name"]): str(each["value"]) for each in shown.all("input", type="hidden")}
    assert carried["was_randomisation"] == "2026-03-10"


def test_changed_dates_are_compared_with_those_before(admin: TestClient) -> None:
    was = "was_version=1.1&was_zone=Asia/Shanghai&was_arm=SBRT&was_enrolment=2026-03-02"
    moved = page(
        admin,
        f"{SIMULATION}?{DATES}&on_sbrt_end=2026-03-01&{was}&was_randomisation=2026-03-07",
    )
    rows_shown = rows(moved)
    assert rows_shown["W6"] == [
        "Quality of life",
        "≠ Changed",
        "11 Apr 2026 – 25 Apr 2026",
        "14 Apr 2026 – 28 Apr 2026",
    ]
    assert rows_shown["EOT"][1:] == ["+ Added", "–", "1 Mar 2026 – 15 Mar 2026 ✕ would be missed"]
    assert [row.all("td")[1].text for row in moved.all("table")[0].all("tr") if "147 days" in row.text] == [
        "+ Added",
        "– Removed",
    ]
    assert "“End of radiotherapy (SBRT)” is earlier than “Enrolment”" in moved.text
    same = f"{SIMULATION}?{DATES}&{was}&was_randomisation=2026-03-10"
    assert "What these dates change" not in page(admin, same).text
    for broken in ("was_zone=Mars", "was_enrolment=x", "was_arm=X", "was_version=1.0"):
        name = broken.partition("=")[0]
        other = "&".join(broken if part.startswith(name) else part for part in was.split("&"))
        assert "What these dates change" not in page(admin, f"{SIMULATION}?{DATES}&{other}").text


def test_what_cannot_be_read_is_named_by_its_field(admin: TestClient) -> None:
    for typed, words in {
        "on_enrolment=": "Enrolment: a date is needed.",
        "on_enrolment=2026-02-30": "Please check the date: day, month, and the year with four digits.",
        "on_enrolment=2019-12-31": "This date must lie between 1 Jan 2020",
        "now=soon": "Please check the date: day, month",
        "clock=25:00": "“Now”: time must be HH:MM.",
        "arm=X": "Please choose from the list.",
        "zone=Mars": "Please choose from the list.",
    }.items():
        field, _, value = typed.partition("=")
        address = "&".join(part for part in DATES.split("&") if not part.startswith(f"{field}="))
        shown = page(admin, f"{SIMULATION}?{address}&{typed}&was_version=1.1", 422)
        error = shown.one("p", id=f"{field}-error").text
        assert error.startswith(words)
        assert [each.text for each in shown.one("div", role="alert").all("a", href=f"#{field}")] == [error]
        assert day_in(shown, "on_randomisation") == "2026-03-10"
        assert shown.one("input", name="was_version")["value"] == "1.1"
        assert not shown.all("table")
        if field == "clock":
            assert shown.one("input", id=field)["value"] == value
        elif field not in ("arm", "zone"):
            assert day_in(shown, field).strip("-") == value


def test_a_blinded_study_tells_its_arms_to_those_who_may_see_them(
    clinic: ClinicFixture, admin: TestClient
) -> None:
    installation: Installation = clinic.app.state.installation
    plans = {
        key: replace(plan, blinded=True, diary=plan.diary and replace(plan.diary, opens_at=time(18)))
        for key, plan in installation.library.plans.items()
    }
    clinic.app.state.installation = replace(installation, library=replace(installation.library, plans=plans))
    for address in ("/desk/plan", "/desk/plan/versions", f"{SIMULATION}?{DATES}"):
        text = admin.get(address).text
        assert "This study is blinded." in text
        for secret in ("SBRT)", "EOT", "Stereotactic body radiotherapy<", "sbrt_"):
            assert secret not in text, (address, secret)
    investigator = clinic.browser(Role.INVESTIGATOR)
    whole = rows(page(investigator, "/desk/plan"))
    assert "EOT" in whole
    assert whole["D0 – D83"][3].startswith("its own day, from 18:00 on; can be entered")
