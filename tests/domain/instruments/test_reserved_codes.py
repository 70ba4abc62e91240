"""An item's code is never the name of a form's field that is no answer, so that no answer is lost."""

import re
from datetime import UTC, datetime

import pytest

from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.reserved_codes import (
    BLANK_PREFIX,
    FORM_CONTROLS,
    RESERVED_CODES,
    SCRIPT_PROPERTIES,
)
from app.domain.refusal import BadDefinition
from app.patient.forms.form_parser import parse_form
from tests.domain.questionnaires import ODDITY_TOML, ROOT

RUNNER = ROOT / "app" / "static" / "js" / "runner"
TEMPLATES = ROOT / "app" / "templates" / "patient"
NAMED = re.compile(r' name="([^"{]+)"')
RECEIVED = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SUBMISSION = {"submission_id": "s1", "revision": "0"}


def named(code: str) -> str:
    return ODDITY_TOML.replace('code = "note"', f'code = "{code}"')


@pytest.mark.parametrize("code", sorted(RESERVED_CODES | {BLANK_PREFIX + "a", BLANK_PREFIX + "note", "rest"}))
def test_a_reserved_code_is_refused(code: str) -> None:
    with pytest.raises(BadDefinition, match="name of a field that is no answer") as refused:
        parse_instrument(named(code), "f")
    assert (refused.value.key, refused.value.value) == ("items[6].code", code)


@pytest.mark.parametrize("code", ["blank", "blanks_a", "actions", "revision2", "sent_in"])
def test_a_code_that_only_looks_alike_is_answered_as_any_other(code: str) -> None:
    instrument = parse_instrument(named(code), "f")
    parsed = parse_form(instrument, (), {**SUBMISSION, "f": "10", code: "words", "blank_a": "1"}, RECEIVED)
    assert (parsed.form.answers[code], parsed.form.answers["a"]) == ("words", None)


def test_whatever_the_forms_post_beside_answers_is_reserved() -> None:
    fields = {
        name
        for page in ("form.html", "review.html")
        for name in NAMED.findall((TEMPLATES / page).read_text("utf-8"))
    }
    assert "action" in fields
    assert fields <= FORM_CONTROLS


def test_what_the_runner_reads_from_its_form_is_reserved() -> None:
    script = "".join(path.read_text("utf-8") for path in RUNNER.glob("*.js"))
    read = set(re.findall(r"\bform\.([a-z_0-9]+)\b", script))
    assert "dataset" in read
    assert read <= FORM_CONTROLS | SCRIPT_PROPERTIES
