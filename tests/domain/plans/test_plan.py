"""The shipped plan says what the study's schedule says; every bad plan is refused by file and key."""

from dataclasses import replace
from datetime import time

import pytest

from app.domain.people.names import is_plain_subject
from app.domain.plans.parsing import parse_plan
from app.domain.plans.plan import Anchoring, AnchorKind, MissedReason, Owner, ReminderKind, WorklistRule
from app.domain.plans.windows import Unit
from app.domain.refusal import BadDefinition
from tests.domain.trial import (
    DIARY,
    HEAD,
    SHIPPED,
    SHIPPED_TEXT,
    plan_fault,
    repeated_visit,
    small_plan,
    visit,
)


def test_the_shipped_plan_is_the_trial_of_the_registry() -> None:
    assert (SHIPPED.id, SHIPPED.version, SHIPPED.zone) == ("sbrt-nsclc", "1.0", "Asia/Shanghai")
    assert (SHIPPED.blinded, SHIPPED.participants, SHIPPED.languages) == (False, 104, ("zh_CN", "en"))
    assert [arm.code for arm in SHIPPED.arms] == ["SBRT", "SOC"]
    assert [rule.code for rule in SHIPPED.visits] == ["BL", "W6", "W{n}", "EOT", "ET", "UNS"]
    assert [(used.id, used.version) for used in SHIPPED.instruments] == [
        ("qlq-c30", "3.0"),
        ("symptom-diary", "1.0"),
    ]
    assert (SHIPPED.grace_hours, SHIPPED.idle_minutes, SHIPPED.second_check) == (48, 15, "pin")
    assert SHIPPED.missed_reasons == tuple(MissedReason)
    assert SHIPPED.exemptions == ("no_translation",)
    assert SHIPPED.longest_window_days == 29
    assert (SHIPPED.reminders.at, SHIPPED.reminders.diary_at) == (time(9), time(19))


def test_the_shipped_anchors_have_their_owners() -> None:
    assert SHIPPED.anchor_kinds == (
        *("enrolment", "randomisation", "sbrt_start", "sbrt_end"),
        *("second_line_start", "progression", "treatment_withdrawal"),
    )
    assert [anchor.kind for anchor in SHIPPED.anchors if anchor.owner is Owner.edc] == ["randomisation"]
    assert SHIPPED.reveals_arm("sbrt_end")
    assert not SHIPPED.reveals_arm("progression")
    assert not SHIPPED.reveals_arm("unheard_of")


def test_name_and_monitoring_are_required_in_every_language() -> None:
    for words in (SHIPPED.title, SHIPPED.neutral_name, SHIPPED.monitoring_reason):
        assert set(words) == {"en", "zh_CN"}
    assert SHIPPED.monitoring == "none"
    assert "cancer" not in SHIPPED.neutral_name["en"].lower()


def test_a_plan_knows_its_participants_and_versions() -> None:
    assert SHIPPED.names_subject("0571-014")
    assert not SHIPPED.names_subject("0571-0142")
    assert not SHIPPED.names_subject("0571-014\n")
    # Whatever a pattern allows, files have to hold a new code; one that is in use does not bar an amendment.
    wide = replace(SHIPPED, subject_pattern=r"(?s:.+)")
    assert is_plain_subject("A" * 40)
    for code in ("A" * 41, "0571\n014", "受试者-1"):
        assert (wide.names_subject(code), is_plain_subject(code)) == (True, False)


def test_a_code_belongs_to_the_site_that_it_begins_with() -> None:
    assert SHIPPED.site_of_subject("0571-014", "0571") == "0571"
    assert SHIPPED.site_of_subject("0755-014", "0571") == "0755"
    assert SHIPPED.site_of_subject("-014", "0571") is None
    assert SHIPPED.site_of_subject("0571-014", "north") is None  # no code of the plan begins so
    assert replace(SHIPPED, subject_pattern="[0-9]{6}").site_of_subject("075514", "0571") is None
    assert SHIPPED.version_of("qlq-c30") == "3.0"
    assert hash(SHIPPED) == hash(SHIPPED)
    assert len(SHIPPED.sha256) == 64


def test_the_free_item_of_the_diary_is_excluded() -> None:
    assert SHIPPED.instruments[1].leave_out == {"other"}


