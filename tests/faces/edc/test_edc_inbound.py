"""What the EDC sends in, over HTTP: versions, preconditions, refusals, effects."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response

from app.domain.records.access import Scope
from app.storage.tables.studies import Site
from tests.applications import Clock
from tests.faces.edc_caller import AS_OF, REGISTER, Edc, enrol_with_baseline, later_as_of, sign_in_edc
from tests.scenarios.people import enrol_person


def kind(answer: Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"].removeprefix("/problems/"))


def test_the_first_body_creates_and_the_same_again_changes_nothing(edc: Edc) -> None:
    first = edc.put("/participants/0571-101", REGISTER)
    head = edc.head()
    again = edc.put("/participants/0571-101", REGISTER)
    assert (first.status_code, first.json()["version"], first.json()["changed"]) == (201, 1, True)
    assert (again.status_code, again.json()["version"], again.json()["changed"]) == (200, 1, False)
    assert again.headers["etag"] == first.headers["etag"]
    assert edc.head() == head


def test_a_newer_as_of_moves_the_watermark_without_an_event(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    head = edc.head()
    newer = edc.put("/participants/0571-101", REGISTER | {"as_of": later_as_of(hours=1)})
    stale = edc.put("/participants/0571-101", REGISTER)
    assert (newer.status_code, newer.json()["version"], newer.json()["changed"]) == (200, 1, False)
    assert edc.head() == head
    assert (stale.status_code, kind(stale)) == (409, "stale-update")


def test_an_as_of_far_ahead_of_our_clock_is_refused(edc: Edc) -> None:
    answer = edc.put("/participants/0571-101", REGISTER | {"as_of": later_as_of(hours=48)})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/as_of")
    assert edc.put("/participants/0571-101", REGISTER).status_code == 201


@pytest.mark.req("EDC-09")
def test_a_changed_body_is_a_new_version_under_the_edcs_name(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    changed = edc.put("/participants/0571-101", REGISTER | {"language": "en", "as_of": later_as_of(hours=1)})
    newest = edc.changes()[-1]
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (newest["type"], newest["changed"]) == ("participant.updated", ["language"])
    assert newest["actor"] == {"kind": "edc", "id": edc.client.client_id}


def test_a_record_is_written_only_if_it_is_as_the_conditions_say(edc: Edc) -> None:
    first = edc.put("/participants/0571-101", REGISTER)
    new = REGISTER | {"language": "en", "as_of": later_as_of(hours=1)}
    wrong = edc.put("/participants/0571-101", new, headers={"If-Match": '"7"'})
    taken = edc.put("/participants/0571-101", new, headers={"If-None-Match": "*"})
    right = edc.put("/participants/0571-101", new, headers={"If-Match": first.headers["etag"]})
    assert [wrong.status_code, taken.status_code, right.status_code] == [412, 412, 200]
    assert kind(wrong) == "version-mismatch"
    seen = edc.get("/participants/0571-101")
    reply = edc.get("/participants/0571-101", headers={"If-None-Match": seen.headers["etag"]})
    assert (seen.headers["etag"], reply.status_code, reply.content) == (right.headers["etag"], 304, b"")


def test_somebody_whom_the_site_enrolled_is_known(edc: Edc, app: FastAPI, sites: tuple[Site, Site]) -> None:
    enrol_person(app.state.installation, sites[0], "0571-001")
    refused = edc.put("/participants/0571-001", REGISTER, headers={"If-None-Match": "*"})
    taken = edc.put("/participants/0571-001", REGISTER)
    assert (refused.status_code, taken.status_code, taken.json()["version"]) == (412, 200, 1)
    seen = edc.get("/participants/0571-001").json()
    assert (seen["language"], seen["consented"]) == ("en", True)
    assert seen["anchors"]["enrolment"] == {"date": "2026-03-02", "source": "site"}


@pytest.mark.req("EDC-06", "SEC-09")
@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": "Li Na"}, "/name"),
        ({"phone": "13900000000"}, "/phone"),
        ({"birth_date": "1960-01-01"}, "/birth_date"),
        ({"site": "9999"}, "/site"),
        ({"language": "fr"}, "/language"),
        ({"reference_date": "2026-02-30"}, "/reference_date"),
        ({"reference_date": 20260301}, "/reference_date"),
        ({"reference_date": "1066-01-01"}, "/reference_date"),
        ({"status": "died"}, "/status"),
        ({"as_of": "2026-03-02T02:00:00"}, "/as_of"),
        ({"as_of": "0001-01-01T00:00:00+14:00"}, "/as_of"),
        ({"as_of": "2026-13-02T02:00:00Z"}, "/as_of"),
    ],
)
def test_a_field_that_is_not_as_allowed_is_named(edc: Edc, change: dict[str, Any], where: str) -> None:
    answer = edc.put("/participants/0571-101", REGISTER | change)
    assert (answer.status_code, kind(answer)) == (422, "validation")
    assert [error["pointer"] for error in answer.json()["errors"]] == [where]
    assert "Li Na" not in answer.text
    assert edc.get("/participants/0571-101").status_code == 404


def test_a_code_of_another_pattern_is_refused(edc: Edc) -> None:
    answer = edc.put("/participants/HZ01_0007", REGISTER)
    assert (answer.status_code, answer.json()["allowed"]) == (422, "[0-9]{4}-[0-9]{3}")
    malformed = edc.put("/participants/0571-101", REGISTER | {"language": "fr"})
    assert answer.json()["title"] == malformed.json()["title"]


def test_a_code_of_another_site_is_refused(edc: Edc) -> None:
    answer = edc.put("/participants/0512-101", REGISTER)
    assert (answer.status_code, answer.json()["code"]) == (422, "subject_of_other_site")
    assert edc.get("/participants/0512-101").status_code == 404


def test_a_participant_stays_at_their_site(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    answer = edc.put("/participants/0571-101", REGISTER | {"site": "0512", "as_of": later_as_of(hours=1)})
    assert (answer.status_code, answer.json()["code"]) == (409, "site_fixed")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"site": "\xff\xfe"}', 400),
        (b"", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"site": "05\\u000071"}', 422),
    ],
)
def test_what_is_no_json_of_ours_is_a_problem(edc: Edc, body: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {edc.token}", "Content-Type": "application/json"}
    answer = edc.http.put("/api/edc/v1/participants/0571-101", content=body, headers=headers)
    assert (answer.status_code, kind(answer)) == (status, "malformed" if status == 400 else "validation")


def test_nobody_unknown_is_written_to(edc: Edc) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "status": {"status": "lost", "date": "2026-03-02"},
        "visits/W12": {"state": "planned"},
        "anchors/randomisation": {"date": "2026-03-02"},
        "arm": {"arm": "SOC"},
    }
    for path, body in bodies.items():
        answer = edc.put(f"/participants/0571-999/{path}", body | {"as_of": AS_OF})
        assert (answer.status_code, kind(answer)) == (404, "unknown-participant")


def test_a_visit_is_stored_and_shown_with_its_forms(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    path = "/participants/0571-101/visits/W12"
    empty = edc.get(path)
    first = edc.put(path, {"state": "planned", "date": "2026-05-25", "as_of": AS_OF})
    second = edc.put(path, {"state": "cancelled", "as_of": later_as_of(hours=1)})
    seen = edc.get(path)
    assert (empty.status_code, empty.json()["version"], empty.json()["state"]) == (200, 0, None)
    assert [first.status_code, second.status_code] == [201, 200]
    assert (seen.json()["state"], seen.json()["version"]) == ("cancelled", 2)
    assert edc.get(f"{path}/forms").json()["forms"][0]["status"] == "waiting"
    assert [event["version"] for event in edc.changes(type="visit.*")] == [1, 2]


@pytest.mark.parametrize(
    ("visit", "body", "status", "code"),
    [
        ("M3", {"state": "planned"}, 404, "no_visit"),
        ("D3", {"state": "planned"}, 404, "no_visit"),
        ("W12", {"state": "occurred"}, 422, "date_needed"),
        ("W12", {"state": "occurred", "date": "2027-01-01"}, 422, "date_in_future"),
    ],
)
def test_a_visit_that_cannot_be_is_refused(
    edc: Edc, visit: str, body: dict[str, Any], status: int, code: str
) -> None:
    edc.put("/participants/0571-101", REGISTER)
    answer = edc.put(f"/participants/0571-101/visits/{visit}", body | {"as_of": AS_OF})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_visit_of_another_plan_is_unknown(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    assert edc.get("/participants/0571-101/visits/M3").status_code == 404


def test_an_anchor_shows_what_it_moves_before_it_does(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    path, body = "/participants/0571-101/anchors/randomisation", {"date": "2026-03-02", "as_of": AS_OF}
    head = edc.head()
    dry = edc.put(path, body, dry_run=True)
    assert (dry.status_code, dry.json()["dry_run"], edc.head()) == (200, True, head)
    wet = edc.put(path, body)
    assert (wet.status_code, wet.json()["standing"]) == (201, "current")
    assert wet.json()["windows"] == dry.json()["windows"]
    moved = {move["visit"]: move for move in wet.json()["windows"]}
    assert moved["W12"]["before"] is None
    assert moved["W12"]["after"]["opens_on"] == "2026-05-18"
    events = edc.changes(after=head, type="anchor.recorded")
    assert events[0]["reason"] == {"code": "EDC_UPDATE"}


def test_an_owned_fact_stands_and_names_what_is_missed(edc: Edc, clock: Clock) -> None:
    edc.put("/participants/0571-101", REGISTER)
    clock.forward(days=60)
    edc.renew()
    answer = edc.put("/participants/0571-101/anchors/randomisation", {"date": "2026-03-03", "as_of": AS_OF})
    missed = {move["visit"] for move in answer.json()["windows"] if move["would_be_missed"]}
    assert answer.status_code == 201
    assert {"W6", "D0"} <= missed
    assert edc.get("/participants/0571-101/visits/W6/forms").json()["forms"][0]["status"] == "missed"


def test_a_fact_of_the_sites_needs_a_word_before_forms_are_missed(edc: Edc, clock: Clock) -> None:
    edc.put("/participants/0571-101", REGISTER)
    edc.put("/participants/0571-101/arm", {"arm": "SBRT", "as_of": AS_OF})
    clock.forward(days=60)
    edc.renew()
    path, body = "/participants/0571-101/anchors/sbrt_end", {"date": "2026-03-12", "as_of": AS_OF}
    refused = edc.put(path, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "would_be_missed")
    assert refused.json()["slots"] == ["EOT qlq-c30"]
    assert edc.put(path, body, confirm=True).status_code == 201


def test_an_enrolment_of_the_past_needs_a_word_before_forms_are_missed(edc: Edc, clock: Clock) -> None:
    path, past = "/participants/0571-101", REGISTER | {"reference_date": "2026-01-20"}
    refused = edc.put(path, past)
    assert (refused.status_code, refused.json()["code"]) == (409, "would_be_missed")
    assert refused.json()["slots"] == ["BL qlq-c30"]
    assert edc.get(path).status_code == 404
    assert edc.put(path, past, confirm=True).status_code == 201
    assert edc.get(f"{path}/visits/BL/forms").json()["forms"][0]["status"] == "missed"
    again = edc.put("/participants/0571-102", REGISTER)
    clock.forward(days=3)
    edc.renew()
    earlier = past | {"as_of": later_as_of(hours=1)}
    unsaid = edc.put("/participants/0571-102", earlier)
    assert (again.status_code, unsaid.status_code, unsaid.json()["code"]) == (201, 409, "would_be_missed")
    assert edc.put("/participants/0571-102", earlier, confirm=True).status_code == 200


def test_the_sites_date_is_never_written_over(
    edc: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock
) -> None:
    person = enrol_person(app.state.installation, sites[0], "0571-001")
    clock.forward(days=20)
    edc.renew()
    person.anchor("progression", clock.at.date() - timedelta(days=5), clock.at)
    path = "/participants/0571-001/anchors/progression"
    same = edc.put(path, {"date": "2026-03-17", "as_of": AS_OF})
    dry = edc.put(path, {"date": "2026-03-19", "as_of": AS_OF}, dry_run=True)
    other = edc.put(path, {"date": "2026-03-19", "as_of": later_as_of(hours=1)})
    assert [answer.json()["standing"] for answer in (same, dry, other)] == [
        "current",
        "differing",
        "differing",
    ]
    seen = edc.get("/participants/0571-001").json()["anchors"]["progression"]
    assert seen == {"date": "2026-03-17", "source": "site"}


@pytest.mark.parametrize(
    ("kind_", "body", "status", "code"),
    [
        ("full_moon", {"date": "2026-03-02"}, 404, "no_anchor"),
        ("randomisation", {"date": "2027-03-02"}, 422, "date_in_future"),
        ("randomisation", {"date": "1999-03-01"}, 422, "date_out_of_range"),
        ("randomisation", {"date": "2026-03-02", "at": "2026-03-01T02:00:00Z"}, 422, "instant_differs"),
    ],
)
def test_an_anchor_that_cannot_be_is_refused(
    edc: Edc, kind_: str, body: dict[str, Any], status: int, code: str
) -> None:
    edc.put("/participants/0571-101", REGISTER)
    for query in ("false", "true"):
        answer = edc.put(f"/participants/0571-101/anchors/{kind_}", body | {"as_of": AS_OF}, dry_run=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_date_against_its_order_is_listed_and_not_in_force_unless_confirmed(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    early = {"date": "2026-03-01", "as_of": AS_OF}
    reply = edc.put("/participants/0571-101/anchors/randomisation", early)
    assert (reply.status_code, reply.json()["standing"], reply.json()["windows"]) == (201, "differing", [])
    assert "randomisation" not in edc.get("/participants/0571-101").json()["anchors"]
    again = {"date": "2026-02-28", "as_of": later_as_of(hours=1)}
    meant = edc.put("/participants/0571-101/anchors/randomisation", again, confirm="true")
    assert (meant.status_code, meant.json()["standing"]) == (200, "current")
    assert edc.get("/participants/0571-101").json()["anchors"]["randomisation"]["date"] == "2026-02-28"


def test_an_arm_brings_its_visits(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    wrong = edc.put("/participants/0571-101/arm", {"arm": "PLACEBO", "as_of": AS_OF})
    first = edc.put("/participants/0571-101/arm", {"arm": "SBRT", "as_of": AS_OF})
    eot = edc.get("/participants/0571-101/visits/EOT/forms").json()["forms"]
    second = edc.put("/participants/0571-101/arm", {"arm": "SOC", "as_of": later_as_of(hours=1)})
    after = edc.get("/participants/0571-101/visits/EOT/forms").json()["forms"]
    assert (wrong.status_code, wrong.json()["allowed"]) == (422, ["SBRT", "SOC"])
    assert [first.status_code, second.status_code] == [201, 200]
    assert ([form["status"] for form in eot], [form["status"] for form in after]) == (
        ["waiting"],
        ["excused"],
    )
    assert edc.get("/participants/0571-101").json()["arm"] == "SOC"


@pytest.mark.req("EDC-09")
def test_a_death_stops_everything_at_once(
    edc: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock
) -> None:
    person = enrol_person(app.state.installation, sites[0], "0571-001")
    clock.forward(days=3)
    edc.renew()
    answer = edc.put("/participants/0571-001/status", {"status": "died", "date": "2026-03", "as_of": AS_OF})
    assert answer.status_code == 201
    assert person.participant(clock.at).exit_kind == "death"
    seen = edc.get("/participants/0571-001").json()["dispositions"]
    assert seen == [{"kind": "death", "date": "2026-03", "source": "edc"}]
    assert edc.get("/participants/0571-001/visits/W6/forms").json()["forms"][0]["status"] == "not_expected"


def test_a_late_delivery_cannot_undo_a_withdrawal(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    path = "/participants/0571-101/status"
    withdrawn = {"status": "withdrawn", "scope": "questionnaires", "date": "2026-03-02", "reason": "BURDEN"}
    assert edc.put(path, withdrawn | {"as_of": later_as_of(hours=2)}).status_code == 201
    late = edc.put(path, {"status": "enrolled", "as_of": AS_OF})
    undo = edc.put(path, {"status": "enrolled", "as_of": later_as_of(hours=3)})
    assert (late.status_code, kind(late)) == (409, "stale-update")
    assert (undo.status_code, undo.json()["code"]) == (409, "undone_by_site")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "withdrawn", "date": "2026-03-02"}, "scope_needed"),
        ({"status": "lost"}, "date_needed"),
        ({"status": "lost", "date": "2026-03"}, "bad_date"),
        ({"status": "died", "date": "2026-13"}, "bad_date"),
        ({"status": "died", "date": "2027-01"}, "date_in_future"),
    ],
)
def test_a_status_that_cannot_be_is_refused(edc: Edc, body: dict[str, Any], code: str) -> None:
    edc.put("/participants/0571-101", REGISTER)
    answer = edc.put("/participants/0571-101/status", body | {"as_of": AS_OF})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_enrolled_says_nothing_new(edc: Edc) -> None:
    edc.put("/participants/0571-101", REGISTER)
    head = edc.head()
    answer = edc.put("/participants/0571-101/status", {"status": "enrolled", "as_of": AS_OF})
    assert (answer.status_code, edc.head()) == (201, head)


@pytest.mark.req("EDC-09")
def test_no_answer_is_written_and_nothing_is_deleted(
    edc: Edc, app: FastAPI, sites: tuple[Site, Site], clock: Clock
) -> None:
    enrol_with_baseline(app, sites[0], "0571-001", clock.at)
    ref = edc.changes(type="assessment.completed")[0]["ref"]
    headers = {"Authorization": f"Bearer {edc.token}"}
    for path in (f"/assessments/{ref}", "/participants/0571-001", "/changes", "/scores", "/snapshot"):
        for verb in ("POST", "PATCH", "DELETE", *(() if "participants" in path else ("PUT",))):
            answer = edc.http.request(verb, f"/api/edc/v1{path}", json={"q1": 4}, headers=headers)
            assert answer.status_code in (404, 405)
    assert edc.put("/participants/0571-001/answers", {"q1": 4}).status_code == 404


@pytest.mark.usefixtures("sites")
def test_a_scope_that_is_missing_is_named(app: FastAPI, clock: Clock) -> None:
    reader = sign_in_edc(app, clock.at, [Scope.SCORES_READ])
    for path, scope in {
        "": "participants:write",
        "/status": "status:write",
        "/visits/W12": "visits:write",
        "/anchors/randomisation": "anchors:write",
        "/arm": "arm:write",
    }.items():
        answer = reader.put(f"/participants/0571-101{path}", REGISTER)
        assert (answer.status_code, kind(answer)) == (403, "insufficient-scope")
        assert answer.json()["scope"] == scope


def test_a_client_of_one_site_knows_no_other(app: FastAPI, sites: tuple[Site, Site], clock: Clock) -> None:
    enrol_person(app.state.installation, sites[1], "0512-001")
    limited = sign_in_edc(app, clock.at, sites=["0571"])
    assert limited.get("/participants/0512-001").status_code == 404
    assert limited.put("/participants/0512-001/arm", {"arm": "SOC", "as_of": AS_OF}).status_code == 404
    assert limited.put("/participants/0512-001", REGISTER).status_code == 404
    other = limited.put("/participants/0512-002", REGISTER | {"site": "0512"})
    assert (other.status_code, other.json()["allowed"]) == (422, ["0571"])
    assert limited.put("/participants/0571-002", REGISTER).status_code == 201
