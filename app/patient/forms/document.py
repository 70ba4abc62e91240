"""The form document: rendered once for everybody who sees the same, and filled in for each of them.

To render thirty questions takes most of the time that a form document costs, and nearly all of it is the
same for everybody. So the page is rendered without anybody's values and cut where they stand; a request
puts its own into the gaps. The bytes are those of the rendered page (a test compares them).
"""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from markupsafe import Markup, escape

from app.domain.instruments.reserved_codes import TICK_PREFIX
from app.domain.instruments.responses import AnswerValue, clear_unticked, format_answer
from app.patient.forms.assets import FormAssets, policy_of_page
from app.patient.forms.page_builders import form_day, form_page, helper_of, url_of_form
from app.patient.forms.pages import Question
from app.patient.forms.questions import is_ticked
from app.services.capture.forms import OpenForm
from app.services.patient.urgent_call import UrgentCall
from app.web.pages.page_frame import PageFrame
from app.web.pages.rendering import Pages

MOST_DOCUMENTS = 256
"""Each is some 45 kB; a study with fifty sites, two languages and two questionnaires needs 200."""

_URL_MARK, _KEY_MARK, _DAY_MARK, _PERSON_MARK, _LOOK_MARK = "\x01", "\x02", "\x03", "\x04", "\x05"
"""Stand for a participant's own values while a document is rendered; no definition has control characters."""

_MARK = re.compile(f"[{_URL_MARK}{_KEY_MARK}{_DAY_MARK}{_PERSON_MARK}]|{_LOOK_MARK}[a-z0-9_]+{_LOOK_MARK}")
_END = "\x06"
"""In place of a value: where a question begins, and where it ends."""
_ANYBODY = Markup(_PERSON_MARK)  # noqa: S704 our own sign
_INPUT = re.compile(r'<input(?P<type>[^>]*) name="(?P<name>[^"]+)" value="(?P<value>[^"]*)"(?: id="\w+")?')
_SECTION = re.compile(r'<section class="q[^"]*" id="s-(?P<code>\w+)".*?</section>', re.DOTALL)
_CHOSEN = ('type="radio"', 'type="checkbox"')
_CHECKED = b" checked"

DocumentGap = tuple[str, str]
"""A place for a value: the field's name, and the value at which it is checked ("" for what is written)."""


@dataclass(frozen=True, slots=True)
class FormDocument:
    """A rendered document in pieces; every second one is a gap, empty until a value is put there.

    `brief` are the questions of which only the words travel while they are not ticked, the last one first:
    code, pieces, and what stands in place of those.
    """

    pieces: tuple[bytes, ...]
    gaps: Mapping[DocumentGap, tuple[int, ...]]
    brief: tuple[tuple[str, slice, bytes], ...]
    headers: Mapping[str, str]

    def fill_gaps(self, form: OpenForm, mark: Markup) -> bytes:
        """The document with this form's own addresses, numbers and answers, and its person's mark."""
        pieces = list(self.pieces)
        answers = clear_unticked(form.instrument, form.answers, form.leave_out)
        for gap, value in ((_PERSON_MARK, ""), mark.encode()), *self._values(form, answers):
            for index in self.gaps[gap]:
                pieces[index] = value
        for code, places, words in self.brief:
            if not is_ticked(code, answers):
                pieces[places] = [words]
        return b"".join(pieces)

    def _values(
        self, form: OpenForm, answers: Mapping[str, AnswerValue]
    ) -> Iterator[tuple[DocumentGap, bytes]]:
        yield (_URL_MARK, ""), _as_html(url_of_form(form.slot.public_id))
        yield (_KEY_MARK, ""), _as_html(form.key)
        if (day := form_day(form)) != "":
            yield (_DAY_MARK, ""), _as_html(day)
        yield ("submission_id", ""), _as_html(form.client)
        yield ("revision", ""), str(form.revision).encode()
        yield from self._boxes(form, answers)
        for code, value in answers.items():
            gap = (f"blank_{code}", "1") if value is None else (code, str(value))
            if gap in self.gaps:
                yield gap, _CHECKED
            elif value is not None and (code, "") in self.gaps and not (isinstance(value, int) and value < 0):
                yield (code, ""), _as_html(format_answer(form.instrument.get_item(code), value))

    def _boxes(
        self, form: OpenForm, answers: Mapping[str, AnswerValue]
    ) -> Iterator[tuple[DocumentGap, bytes]]:
        """The boxes of a list that are ticked, and questions that are hidden from a reader without script."""
        for item in form.items if form.instrument.list_item else ():
            if item.listed and is_ticked(item.code, answers):
                yield (TICK_PREFIX + item.code, "1"), _CHECKED
            look = (f"{_LOOK_MARK}{item.box}{_LOOK_MARK}", "")
            if look in self.gaps and not is_ticked(item.box, answers):
                yield look, b" js-only"