def test_defaults_of_a_small_plan() -> None:
    plan = small_plan(visit(), DIARY)
    rule = plan.visits[0]
    assert (rule.anchoring, rule.unit, rule.offsets, rule.overdue_after) == (
        Anchoring.fixed,
        Unit.weeks,
        (1,),
        1,
    )
    assert (rule.closes_with, rule.arms, rule.waits, rule.on_request, rule.repeatable) == (
        None,
        (),
        True,
        False,
        False,
    )
    assert plan.diary is not None
    assert (plan.diary.reason_after, plan.diary.overdue_after) == (2, 1)
    assert plan.longest_window_days == 4
    assert plan.anchors[0] == AnchorKind("enrolment", Owner.site, arm_revealing=False)
    assert plan.reminders.moments == (ReminderKind.opening, ReminderKind.middle, ReminderKind.last_day)


@pytest.mark.req("TIM-06")
@pytest.mark.parametrize(
    ("parts", "key", "value"),
    [
        ([visit(anchor='"first_dose"')], "visits[0].anchor", "first_dose"),
        ([visit(closes_with='"first_dose"')], "visits[0].closes_with", "first_dose"),
        ([visit(instruments='["qlq"]')], "visits[0].instruments", "qlq"),
        ([visit(instruments="[]")], "visits[0].instruments", []),
        ([visit(instruments='["short", "short"]')], "visits[0].instruments", "short"),
        ([visit(arms='["C"]')], "visits[0].arms", "C"),
        ([visit(arms='["A", "A"]')], "visits[0].arms", "A"),
        ([visit(anchor='"surgery"')], "visits[0].anchor", "surgery"),
        ([visit(), visit(offset="5")], "visits", "V1"),
        ([visit("W6", offset="6"), visit("W5", offset="5")], "visits[1].code", "W5"),
        ([visit("W6", offset="6"), visit("W5", offset="8")], "visits[1].code", "W5"),
        ([visit("W6", offset="6"), visit("X", offset="6")], "visits[1].code", "X"),
        ([visit("W6", offset="6", after="3"), visit("W7", offset="7", before="4")], "visits[1].before", 4),
        ([repeated_visit("W{n}", 1, 5, 1, "weeks", before="3", after="4")], "visits[0].before", 3),
        ([repeated_visit("M{n}", 1, 5, 1, "months", before="14", after="14")], "visits[0].before", 14),
        (
            [repeated_visit("P{n}", 1, 5, 1, "weeks", before="2", after="3", anchoring='"previous"')],
            "visits[0].before",
            2,
        ),
        (
            [visit("W1"), visit("W3", offset="3", anchoring='"previous"')],
            "visits[1].anchoring",
            "previous",
        ),
        ([visit("V1"), visit("V2", offset="2", anchor='"enrolment"')], "visits[1].anchor", "enrolment"),
        ([visit(offset="201")], "visits[0]", "V1"),
        (
            [repeated_visit("W{n}", 1, 5, 1, "weeks", repeatable="true", after="0")],
            "visits[0].repeatable",
            True,
        ),
        ([DIARY.replace('"D{n}"', '"DW{n}"')], "visits", "DW1"),
        ([DIARY.replace("randomisation", "first_dose")], "diary.anchor", "first_dose"),
        ([DIARY.replace('instrument = "short"', 'instrument = "qlq"')], "diary.instrument", "qlq"),
        ([visit(series='"diary"'), DIARY], "diary.series", "diary"),
        ([DIARY.replace("to = 4", "to = 201")], "diary.phases[1]", "DW{n}"),
        ([DIARY.replace("to = 6", "to = 7")], "diary.phases[1]", "DW{n}"),
        ([DIARY.replace("to = 6", "to = 4000")], "diary.phases", 4005),
        ([visit(), DIARY[: DIARY.index("phases")] + "phases = []"], "diary.phases", []),
        ([""], "visits", []),
    ],
)
def test_contradictions_are_refused_by_key(parts: list[str], key: str, value: object) -> None:
    bad = plan_fault(*parts)
    assert (bad.key, bad.value) == (key, value)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "small"', 'id = "Small plan"', "id"),
        ('version = "1.0"\nzone', 'version = "one"\nzone', "version"),
        ("Europe/Berlin", "Europe/Atlantis", "zone"),
        ('languages = ["en"]', 'languages = ["english"]', "languages"),
        ('languages = ["en"]', 'languages = ["en", "en"]', "languages"),
        ('languages = ["en"]', "languages = []", "languages"),
        ('languages = ["en"]', 'languages = ["en", "zh_CN"]', "title.zh_CN"),
        ('{ en = "Study" }', '{ en = "Study", de = "Studie" }', "neutral_name.de"),
        ("participants = 10", "participants = 0", "participants"),
        ("[0-9]{3}", "[0-9", "subject_pattern"),
        ("[0-9]{3}", "[0-9]*", "subject_pattern"),
        ("[0-9]{3}", "[[0-9]]{3}", "subject_pattern"),
        ("[0-9]{3}", "[0-9--4]{3}", "subject_pattern"),
        ("[0-9]{3}", "[0-9&&1-5]{3}", "subject_pattern"),
        ('["unknown"]', '["bored"]', "missed_reasons"),
        ('["unknown"]', '["unknown", "unknown"]', "missed_reasons"),
        ('code = "B"', 'code = "A"', "arms"),
        ('code = "B"', 'code = "b"', "arms[1].code"),
        ('owner = "edc"', 'owner = "nurse"', "anchors[1].owner"),
        ('kind = "enrolment"', 'kind = "randomisation"', "anchors"),
        ('id = "long"', 'id = "short"', "instruments"),
        ('version = "2.1"', 'version = "2"', "instruments[1].version"),
        ('kind = "none"', 'kind = "daily"', "monitoring.kind"),
        ('"opening", ', '"entry", ', "reminders.moments"),
        ('"last_day"] }', '"last_day"], at = "07:59" }', "reminders.at"),
        ('"last_day"] }', '"last_day"], at = "21:01" }', "reminders.at"),
        ('"last_day"] }', '"last_day"], diary_at = "9am" }', "reminders.diary_at"),
        ("blinded = true", 'blinded = true\ncolour = "red"', "colour"),
        ("blinded = true", "blinded = true\ngrace_hours = 500", "grace_hours"),
        ("blinded = true", 'blinded = true\nexemptions = ["No translation"]', "exemptions"),
        ("blinded = true", 'blinded = true\nemergency_phone = "nine"', "emergency_phone"),
        ("blinded = true", "blinded = true\nfirst_date = 0001-01-01", "first_date"),
        ("blinded = true", "blinded = true\nlast_date = 9999-12-31", "last_date"),
        ("blinded = true\n", "", "blinded"),
        ("blinded = true", 'blinded = true\ndiary_opens_at = "18:00"', "diary_opens_at"),  # of no diary
    ],
)
def test_bad_values_of_the_head_are_refused_by_key(old: str, new: str, key: str) -> None:
    assert old in HEAD
    bad = plan_fault(visit(), head=HEAD.replace(old, new, 1))
    assert bad.key == key
    assert bad.allowed


