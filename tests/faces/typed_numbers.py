"""A questionnaire of typed numbers, the texts that are tried on it, and how phone and server read them."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.domain.capture.outbox import item_tokens
from app.domain.instruments.definition import Instrument
from app.domain.instruments.parsing import parse_instrument
from app.domain.instruments.responses import AnswerValue
from app.domain.instruments.text import parse_text
from app.patient.forms.form_parser import parse_form
from app.patient.forms.pages import FormPage
from app.patient.forms.questions import build_questions
from tests.domain.questionnaires import REFERENCE
from tests.faces import page_samples as samples
from tests.faces.phones import Phone

TABLE: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (REFERENCE / "typed-numbers.toml").read_text(encoding="utf-8")
)
REFUSED = "refused"
BLANK = "blank"

_READ = """(texts) => texts.map(([code, typed]) => {
  const newest = () => {
    const boxes = Object.keys(localStorage).filter((key) => key.startsWith('ob:x:'));
    return boxes.flatMap((key) => JSON.parse(localStorage[key]).q).sort((a, b) => a[0] - b[0]).pop() || [0];
  };
  const section = document.getElementById('s-' + code);
  const blank = section.querySelector('[type=checkbox]');
  const field = section.querySelector('input:not([type])');
  const happens = (element, type) => element.dispatchEvent(new Event(type, { bubbles: true }));
  field.value = '';
  blank.checked = true;
  happens(blank, 'change');
  const before = newest()[0];
  field.value = typed;
  const entered = field.value;
  happens(field, 'input');
  happens(field, 'change');
  const record = newest();
  return [entered, record[0] > before ? record[3] : null, field.value];
})"""


@dataclass(frozen=True)
class PhoneReading:
    """What a field took of a text, the value that was recorded (None: none), and what the field then says."""

    entered: str
    value: int | None
    field: str


def build_instrument() -> Instrument:
    """One typed number for each table of the file."""
    toml = ['id = "numbers"\nversion = "1"\nname = "Numbers"\nlicensed = false\nalgorithm = "none"']
    for code, row in TABLE.items():
        kind = 'kind = "decimal"' if row["decimals"] else 'kind = "scale"\nnamed = []'
        decimals = f"decimals = {row['decimals']}" if row["decimals"] else ""
        toml.append(f"[labels.{code}]\n{kind}\nlow = {row['low']}\nhigh = {row['high']}\n{decimals}")
    for number, code in enumerate(TABLE, start=1):
        toml.append(f'[[items]]\ncode = "{code}"\nnumber = {number}\nlabels = "{code}"')
    return parse_instrument("\n".join(toml), "numbers.toml")


def build_page(instrument: Instrument, answers: Mapping[str, int] | None = None) -> FormPage:
    words = "\n".join(f'{code} = "{code}"' for code in TABLE)
    head = 'instrument = "numbers"\nversion = "1"\nlang = "en"\nwording = "official"\n'
    text = parse_text(
        f'{head}name = "Numbers"\ninstruction = "Type."\n[items]\n{words}', "text.toml", instrument
    )
    key = item_tokens(len(instrument.items), b"x")
    questions = build_questions(instrument, text, answers or {})
    parts = samples.assets().build_parts(questions, dark=False)
    return replace(samples.form(), questions=questions, parts=parts, key=key)


def read_on_server(instrument: Instrument, code: str, typed: str) -> AnswerValue:
    """The value that a form with this text has, or `REFUSED`, or `BLANK`."""
    fields = {"submission_id": "sample", code: typed}
    form = parse_form(instrument, (), fields, datetime(2026, 3, 2, tzinfo=UTC))
    return REFUSED if code in form.invalid else form.form.answers.get(code, BLANK)


def read_on_phone(phone: Phone, texts: Iterable[tuple[str, str]]) -> Sequence[PhoneReading]:
    """Type each text into the field of its item, as a person does who had left it blank before."""
    return [PhoneReading(*each) for each in phone.page.evaluate(_READ, [list(each) for each in texts])]
