"""An open matter as the list and its own page tell it: its facts, and where it is decided."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from app.clinic.forms.answer_rows import name_form
from app.clinic.frame.addresses import build_address
from app.clinic.request import StaffRequest, url_of_participant
from app.clinic.settle.edc_words import explain_cause, name_part
from app.domain.desk.matters import MatterKind
from app.domain.plans.plan import Plan
from app.i18n.languages import language_name
from app.services.clinic.matters.matter_list import OpenMatter
from app.services.setup.packs import PackStatus
from app.web.urls import CORRECTION, LICENCE, MATTER


@dataclass(frozen=True, slots=True)
class MatterDate:
    """A date as it was stated: what it is called, the day (None: there is none), and by whom."""

    label: str
    on: date | None
    source: str


@dataclass(frozen=True, slots=True)
class MatterLine:
    """One open matter. `url` leads to where it is decided; what is not of its kind is empty.

    `reason` is the code of why answers lie apart or paper waits, `part` what a message or fact of the EDC was
    about, `cause` why it was refused, `number` of questions; `unsignable`, `askable` and `overtaken` as of
    the matter.
    `days` it is open; of a licence that ended, since then, and less than 0 while it runs.
    """

    kind: str
    url: str
    subject: str
    person_url: str
    site: str
    zone: str
    at: datetime
    days: int
    form: str = ""
    form_url: str = ""
    visit: str = ""
    day: date | None = None
    one: MatterDate | None = None
    two: MatterDate | None = None
    reason: str = ""
    number: int = 0
    part: str = ""
    as_of: datetime | None = None
    cause: str = ""
    pack: PackStatus | None = None
    unsignable: bool = False
    askable: tuple[str, ...] = ()
    overtaken: bool = False


def build_line(request: StaffRequest, plan: Plan, matter: OpenMatter) -> MatterLine:
    """The line of a matter, in the reader's language."""
    if matter.row is None:
        return _licence_line(request, matter)
    row, kind = matter.row, matter.name.kind
    person = url_of_participant(row.participant)
    contradiction, refusal = matter.contradiction, matter.refusal
    part = contradiction.part if contradiction else refusal.part if refusal else ""
    line = MatterLine(
        kind=kind.value,
        url=MATTER.format(participant=row.participant, matter=matter.name),
        subject=row.subject,
        person_url=person,
        site=row.site,
        zone=row.zone,
        at=matter.at,
        days=matter.days,
        reason=row.one or "" if kind in (MatterKind.quarantine, MatterKind.paper) else "",
        number=row.number or 0,
        part=name_part(plan, part, request.frame.code, request.translate) if part else "",
        as_of=contradiction.as_of if contradiction else None,
        cause=explain_cause(refusal.cause, refusal.stated, plan, request.frame.code, request.translate)
        if refusal
        else "",
    )
    if kind in (MatterKind.dates_differ, MatterKind.dates_order):
        return replace(
            line,
            one=_stated(request, plan, row.one, row.one_on, row.one_source),
            two=_stated(request, plan, row.two, row.two_on, row.two_source),
        )
    if kind is MatterKind.correction:
        url = CORRECTION.format(participant=row.participant, correction=row.one)
        line = replace(
            line, url=url, unsignable=matter.unsignable, askable=matter.askable, overtaken=matter.overtaken
        )
    return _with_form(request, matter, line) if row.slot else line


def _stated(
    request: StaffRequest, plan: Plan, kind: str | None, on: date | None, source: str | None
) -> MatterDate:
    return MatterDate(plan.anchor_label(kind or "", request.frame.code), on, source or "")


def _with_form(request: StaffRequest, matter: OpenMatter, line: MatterLine) -> MatterLine:
    row, library = matter.row, request.installation.library
    if row is None:
        return line
    plan = library.get_plan(request.study_code, row.plan_version or "")
    instrument = library.get_instrument(row.instrument or "", row.instrument_version or "")
    form_url = f"{line.person_url}/forms/{row.slot}"
    own = {MatterKind.missed: form_url, MatterKind.paper: f"{form_url}/paper/differences"}
    return replace(
        line,
        url=own.get(matter.name.kind, line.url),
        form=name_form(request.installation, plan, instrument, request.frame.code),
        form_url=form_url,
        visit=row.visit or "",
        day=row.for_day,
    )


def _licence_line(request: StaffRequest, matter: OpenMatter) -> MatterLine:
    pack = matter.pack
    if pack is None:
        raise LookupError(str(matter.name))
    instrument = request.installation.library.get_instrument(pack.instrument, pack.version)
    name = request.installation.name_instrument(pack.study, instrument, request.frame.code)
    return MatterLine(
        kind=matter.name.kind.value,
        url=request.frame.within(build_address(LICENCE, {"licence": matter.name.ref})),
        subject="",
        person_url="",
        site="",
        zone=request.zone,
        at=matter.at,
        days=matter.days,
        pack=replace(pack, instrument=name, language=language_name(pack.language)),
    )