def test_a_diary_may_open_at_an_hour_of_its_day() -> None:
    def headed(clock: str) -> str:
        return HEAD.replace("blinded = true", f'blinded = true\ndiary_opens_at = "{clock}"', 1)

    opened = [small_plan(visit(), DIARY, head=headed(clock)).diary for clock in ("00:00", "21:00")]
    assert [diary and diary.opens_at for diary in opened] == [time(0), time(21)]
    assert (usual := small_plan(visit(), DIARY).diary) is not None
    assert usual.opens_at is None
    assert plan_fault(visit(), DIARY, head=headed("21:01")).key == "diary_opens_at"


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (visit("V-1"), "visits[0].code"),
        (visit("W{n}"), "visits[0].code"),
        (repeated_visit("W", 1, 3, 1, "weeks"), "visits[0].code"),
        (repeated_visit("W{n}", 1, 4, 2, "weeks"), "visits[0].repeat.to"),
        (repeated_visit("W{n}", 3, 3, 1, "weeks"), "visits[0].repeat.to"),
        (visit(unit='"fortnights"'), "visits[0].unit"),
        (visit(anchoring='"floating"'), "visits[0].anchoring"),
        (visit(colour='"red"'), "visits[0].colour"),
        (visit("UNS", on_request="true"), "visits[0].anchor"),
    ],
)
def test_bad_visits_are_refused_by_key(part: str, key: str) -> None:
    assert plan_fault(part).key == key


def test_without_labels_dates_and_exemptions_are_called_as_their_codes_read() -> None:
    assert SHIPPED.anchor_label("second_line_start", "zh_CN") == "Second line start"
    assert SHIPPED.anchors[0].get_label("en") == "Enrolment"
    assert SHIPPED.exemption_label("no_translation", "en") == "No translation"
    assert SHIPPED.form_name("qlq-c30", "en") is None
    assert SHIPPED.draft is False


