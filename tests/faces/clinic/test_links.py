"""Nothing at the desk leads nowhere: every link that a role is shown opens, to a page without codes.

On paper each of them says who printed it and when, in which zone.
"""

import re

import pytest
from fastapi import FastAPI

from app.domain.records.access import Role
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture, clinic_of
from tests.faces.crawling import crawl
from tests.faces.internals import find_internals
from tests.markup import parse_page
from tests.scenarios.report_stage import CLOSED, GOLDEN, NORMAL
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    clock.at = CLOSED
    return clinic_of(app, clock, NORMAL[0])


@pytest.mark.req("IAM-03")
@pytest.mark.parametrize("role", list(Role))
def test_every_link_that_a_role_is_shown_opens(clinic: ClinicFixture, role: Role) -> None:
    language = ("en", "zh_CN")[list(Role).index(role) % 2]
    answers = dict(crawl(clinic.browser(role, language=language)))
    assert "/desk/account" in answers
    for url, answer in answers.items():
        if answer.headers["content-type"].startswith("text/html"):
            shown = parse_page(answer.text)
            assert find_internals(shown) == [], url
            if shown.all("body", class_="desk") and "/call-sheet" not in url:  # shown on the screen
                said = " ".join(each.text for each in shown.all("p", class_="printed"))
                assert re.search(r"Li Na.* \d\d:\d\d.?[（(]UTC\+08:00", said), url
