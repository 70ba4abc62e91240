"""What the people of the demonstration answer: drawn, the same every time, with a course."""

from app.demo import answers
from tests.scenarios.people import library


def test_chance_is_the_same_every_time_and_differs_between_people() -> None:
    instrument = library().get_instrument("qlq-c30", "3.0")
    first = answers.draw_answers(instrument, (), "0571-001", "W6", 0.4)
    assert first == answers.draw_answers(instrument, (), "0571-001", "W6", 0.4)
    assert first != answers.draw_answers(instrument, (), "0571-002", "W6", 0.4)
    assert list(first) == [item.code for item in instrument.items]


def test_people_feel_worst_under_treatment() -> None:
    weeks = [answers.symptom_burden("0571-001", each) for each in (-1, 4, 8, 40, 100)]
    assert max(weeks) == weeks[2]
    assert weeks[0] == weeks[4] < weeks[3] < weeks[2]