class FormDocuments:
    """The documents of one application (a bounded cache, first in first out)."""

    def __init__(self, pages: Pages, assets: FormAssets, most: int = MOST_DOCUMENTS) -> None:
        self._pages, self._assets, self._most = pages, assets, most
        self._documents: dict[Hashable, FormDocument] = {}
        self._lock = Lock()

    def render(self, form: OpenForm, frame: PageFrame, call: UrgentCall) -> tuple[bytes, Mapping[str, str]]:
        """The form's document, as its page would be rendered, and its headers.

        The key holds everything that the page shows and that is no gap, or one would see another's page.
        """
        key = (
            form.instrument.sha256,
            form.text.sha256,
            form.leave_out,
            form.marks,
            form.plan.appearance,
            form.plan.reads_aloud,
            call,
            form.slot.for_day is None,
            helper_of(form),
            shared := replace(frame, mark=_ANYBODY),
        )
        document = self._documents.get(key)
        if document is None:
            document = self._cut(form, shared, call)
            with self._lock:
                if len(self._documents) >= self._most:
                    del self._documents[next(iter(self._documents))]
                self._documents[key] = document
        return document.fill_gaps(form, frame.mark), document.headers

    def _cut(self, form: OpenForm, frame: PageFrame, call: UrgentCall) -> FormDocument:
        assets = self._assets.for_reader(frame)
        page = form_page(replace(form, client="", revision=0, key=_KEY_MARK), assets, {}, call)
        page = replace(page, form_url=_URL_MARK, submit_url=f"{_URL_MARK}/submit", day=page.day and _DAY_MARK)
        whole = replace(page, questions=tuple(map(_mark_look, page.questions)))
        names = {"submission_id", "revision"}
        names |= {name for item in form.items for name in (item.code, f"blank_{item.code}")}
        names |= {TICK_PREFIX + item.code for item in form.items if item.listed}
        brief = [question.code for question in page.questions if question.like]
        shown = _sections(self._pages.render_document(page, frame)) if brief else {}
        words = {code: shown[code][0] for code in brief}
        return _cut_document(self._pages.render_document(whole, frame), names, words, policy_of_page(page))


def _mark_look(question: Question) -> Question:
    """A question that a tick decides, in full and with a mark where it is hidden or not."""
    if not question.box or question.tick:
        return question
    code = question.box.removeprefix(TICK_PREFIX)
    return replace(question, look=f"{_LOOK_MARK}{code}{_LOOK_MARK}", like="")


def _sections(html: str) -> Mapping[str, re.Match[str]]:
    """The questions of a rendered document, by their codes."""
    return {section["code"]: section for section in _SECTION.finditer(html)}


def _cut_document(
    html: str, names: Collection[str], words: Mapping[str, str], headers: Mapping[str, str]
) -> FormDocument:
    """Cut a rendered document at its marks, at the values of fields, and behind what can be checked.

    `words` are what may stand in place of the question of this code, at whose ends it is cut too.
    """
    cuts: list[tuple[int, int, DocumentGap]] = [
        (*mark.span(), (mark[0], "")) for mark in _MARK.finditer(html)
    ]
    for code, section in _sections(html).items() if words else ():
        if code in words:
            cuts += [(end, end, (code, _END)) for end in section.span()]
    for field in _INPUT.finditer(html):
        name, value = field["name"], field["value"]
        if name not in names:
            continue
        if any(chosen in field["type"] for chosen in _CHOSEN):
            cuts.append((field.end(), field.end(), (name, value)))
        else:
            cuts.append((*field.span("value"), (name, "")))
    pieces: list[bytes] = []
    gaps: dict[DocumentGap, tuple[int, ...]] = {}
    begin = 0
    # By their places alone: where two questions meet, the end of one stays before the beginning of the next.
    for start, end, gap in sorted(cuts, key=lambda cut: cut[:2]):
        pieces.append(html[begin:start].encode())
        gaps[gap] = (*gaps.get(gap, ()), len(pieces))
        pieces.append(b"")
        begin = end
    pieces.append(html[begin:].encode())
    brief = [(code, slice(*gaps[code, _END]), text.encode()) for code, text in words.items()]
    return FormDocument(tuple(pieces), gaps, tuple(reversed(brief)), headers)


def _as_html(text: str) -> bytes:
    return escape(text).encode()
