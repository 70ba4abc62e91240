"""Words that seem to say who somebody is."""

import pytest

from app.domain.people.identifying import names_somebody


@pytest.mark.parametrize(
    "words",
    [
        "call 0571 8700 0000",
        "13812345678",
        "call 0571-5550000",
        "打 ０５７１－８７００ ００００",
        "555 0000",
        "138-001 38000",
        "8 138-001-380",
        "id 330102194001011234",
        "li@example.org",
    ],
)
def test_a_telephone_a_card_and_an_address_name_somebody(words: str) -> None:
    assert names_somebody(words)


@pytest.mark.parametrize(
    "words",
    [
        "meant for 0571-001, not 0571-002",
        "on 2026-03-04 and 2026-03-05",
        "SH-014",
        "0571-001 2026-03-04",
        "said 1 2 3 4, not 2 - 3",
        "q1 q2",
        "疼痛 3 分",
    ],
)
def test_codes_days_and_answers_name_nobody(words: str) -> None:
    assert not names_somebody(words)
