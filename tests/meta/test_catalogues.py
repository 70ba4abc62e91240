"""Every sentence of the interface stands in every language, and nothing else does."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import Environment

from app.i18n.languages import ENGLISH, LANGUAGES
from tests.catalogues import ROOT, extract_sentences, find_faults, stored_catalogue, texts_of

_CHINESE = r"[\u3400-\u9fff\u3001-\u3011\uff01-\uff5e]"
_HALF = re.compile(rf"""{_CHINESE}\s?[,;:?!()"'.]|[,;:?!("']\s?{_CHINESE}""")
_MARK = re.compile("[,;:()]")
_HAN = r"[\u3400-\u9fff]"
_TIMES = frozenset("clock closes date day earliest first hour last latest moment newest opens seen".split())
"""Values that are a day, a moment or a time of the day, in every sentence that has one of these names."""
_WORDS = frozenset({"language", "none", "recalls", "symptom"})
"""Values that are words of the reader's own language."""
_TIME = re.compile(
    r"(?:[0-9]{4}年)?[0-9]{1,2}月(?:[0-9]{1,2}日)?(?: [0-9]{2}:[0-9]{2})?"
    r"|[0-9]{1,2}:[0-9]{2}(?:[-–][0-9:]{4,5})?"
)
_UNEVEN = re.compile(f"[日字] {_HAN}|{_HAN} [日字]|{_HAN}[0-9A-Za-z]|[0-9A-Za-z]{_HAN}")

_PARTICIPANT = (
    "templates/patient/",
    "templates/ui/",
    "templates/messages/reminder",
    "templates/messages/contact",
    "templates/clinic/sheet",
    "templates/web/",
    "patient/",
)
"""Of which files the words are a participant's."""
_STIFF = re.compile(
    r"\b(?:need not|wanted|(?:came|became) of|getting in|did not work|go(?:es)? on|for each line|bound a"
    r"|not (?:asked|wanted) any more|in the meantime|the square)\b|^it is (?:recorded|taken back)\.$",
    re.IGNORECASE,
)
_OF_THE_DESK = re.compile(r"\b(?:type (?:your|the)|overdue|missed|PIN code)\b", re.IGNORECASE)
_STIFF_CHINESE = re.compile("漏填|未能成功|此题留空|由他人(?:记录|替)|极重|索取|账户|许可|研究计划")
_CHINESE_OF_THE_DESK = re.compile(
    "逾期|日志|PIN 码|致电|无需|请勿|此问卷|为您提供|发送(?!消息|验证码|提醒|到桌面)"
)


@cache
def sentences() -> Catalog:
    """What is extracted: all of the program is read for it, and no test changes it."""
    return extract_sentences()


@pytest.mark.parametrize("code", [known.code for known in LANGUAGES if known is not ENGLISH])
def test_the_catalogue_is_complete_and_true(code: str) -> None:
    assert list(find_faults(code, sentences())) == []


def test_sentences_come_from_templates_and_from_code() -> None:
    files = {file for message in sentences() if message.id for file, _ in message.locations}
    assert {file.rpartition(".")[2] for file in files} == {"html", "py", "txt"}


def half_width(text: str) -> list[str]:
    """The half-width marks beside Chinese words, each with what is around it; a value counts as a word."""
    plain = re.sub(r"%\(\w+\)[sd]", "值", text)
    return [plain[max(0, match.start() - 9) : match.end() + 9] for match in _HALF.finditer(plain)]


def uneven(text: str) -> list[str]:
    """Where a Chinese sentence breaks the one rule of blanks, with what is around it.

    A day, a moment and a time of the day join the words around them (`11月27日 19:22打印`), and so do words;
    any other number, code or Latin word has a blank where it meets a Chinese sign (`第 7 题`, `EDC 的`).
    """
    plain = re.sub(r"%\((\w+)\)[sd]", lambda value: _sample(value[1]), text)
    plain = _TIME.sub("日", plain)
    return [plain[max(0, match.start() - 9) : match.end() + 9] for match in _UNEVEN.finditer(plain)]


def _sample(name: str) -> str:
    return "日" if name in _TIMES else "字" if name in _WORDS else "x"


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


def test_marks_beside_chinese_are_reported() -> None:
    """The rule itself: times and addresses of Latin letters have their own marks, Chinese words never."""
    for good in ("8:00–17:00（周一）。", "name@hospital.org。", "EDC (v1.2)", "%(a)s：%(b)s、c"):
        assert half_width(good) == []
    for bad in ("日期: 今天", "今天,明天", "%(site)s:%(name)s", "(中文)", "好了.", "真的?", "填写 (可选)"):
        assert half_width(bad) != [], bad


def test_blanks_beside_times_and_numbers_are_reported() -> None:
    """The rule itself, by sentences that stood on the pages."""
    for good in (
        "%(moment)s用这部手机提交",
        "于2026年11月27日 19:22打印",
        "第 %(number)s 题",
        "EDC 的日期为%(day)s",
        "11月27日（星期五）",
    ):
        assert uneven(good) == []
    for bad in (
        "%(moment)s 提交",
        "在 2026年11月27日",
        "08:00 至",
        "第%(number)s 题",
        "EDC的",
        "最近 %(day)s",
    ):
        assert uneven(bad) != [], bad


def test_no_half_width_mark_stands_beside_chinese_words() -> None:
    """In the catalogue, in manuals and in the words of questionnaires and plans; and blanks as the rule says.

    The words of questionnaires are their holders', and published ones never change: their blanks stay.
    """
    texts = [text for message in stored_catalogue("zh_CN") if message.id for text in texts_of(message.string)]
    manuals = [*(ROOT / "docs").rglob("*.zh_CN.*")]
    lines = [
        re.sub("`[^`]*`|[*]{2}", "", line) for file in manuals for line in file.read_text("utf-8").split("\n")
    ]
    assert [blanks for text in (*texts, *lines) if (blanks := uneven(text))] == []
    definitions = [*(ROOT / "questionnaires").rglob("*.toml")]
    assert manuals
    assert definitions
    for file in manuals:
        texts += file.read_text("utf-8").split("\n")
    for file in definitions:
        texts += strings(tomllib.loads(file.read_text("utf-8")))
    assert [marks for text in texts if (marks := half_width(text))] == []


def shown_to_participants(message: Message) -> bool:
    """Whether a participant's page, message or sheet has it."""
    return any(file.startswith(_PARTICIPANT) for file, _ in message.locations)


def misworded(texts: Iterable[str], forbidden: re.Pattern[str]) -> list[str]:
    """Those in which such a word stands."""
    return [text for text in texts if forbidden.search(text)]


def test_unused_messages_are_reported() -> None:
    """The rules themselves, by what once stood on the pages."""
    for text in ("It is recorded.", "You need not do anything.", "Save and go on later", "What came of it"):
        assert misworded([text], _STIFF) == [text]
    assert misworded(["Type your code", "Overdue"], _OF_THE_DESK) == ["Type your code", "Overdue"]
    assert misworded(["漏填", "此题留空", "由他人替我回答", "已有账户"], _STIFF_CHINESE) != []
    for text in ("逾期", "研究日志", "PIN 码", "请致电我们", "立即发送", "此问卷已关闭"):
        assert misworded([text], _CHINESE_OF_THE_DESK) == [text]
    assert misworded(["我们不会再给您发送消息。"], _CHINESE_OF_THE_DESK) == []


def test_no_page_says_what_nobody_says() -> None:
    """English as a nurse speaks it, one Chinese term for one thing, nothing of the desk for participants."""
    have = stored_catalogue("zh_CN")
    messages = [each for each in sentences() if each.id]
    theirs = [each for each in messages if shown_to_participants(each)]
    assert len(theirs) > 100
    for shown, english, chinese in (
        (messages, _STIFF, _STIFF_CHINESE),
        (theirs, _OF_THE_DESK, _CHINESE_OF_THE_DESK),
    ):
        assert misworded((text for each in shown for text in texts_of(each.id)), english) == []
        assert misworded((text for each in shown for text in texts_of(have[each.id].string)), chinese) == []


def test_no_template_writes_a_mark_of_its_own() -> None:
    """Colons, commas and brackets are others in Chinese: they stand in the catalogue, or a dot does (·)."""
    marks = [
        (file.name, text.strip())
        for file in (ROOT / "app" / "templates").rglob("*.html")
        for text in literals(file.read_text("utf-8"))
        if _MARK.search(text)
    ]
    assert marks == []
