"""Every sentence of the interface stands in every language, and nothing else does."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from jinja2 import Environment

from app.i18n.languages import ENGLISH, LANGUAGES
from tests.catalogues import ROOT, extracted, faults, kept, texts_of

_CHINESE = r"[\u3400-\u9fff\u3001-\u3011\uff01-\uff5e]"
_HALF = re.compile(rf"""{_CHINESE}\s?[,;:?!()"'.]|[,;:?!("']\s?{_CHINESE}""")
_MARK = re.compile("[,;:()]")


@pytest.mark.parametrize("code", [known.code for known in LANGUAGES if known is not ENGLISH])
def test_the_catalogue_is_complete_and_true(code: str) -> None:
    assert list(faults(code)) == []


def test_sentences_come_from_templates_and_from_code() -> None:
    files = {file for message in extracted() if message.id for file, _ in message.locations}
    assert {file.rpartition(".")[2] for file in files} == {"html", "py", "txt"}


def half_width(text: str) -> list[str]:
    """The half-width marks beside Chinese words, each with what is around it; a value counts as a word."""
    plain = re.sub(r"%\(\w+\)[sd]", "值", text)
    return [plain[max(0, found.start() - 9) : found.end() + 9] for found in _HALF.finditer(plain)]


def strings(value: object) -> Iterator[str]:
    """Every text in a file of definitions."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def literals(template: str) -> Iterator[str]:
    """What a template writes itself, without tags; what it computes or marks for translation is left out."""
    parts, marked, inside = [], False, ""
    for _line, kind, value in Environment(autoescape=True).lex(template):
        if kind == "block_begin":
            inside = ""
        elif kind == "name":
            inside = inside or value
        elif kind == "block_end":
            marked = inside == "trans" or (marked and inside != "endtrans")
        elif kind == "data" and not marked:
            parts.append(value)
        parts.append("\x00")
    yield from re.split(r"<[^>]*>|\x00", "".join(parts))


def test_marks_beside_chinese_are_told() -> None:
    """The rule itself: times and addresses of Latin letters have their own marks, Chinese words never."""
    for good in ("8:00–17:00（周一）。", "name@hospital.org。", "EDC (v1.2)", "%(a)s：%(b)s、c"):
        assert half_width(good) == []
    for bad in ("日期: 今天", "今天,明天", "%(site)s:%(name)s", "(中文)", "好了.", "真的?", "填写 (可选)"):
        assert half_width(bad) != [], bad


def test_no_half_width_mark_stands_beside_chinese_words() -> None:
    """In the catalogue, in manuals and in the words of questionnaires and plans."""
    texts = [text for message in kept("zh_CN") if message.id for text in texts_of(message.string)]
    manuals = [*(ROOT / "docs").rglob("*.zh_CN.*")]
    definitions = [*(ROOT / "questionnaires").rglob("*.toml")]
    assert manuals
    assert definitions
    for file in manuals:
        texts += file.read_text("utf-8").split("\n")
    for file in definitions:
        texts += strings(tomllib.loads(file.read_text("utf-8")))
    assert [marks for text in texts if (marks := half_width(text))] == []


def test_a_participant_reads_no_word_of_the_desk() -> None:
    """Never overdue, never a log for the diary, and one word for the PIN."""
    forbidden = re.compile("逾期|日志|PIN 码")
    have = kept("zh_CN")
    pages = ("templates/patient/", "templates/ui/", "templates/messages/reminder", "patient/")
    shown = [
        each for each in extracted() if each.id and any(file.startswith(pages) for file, _ in each.locations)
    ]
    assert shown
    texts = [text for each in shown for text in texts_of(have[each.id].string)]
    assert [text for text in texts if forbidden.search(text)] == []


def test_no_template_writes_a_mark_of_its_own() -> None:
    """Colons, commas and brackets are others in Chinese: they stand in the catalogue, or a dot does (·)."""
    found = [
        (file.name, text.strip())
        for file in (ROOT / "app" / "templates").rglob("*.html")
        for text in literals(file.read_text("utf-8"))
        if _MARK.search(text)
    ]
    assert found == []
