"""Named cuts: a number of the feed and an instant, made once; and what changed between two of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from app.domain.clock_trust import ClockReading
from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.clock_watch import ClockWatch
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cut_changes import compare_cuts, export_changes
from app.services.datasets.cuts import get_named_cut, list_cuts, make_cut
from app.storage.queries.feed_pages import read_feed_head
from app.storage.tables.audit import AuditEntry
from app.storage.tables.feed import FeedEvent
from tests.scenarios.beginnings import open_installation_at, site_of
from tests.scenarios.dataset_stage import DEAD, FINAL, INTERIM, OFF, STUDY, TREATED, TRIAL, client_of
from tests.scenarios.people import Person, days, staff_member
from tests.stages import Stage


@pytest.fixture
def stage() -> Stage:
    return TRIAL


@pytest.fixture
def trial(migrated_url: str) -> Iterator[Installation]:
    """The trial of `dataset_stage`, once on each database."""
    with open_installation_at(migrated_url) as installation:
        yield installation


def operator(installation: Installation) -> StaffContext:
    return StaffContext(installation, SYSTEM, FINAL + days(1))


@pytest.mark.req("REP-09", "AUD-07")
def test_a_cut_fixes_what_the_feed_says_at_its_instant(trial: Installation) -> None:
    """Nobody's clock ticked in this trial: what time made due was told by the cut itself."""
    first = get_named_cut(operator(trial), STUDY, "IA1")
    again = make_cut(operator(trial), STUDY, "IA1", "first interim analysis")
    assert (again.cut, again.known, first.at) == (first, True, INTERIM)
    with trial.read() as session:
        head = read_feed_head(session, site_of(trial).study_id)
        last = session.get_one(FeedEvent, (site_of(trial).study_id, first.through))
        missed = Person(trial, site_of(trial), OFF).slot("W6").public_id
        events = session.exec(select(FeedEvent).where(FeedEvent.ref == missed).order_by("seq")).all()
        entries = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.CUT_MADE)).all()
    assert (last.hash, first.plan_version) == (first.feed_hash, "1.0")
    assert [(event.type, event.seq <= first.through) for event in events][:2] == [
        ("assessment.opened", True),
        ("assessment.missed", False),
    ]
    assert [entry.reason for entry in entries] == ["first interim analysis", "final analysis"]
    assert [cut.name for cut in list_cuts(operator(trial), STUDY)] == ["FINAL", "IA1"]
    assert head == get_named_cut(operator(trial), STUDY, "FINAL").through


@pytest.mark.req("REP-09")
def test_a_name_stands_for_one_cut(trial: Installation) -> None:
    with pytest.raises(Refused, match=r"^cut_exists"):
        make_cut(operator(trial), STUDY, "IA1", "something else")
    with pytest.raises(Refused, match=r"^bad_code"):
        make_cut(operator(trial), STUDY, "a b", "something else")
    with pytest.raises(Refused, match=r"^unknown_cut"):
        get_named_cut(operator(trial), STUDY, "IA2")
    with pytest.raises(Refused, match=r"^cuts_reversed"):
        compare_cuts(operator(trial), STUDY, "FINAL", "IA1")
    doubting = ClockWatch(lambda: ClockReading(FINAL, timedelta(0)))
    with pytest.raises(Refused, match=r"^clock_in_doubt"):
        make_cut(operator(replace(trial, clock_watch=doubting)), STUDY, "IA3", "later")


@pytest.mark.req("IAM-02", "REP-09")
def test_only_who_may_makes_cuts_of_the_whole_study(trial: Installation) -> None:
    site, at = site_of(trial), FINAL + days(1)
    manager = StaffContext(trial, staff_member(Role.DATA_MANAGER, site, everywhere=True), at)
    assert make_cut(manager, STUDY, "DM", "cleaning").cut.made_by == "data_manager@0571"
    viewer = StaffContext(trial, staff_member(Role.SPONSOR_VIEWER, site, everywhere=True), at)
    assert [cut.name for cut in list_cuts(viewer, STUDY)] == ["DM", "FINAL", "IA1"]
    for actor, code in (
        (staff_member(Role.SPONSOR_VIEWER, site, everywhere=True), "unknown_study"),
        (staff_member(Role.DATA_MANAGER, site), "cut_of_whole_study"),
    ):
        with pytest.raises(Refused, match=f"^{code}"):
            make_cut(StaffContext(trial, actor, at), STUDY, "X", "anything")
    with pytest.raises(Refused, match=r"^unknown_study"):
        list_cuts(StaffContext(trial, staff_member(Role.NURSE, site, everywhere=True), at), STUDY)
    edc = client_of(trial, at)
    with pytest.raises(Refused, match=r"^unknown_study"):
        list_cuts(replace(edc, client=replace(edc.client, study_id=0)), STUDY)


