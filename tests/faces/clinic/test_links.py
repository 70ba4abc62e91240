"""Nothing at the desk leads nowhere: every link that a role is shown opens, to a page without codes."""

import re
from urllib.parse import urldefrag, urljoin

import pytest
from fastapi import FastAPI

from app.domain.records.access import Role
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture, clinic_of
from tests.faces.internals import find_internals
from tests.markup import parsed
from tests.scenarios.report_stage import CLOSED, GOLDEN, NORMAL
from tests.stages import Stage

NAMED = re.compile(r"(?<=/)(?!report|matrix|trail|participants|exports)[^/?]*[0-9A-Z][^/?]*")
"""What stands for one record in an address."""


@pytest.fixture
def stage() -> Stage:
    return GOLDEN


@pytest.fixture
def clinic(app: FastAPI, clock: Clock) -> ClinicFixture:
    clock.at = CLOSED
    return clinic_of(app, clock, NORMAL[0])


def kind_of(url: str) -> str:
    """The page that an address opens, whichever record and choice it names."""
    return NAMED.sub("_", url.partition("?")[0])


@pytest.mark.req("IAM-03")
@pytest.mark.parametrize("role", list(Role))
def test_every_link_that_a_role_is_shown_opens(clinic: ClinicFixture, role: Role) -> None:
    language = ("en", "zh_CN")[list(Role).index(role) % 2]
    browser, waiting, seen = clinic.browser(role, language=language), [("/desk", "")], set[str]()
    while waiting:
        url, shown_on = waiting.pop()
        if kind_of(url) in seen:
            continue
        seen.add(kind_of(url))
        answer = browser.get(url)
        assert answer.status_code in (200, 303), (role, url, shown_on, answer.status_code)
        if answer.status_code == 303:
            waiting.append((answer.headers["location"], url))
        elif answer.headers["content-type"].startswith("text/html"):
            shown = parsed(answer.text)
            assert find_internals(shown) == [], (role, url)
            hrefs = (str(each["href"]) for each in shown.all("a") if each.get("href"))
            links = (urldefrag(urljoin(url, href)).url for href in hrefs)
            waiting += [(link, url) for link in links if link.startswith("/desk")]
    assert len(seen) > 5
