"""The page on which staff say why a stretch of diary days has no entry."""

import pytest

from app.services.core.context import StaffContext
from app.services.schedule.missed_reasons import record_missed_reason
from app.web import urls
from app.web.acts import FIELD
from tests.faces.acting import PRESSES
from tests.faces.callers import SiteFixture, caller_as
from tests.faces.rights import Who
from tests.faces.valid_acts import Press
from tests.markup import parse_page

ROW = ("POST", urls.DIARY_GAPS)


@pytest.fixture
def press(here: SiteFixture) -> Press:
    return PRESSES[ROW](here)


def explain_day(press: Press, visit: str) -> None:
    """A colleague says why one day is missing."""
    sites, person = press.sites, press.sites.phone.person
    context = StaffContext(sites.installation, person.nurse, sites.clock.at)
    record_missed_reason(context, person.row().id, person.slot(visit).public_id, "technical", "")


@pytest.mark.req("REP-04")
def test_a_gap_is_explained_from_the_participant_s_page(press: Press) -> None:
    profile = press.address.removesuffix("/diary-gaps")
    (link,) = [each for each in parse_page(press.client.get(profile).text).all("a") if "Say why" in each.text]
    today = parse_page(press.client.get(urls.DESK).text)
    assert "1 participant has days without a diary entry and without a reason" in today.text
    assert today.all("a", href=f"{urls.DIARY_GAP_LIST}?site=&language=")
    for filters, number in (("?reason=&q=zzz", 0), ("?reason=&q=-001&language=en", 1)):
        for headers in ({}, {"HX-Request": "true"}):
            narrowed = parse_page(press.client.get(urls.DESK + filters, headers=headers).text)
            links = [each["href"] for each in narrowed.all("a") if "without a reason" in each.text]
            assert links == [f"{urls.DIARY_GAP_LIST}?site=&q=-001&language=en"] * number
    some = parse_page(press.client.get(f"{urls.DIARY_GAP_LIST}?q=-001").text)
    assert (len(some.all("a", href=link["href"])), "Clear filters" in some.text) == (1, True)
    listed = parse_page(press.client.get(urls.DIARY_GAP_LIST).text)
    assert listed.all("a", href=link["href"])
    assert "38 days" in listed.text
    assert "No further days" in press.client.get(f"{urls.DIARY_GAP_LIST}?after=9").text
    page = parse_page(press.client.get(str(link["href"])).text)
    (form,) = page.all("form", action=press.address)
    offered = {str(each["name"]): str(each["value"]) for each in form.all("input", type="hidden")}
    assert {name: offered[name] for name in ("first", "last", "entries")} == {
        name: press.body[name] for name in ("first", "last", "entries")
    }
    assert "38 days" in page.text
    done = press.post(offered[FIELD])
    assert done.headers["location"] == f"{profile}?done=reason"
    after = press.client.get(done.headers["location"]).text
    assert "Reason recorded." in after
    assert "Days without a diary entry" not in after
    assert "No days need a reason." in press.client.get(press.address).text
    assert "No days need a reason." in press.client.get(urls.DIARY_GAP_LIST).text
    assert "without a diary entry" not in press.client.get(urls.DESK).text
    assert "D0 – D37" in parse_page(press.client.get(f"{profile}/history").text).text
    entry = press.sites.phone.person.slot("D5").public_id
    assert (
        "Why it was missed · Not reachable"
        in parse_page(press.client.get(f"{profile}/forms/{entry}").text).text
    )


@pytest.mark.req("REP-04")
def test_an_old_page_is_refused_with_the_days_as_they_are_and_the_words(press: Press) -> None:
    key = press.key()
    explain_day(press, "D3")
    answer = press.post(key, press.other)
    assert answer.status_code == 409
    page = parse_page(answer.text)
    assert "These are no longer the days that you were shown." in page.text
    (form,) = page.all("form", action=press.address)
    values = {
        str(each["name"]): str(each["value"]) for each in form.all("input") if each.get("type") != "radio"
    }
    assert (values["first"], values["last"], values["note"]) == ("2026-03-02", "2026-03-04", press.words)
    assert [
        each["value"] for each in form.all("input", name="reason") if each.get("checked") is not None
    ] == ["other"]
    assert len([each for each in page.all("a") if "Say why" in each.text]) == 1  # the days after D3
    for visit in ("D0", "D10", "D20"):
        explain_day(press, visit)
    lost = press.post(press.key(), press.other | {"last": press.other["first"]})
    assert lost.status_code == 409
    assert press.words in lost.text


def test_a_missing_note_is_refused_at_its_field(press: Press) -> None:
    answer = press.post(press.key(), press.body | {"reason": "other"})
    assert answer.status_code == 422
    (summary,) = parse_page(answer.text).all("div", role="alert")
    assert [link["href"] for link in summary.all("a")] == ["#note"]
    assert press.post(press.key(), press.body | {"entries": "many"}).status_code == 422
    unwritable = press.post(press.key(), press.other | {"note": f"{press.words}\x0b"})
    assert "Note: this contains characters that" in unwritable.text
    (note,) = parse_page(unwritable.text).all("input", name="note")
    assert note["value"] == press.words


@pytest.mark.req("IAM-04")
def test_who_only_reads_sees_the_days_and_is_offered_no_act(press: Press) -> None:
    monitor = caller_as(press.sites, Who.monitor)
    page = monitor.ask("GET", urls.PARTICIPANT, press.address.removesuffix("/diary-gaps"))
    assert "Days without a diary entry" in page.text
    assert "Say why" not in page.text
