"""Every code with which the core refuses has a status and words, and the words' details exist."""

import ast
import re
from collections.abc import Iterator

from app.clinic.settle.edc_words import CAUSES, OTHER_CAUSE
from app.domain.capture.arrival import _NO
from app.services.edc.refused_bodies import judges_fact
from app.web.refusal_messages import MESSAGES
from tests.meta.sources import modules, nodes, position_of


def refusals() -> Iterator[tuple[str, str, set[str]]]:
    """Where, code and names of details of each refusal in the program."""
    for module in modules("app"):
        for call in nodes(module):
            match call:
                case ast.Call(func=ast.Name(id="Refused"), args=[named, *_]):
                    details = {keyword.arg or "" for keyword in call.keywords}
                    for code in _codes(named):
                        yield position_of(module, call), code, details


def _codes(named: ast.expr) -> Iterator[str]:
    match named:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp(body=yes, orelse=no):
            yield from (*_codes(yes), *_codes(no))


def test_every_state_that_closes_a_form_has_words() -> None:
    assert set(_NO.values()) <= MESSAGES.keys()


def test_every_code_has_words() -> None:
    codes = list(refusals())
    assert codes
    assert sorted({f"{where} {code}" for where, code, _ in codes if code not in MESSAGES}) == []


def test_no_sentence_asks_for_a_detail_that_a_refusal_lacks() -> None:
    lacking = [
        f"{where} {code}: {sorted(placeholders - details)}"
        for where, code, details in refusals()
        if code in MESSAGES
        for placeholders in [set(re.findall(r"%\((\w+)\)s", MESSAGES[code].sentence))]
        if placeholders - details and "" not in details  # `**details` cannot be read here
    ]
    assert lacking == []


def test_no_code_stands_in_the_table_that_nobody_uses() -> None:
    tables = {"refusal_messages", "dataset_refusals", "desk_refusals", "people_refusals"}
    assert tables <= {module.stem for module in modules("app")}
    text = "\n".join(module.read_text("utf-8") for module in modules("app") if module.stem not in tables)
    assert [code for code in MESSAGES if f'"{code}"' not in text] == []


FACT_RULES = (
    "app/domain/plans/anchor_order.py",
    "app/domain/records/dispositions.py",
    "app/domain/typed_text.py",
    "app/services/edc/participants.py",
    "app/services/edc/requests.py",
    "app/services/edc/schedule.py",
)
"""Where facts of the EDC are judged."""
OF_STAFF = {"reason_needed", "words_unusable", "bad_code", "site_closed", "subject_not_plain"}
"""Codes of these modules with which nothing is refused that the EDC states of somebody known."""


def test_each_cause_of_a_refused_fact_has_a_sentence_of_its_own() -> None:
    codes = {code for where, code, _ in refusals() if where.startswith(FACT_RULES) and judges_fact(code)}
    assert codes >= {"date_out_of_range", "impossible_date", "bad_date"}
    assert codes - OF_STAFF - CAUSES.keys() == set()
    assert len({*CAUSES.values(), OTHER_CAUSE}) == len(CAUSES) + 1