@pytest.mark.req("REP-09", "COR-04")
def test_changes_between_cuts_name_field_reason_and_author(trial: Installation) -> None:
    changes = list(compare_cuts(operator(trial), STUDY, "IA1", "FINAL"))
    (item,) = (each for each in changes if each.field == "answers.q9")
    assert (item.subject, item.visit, item.old, item.new) == (TREATED, "W6", "1", "4")
    assert (item.instrument, item.instrument_version) == ("qlq-c30", "3.0")
    assert (item.reason, item.words, item.actor_kind) == ("wrong_tap", "I meant the last one", "staff")
    assert {each.field for each in changes if each.subject == TREATED and each.version == item.version} >= {
        "answers.q9",
        "scores.PA",
        "response.response_version",
    }
    (missed,) = (each for each in changes if each.subject == OFF and each.field == "slot.missed_reason")
    assert (missed.visit, missed.new, missed.reason) == ("W6", "too_ill_patient", "too_ill_patient")
    (moved,) = (each for each in changes if each.field == "anchor.date" and each.old)
    assert (moved.subject, moved.old, moved.new, moved.words) == (
        OFF,
        "2026-03-04",
        "2026-03-05",
        "stated by the site",
    )
    first, lost = (each for each in changes if each.field == "status.in_force")
    assert (first.old, first.new) == ("", "2026-04-25 2026-04-25 withdrew_treatment site")
    assert lost.new == f"{first.new}; 2026-05-04 2026-05-04 lost site"
    assert (lost.instrument, lost.instrument_version) == ("", "")
    (later,) = (each for each in changes if each.visit == "W12" and each.field == "answers")
    assert (later.subject, later.old, later.new) == (TREATED, "", "30")
    assert not [each for each in changes if each.subject == DEAD and each.type == "status.recorded"]


@pytest.mark.req("AUD-07", "REP-09")
def test_a_file_of_changes_is_in_the_trail_before_it_has_a_line(trial: Installation) -> None:
    with pytest.raises(Refused, match=r"^purpose_needed"):
        export_changes(operator(trial), STUDY, "IA1", "FINAL", " ")
    export_changes(operator(trial), STUDY, "IA1", "FINAL", "cleaning")
    with trial.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == AuditEvent.DATA_EXPORTED)).one()
    changes = {change["field"]: change["new"] for change in json.loads(entry.changes)}
    assert (entry.reason, changes["cut"], changes["dataset"]) == ("cleaning", "IA1, FINAL", "changes")


@pytest.mark.req("IAM-02", "REP-08")
def test_changes_are_those_that_the_reader_may_see(trial: Installation) -> None:
    site, at = site_of(trial), FINAL + days(1)
    scores = client_of(trial, at, [Scope.SCORES_READ])
    seen = list(compare_cuts(scores, STUDY, "IA1", "FINAL"))
    fields = {each.field.partition(".")[0] for each in seen}
    assert "scores" in fields
    assert not fields & {"answers", "arm"}
    assert not [each for each in seen if each.type.startswith("diary.")]
    other = replace(scores, client=replace(scores.client, sites=("0512",), site_ids=frozenset()))
    assert list(compare_cuts(other, STUDY, "IA1", "FINAL")) == []
    viewer = StaffContext(trial, staff_member(Role.SPONSOR_VIEWER, site, everywhere=True), at)
    shown = {each.field.partition(".")[0] for each in compare_cuts(viewer, STUDY, "IA1", "FINAL")}
    assert shown == {"slot", "response", "anchor", "status"}
