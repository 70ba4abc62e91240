"""What somebody typed may name the arm: whoever may not see the arm reads it on no page and in no file."""

import sqlite3
from contextlib import closing

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.domain.records.access import Role
from app.services.core.installation import Installation
from app.storage.tables.columns import metadata
from tests.applications import Clock
from tests.faces.clinics import ClinicFixture, clinic_of
from tests.faces.crawling import crawl
from tests.faces.desk_pages import hidden_of
from tests.markup import parse_page
from tests.scenarios.arms import with_hidden_arms
from tests.scenarios.full_course import COURSE, LATER
from tests.stages import Stage

ARM_WORDS = "was moved to the SBRT group"
NOT_OF_PARTICIPANTS = {
    "act_key.result", "access_review.notes", "data_cut.purpose", "data_export.purpose", "edc_client.scopes",
    "edc_token.scopes", "licence_decision.reason", "plan_amendment.reason", "staff_view.query",
}  # fmt: skip
"""Other texts of the length that typed ones have."""
TYPED = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if getattr(column.type, "length", None) == 400
    if f"{table.name}.{column.name}" not in NOT_OF_PARTICIPANTS
]
"""Whatever is typed about a participant: a new column is one by itself."""


@pytest.fixture
def stage() -> Stage:
    return COURSE


@pytest.fixture
def clinic(app: FastAPI, clock: Clock, migrated_sqlite_url: str) -> ClinicFixture:
    """A course of every kind of act in a blinded study, and all that was typed of it names the arm."""
    with closing(sqlite3.connect(migrated_sqlite_url.partition("///")[2])) as file, file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        for table, column in TYPED:
            file.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", (ARM_WORDS,))
    clock.at = LATER
    installation: Installation = app.state.installation
    app.state.installation = with_hidden_arms(installation)
    return clinic_of(app, clock, "0571-001")


def told_to(browser: TestClient) -> set[str]:
    """The pages and files on which the arm is read."""
    return {url for url, answer in crawl(browser) if ARM_WORDS in answer.text}


@pytest.mark.req("AUD-10", "IAM-02")
def test_what_was_typed_of_an_arm_is_read_by_those_alone_who_may(clinic: ClinicFixture) -> None:
    assert len(TYPED) > 12
    for role in (Role.NURSE, Role.DATA_MANAGER):
        assert told_to(clinic.browser(role)) == set(), role
    investigator = clinic.browser(Role.INVESTIGATOR)
    assert [ARM_WORDS in investigator.get(url).text for url in (clinic.url, f"{clinic.url}/history")] == [
        True
    ] * 2


def test_a_form_keeps_what_its_reader_typed_and_offers_no_words_of_ours(clinic: ClinicFixture) -> None:
    nurse = clinic.browser(Role.NURSE)
    typed = {"outcome": "other", "note": f"he {ARM_WORDS}", "next_try": "someday"}
    refused = nurse.post(f"{clinic.url}/contacts", data=typed)
    assert (refused.status_code, f"he {ARM_WORDS}" in refused.text) == (422, True), "nothing typed is lost"
    assert nurse.post(f"{clinic.url}/contacts", data=typed | {"next_try": ""}).status_code == 303
    shown = nurse.get(clinic.url)
    assert (ARM_WORDS in shown.text, "not shown to you" in shown.text) == (False, True)
    guessed = nurse.get(clinic.url, params={"seen": f"he {ARM_WORDS}"})
    assert ARM_WORDS not in guessed.text, "a right guess is told apart from a wrong one"
    (entry, *_others) = (each["href"] for each in parse_page(shown.text).all("a") if each.text == "Correct")
    form = parse_page(nurse.get(str(entry)).text)
    notes = [*form.all("input", name="note"), *form.all("textarea", name="note")]
    assert [(each.get("value") or each.text) for each in notes] == [""]
    assert ARM_WORDS not in str(hidden_of(nurse.get(str(entry))))