NAMED = HEAD.replace(
    '{ kind = "enrolment", owner = "site" }',
    '{ kind = "enrolment", owner = "site", label = { en = "Joined" } }',
)
EXCUSED = 'blinded = true\nexemptions = ["too_far"]\nexemption_labels.too_far = { en = "Lives far away" }'


def test_a_plan_says_what_its_dates_exemptions_and_forms_are_called() -> None:
    head = NAMED.replace("blinded = true", EXCUSED).replace(
        '{ id = "short", version = "1.0" }',
        '{ id = "short", version = "1.0", form_name = { en = "Ten questions" } }',
    )
    plan = small_plan(head=head)
    assert (plan.anchor_label("enrolment", "en"), plan.anchor_label("surgery", "en")) == ("Joined", "Surgery")
    assert plan.anchor_label("unheard_of", "en") == "Unheard of"
    assert (plan.exemption_label("too_far", "en"), plan.exemption_label("other", "en")) == (
        "Lives far away",
        "Other",
    )
    assert (plan.form_name("short", "en"), plan.form_name("short", "de")) == ("Ten questions", None)
    assert (plan.form_name("long", "en"), plan.form_name("none", "en")) == (None, None)
    assert plan.baseline_rule is None
    assert hash(plan) == hash(small_plan(head=head))


def test_a_plan_may_name_a_set_of_thresholds() -> None:
    assert {used.thresholds for used in SHIPPED.instruments} == {""}
    rule = SHIPPED.baseline_rule
    assert rule is not None
    assert (rule.code, rule.closes_with) == ("BL", "randomisation")
    named = SHIPPED_TEXT.replace('id = "qlq-c30"\n', 'id = "qlq-c30"\nthresholds = "giesinger-2020"\n', 1)
    plan = parse_plan(named, "plan.toml")
    assert {used.id: used.thresholds for used in plan.instruments}["qlq-c30"] == "giesinger-2020"
    with pytest.raises(BadDefinition) as refused:
        parse_plan(named.replace("giesinger-2020", "Giesinger 2020"), "plan.toml")
    assert refused.value.key == "instruments[0].thresholds"


@pytest.mark.parametrize(
    ("head", "key"),
    [
        (NAMED.replace('"Joined"', '"Joined\\nagain"'), "anchors[0].label.en"),
        (NAMED.replace('en = "Joined"', 'de = "Dabei"'), "anchors[0].label.en"),
        (HEAD.replace("blinded = true", EXCUSED.replace('["too_far"]', "[]")), "exemption_labels.too_far"),
        (HEAD.replace("blinded = true", 'blinded = true\ndraft = "yes"'), "draft"),
    ],
)
def test_labels_stand_whole_in_every_language_and_for_what_there_is(head: str, key: str) -> None:
    assert plan_fault(visit(), head=head).key == key


def test_a_plan_says_when_staff_are_called_for() -> None:
    assert small_plan(DIARY).worklist == WorklistRule()
    assert small_plan(DIARY, "[worklist]\nclosing_days = 5").worklist == replace(
        WorklistRule(), closing_days=5
    )
    assert plan_fault(DIARY, "[worklist]\nidle_days = 0").key == "worklist.idle_days"


def test_a_plan_may_consist_of_its_diary() -> None:
    assert small_plan(DIARY).visits == ()


def test_a_year_in_months_fits_windows_that_weeks_would_not() -> None:
    assert (
        small_plan(repeated_visit("M{n}", 1, 36, 1, "months", before="13", after="14")).longest_window_days
        == 28
    )


def test_visits_of_different_arms_may_share_days() -> None:
    plan = small_plan(
        visit("A1", arms='["A"]', after="10"), visit("B1", arms='["B"]'), visit("C9", offset="9", before="3")
    )
    assert [rule.code for rule in plan.visits] == ["A1", "B1", "C9"]


def test_text_that_is_not_toml_is_refused() -> None:
    assert plan_fault("[[visits").key == "(file)"


def test_the_digest_is_that_of_the_files_bytes() -> None:
    changed = small_plan(visit(), head=HEAD.replace("participants = 10", "participants = 11"))
    assert changed.sha256 != small_plan().sha256
    assert "立体定向" in SHIPPED_TEXT
