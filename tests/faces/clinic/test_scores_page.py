"""The page of scores: who sees it, what stands on every chart, and the same in numbers."""

import gzip
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app.domain.instruments.responses import NOT_TICKED
from app.domain.records.access import Role
from tests.catalogues import ROOT
from tests.faces.clinics import ClinicFixture
from tests.faces.desk_pages import page
from tests.scenarios.people import START, bind_browser, days, library, qlq


@pytest.fixture
def investigator(clinic: ClinicFixture) -> TestClient:
    """Of somebody with a baseline, a missed visit, a later one, and a diary."""
    person = clinic.person
    person.begin("BL", START)
    person.submit("BL", START, qlq(2))
    person.randomise(START.date(), START + timedelta(hours=1))
    person.begin("D0", START + timedelta(hours=1))
    symptoms: dict[str, int | str | None] = dict.fromkeys(
        "fatigue pain chest_pain cough breathlessness blood_in_sputum trouble_swallowing appetite nausea "
        "vomiting diarrhoea constipation fever skin_reaction rash numbness mouth_sores sleep "
        "low_mood".split(),
        NOT_TICKED,
    )
    person.submit("D0", START + timedelta(hours=1), symptoms | {"any_symptom": 1, "pain": 10, "fatigue": 4})
    clinic.clock.at = START + days(84)
    person.cookie = bind_browser(person, clinic.clock.at)
    person.begin("W12", clinic.clock.at)
    person.submit("W12", clinic.clock.at, qlq(3) | {"q1": None})
    return clinic.browser(Role.INVESTIGATOR)


@pytest.mark.req("IAM-02")
def test_a_nurse_never_sees_scores(clinic: ClinicFixture, investigator: TestClient) -> None:
    assert investigator.get(f"{clinic.url}/scores").status_code == 200
    assert clinic.browser(Role.NURSE).get(f"{clinic.url}/scores").status_code == 403
    assert clinic.browser(Role.INVESTIGATOR, "0021").get(f"{clinic.url}/scores").status_code == 404


def test_every_scale_that_ships_has_a_name_in_words() -> None:
    source = (ROOT / "app/templates/clinic/scale_words.html").read_text("utf-8")
    scales = [scale.code for each in library().instruments.values() for scale in each.scales]
    assert len(scales) > 25
    assert [code for code in scales if f'"{code}": _(' not in source] == []


def test_every_chart_says_its_direction_and_its_change(
    clinic: ClinicFixture,
    investigator: TestClient,
) -> None:
    shown = page(investigator, f"{clinic.url}/scores").one("main")
    figures = shown.all("figure")
    charts = [each for each in figures if "higher is" in each.text]
    assert len(charts) == 16
    assert len(gzip.compress(investigator.get(f"{clinic.url}/scores").content, 6)) <= 20_000
    assert [each.text for each in shown.all("h3")][:2] == ["Functioning and quality of life", "Symptoms"]
    physical = next(each for each in charts if "Physical functioning" in each.text)
    assert "higher is better" in physical.text
    assert "Baseline 67 → latest 33 (−33, worse)" in physical.text
    assert physical.one("figcaption").all("b")[1].text == "(−33, worse)"
    fatigue = next(each for each in charts if "Fatigue" in each.text)
    assert "higher is worse" in fatigue.text
    assert "Baseline 33 → latest 67 (+33, worse)" in fatigue.text
    assert "Bold: a change of 10 points or more (Osoba 1998" in shown.text
    sentence = str(physical.one("svg", role="img")["aria-label"])
    assert sentence == "Physical functioning. Higher is better. BL: 66.7; W6: missed; W12: 33.3"
    assert "clinically" not in shown.text
    assert "meaningful" not in shown.text
    assert "beyond the threshold of 83" in physical.text  # which the plan names
    numbers = shown.all("table")[0]
    assert "33.3*" in numbers.text
    assert "Randomisation" in shown.text


def test_all_plots_can_be_drawn_with_up_as_better_and_no_number_changes(
    clinic: ClinicFixture, investigator: TestClient
) -> None:
    url = f"{clinic.url}/scores"
    plain = page(investigator, url)
    (turn,) = [str(each["href"]) for each in plain.all("a") if "up as better" in each.text]
    turned = page(investigator, turn)
    fatigue = next(each for each in turned.all("figure") if "Fatigue" in each.text)
    assert "turned: up is better" in fatigue.text
    assert "Baseline 33 → latest 67 (+33, worse)" in fatigue.text
    assert "drawn upside down, so that up is better. BL: 33.3" in str(fatigue.one("svg")["aria-label"])
    assert [each.text for each in turned.all("table")] == [each.text for each in plain.all("table")]
    assert "Published scores, which are never turned" in turned.text
    assert "the line is upside down" in turned.text, "the diary's too"
    for name, alike in (("Physical functioning", True), ("Fatigue", False)):
        figures = [
            next(each for each in shown.all("figure") if name in each.text) for shown in (plain, turned)
        ]
        drawn = [[str(path["d"]) for path in each.one("svg").all("path")] for each in figures]
        assert (drawn[0] == drawn[1]) is alike, name
    assert investigator.get(url).headers["location"] == turn, "as it was drawn last"
    (back,) = [str(each["href"]) for each in turned.all("a") if "as published" in each.text]
    assert "upside down" not in page(investigator, back).text
    assert investigator.get(url).status_code == 200
    assert "upside down" not in page(investigator, f"{url}?up=sideways").text


def test_the_diary_is_a_strip_and_a_line_for_each_symptom(
    clinic: ClinicFixture,
    investigator: TestClient,
) -> None:
    shown = page(investigator, f"{clinic.url}/scores").one("main")
    strips = shown.all("svg", class_="chart strip")
    assert [str(each["aria-label"]) for each in strips] == [
        "Tiredness by day: worst 4 of 10 on 2 Mar 2026.",
        "Pain by day: worst 10 of 10 on 2 Mar 2026.",
    ]
    weeks = [str(each["aria-label"]) for each in shown.all("svg") if "study week" in str(each["aria-label"])]
    assert weeks[1].startswith("Pain, mean of each study week. 1: 10.0; 2: no entry; 3: no entry")
    assert "Never reported: Chest pain, Cough" in shown.text
    assert "1 of 82 entries" in shown.text


def test_before_anything_opens_there_is_nothing_to_see(clinic: ClinicFixture) -> None:
    shown = page(clinic.browser(Role.INVESTIGATOR), f"{clinic.url}/scores").one("main")
    assert "No score yet" in shown.text
    assert len(shown.all("svg")) == 16


def test_the_diary_on_the_participants_page_tells_the_worst_answer_to_those_alone_who_see_scores(
    clinic: ClinicFixture,
    investigator: TestClient,
) -> None:
    answer = investigator.get(clinic.url)
    assert "Pain 10 of 10" in answer.text
    assert len(gzip.compress(answer.content, 6)) <= 10_000  # with every day of twelve weeks
    assert "Pain 10 of 10" not in clinic.browser(Role.NURSE).get(clinic.url).text
