"""How the desk writes what a refusal names: no code of a field, and no day that a computer wrote."""

from datetime import UTC, date, datetime

from app.clinic.frame.refusal_words import HIDDEN, LABELS, PLAIN, label_field, write_detail
from app.domain.refusal import Refused
from app.i18n.languages import ENGLISH, find_language
from app.web.pages.desk_refusals import DESK_REFUSALS


def test_a_field_is_named_by_its_label_and_never_by_its_code() -> None:
    def named(field: object) -> object:
        return label_field(Refused("bad_field", field=field), str.upper).details["field"]

    assert named("reason") == LABELS["reason"].upper()
    assert named("answers_call") == HIDDEN.upper()
    for already in ("Why", "“Now”: day", "填写原因", 3):
        assert named(already) == already
    assert label_field(Refused("no_contact"), str.upper).details == {}


def test_a_day_is_written_as_everywhere_on_the_desk() -> None:
    chinese = find_language("zh_CN") or ENGLISH
    for day in (date(2026, 3, 2), "2026-03-02"):
        assert write_detail(day, ENGLISH) == "2 Mar 2026"
        assert write_detail(day, chinese) == "2026年3月2日"
    assert write_detail("2026-02-30", ENGLISH) == "2026-02-30"
    assert write_detail("W12", ENGLISH) == "W12"
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert write_detail(at, ENGLISH) == str(at)


def test_no_sentence_of_the_desk_lists_codes_of_the_program() -> None:
    """A sentence that lists codes is for programs alone."""
    sentences = [*(message.sentence for message in DESK_REFUSALS.values()), *PLAIN.values()]
    assert not [each for each in sentences if "%(allowed)s" in each]
