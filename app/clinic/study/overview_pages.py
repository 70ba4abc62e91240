"""Studies and licences as an administrator looks them up."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.studies import address_within
from app.clinic.people.person import in_every_study
from app.clinic.request import SignedInRequest
from app.i18n.languages import language_name
from app.services.clinic.study.overviews import StudyOverview, list_instruments, list_studies
from app.web.urls import LICENCES, STUDIES, STUDY_PLAN


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study with its title and the way to its plan."""

    study: StudyOverview
    name: str
    plan_url: str


@dataclass(frozen=True, slots=True)
class StudiesPage:
    """The studies of whoever looks."""

    template: ClassVar[str] = "clinic/study/studies.html"
    rows: tuple[StudyLine, ...]


@dataclass(frozen=True, slots=True)
class LicenceState:
    """How one trial stands with one language of an instrument."""

    study: str
    language: str
    standing: str
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class LicenceLine:
    """An instrument, the studies that use it, and its licences there; `words` are what staff call it."""

    name: str
    words: str
    version: str
    licensed: bool
    studies: tuple[str, ...]
    states: tuple[LicenceState, ...]


@dataclass(frozen=True, slots=True)
class LicencesPage:
    """Every instrument that the installation knows."""

    template: ClassVar[str] = "clinic/study/licences.html"
    rows: tuple[LicenceLine, ...]


router = APIRouter(include_in_schema=False)


@router.get(STUDIES)
def show_studies(request: SignedInRequest) -> Response:
    plans, code = request.installation.library.plans, request.frame.code
    lines = (
        StudyLine(
            study,
            plans[study.code, study.plan_version].title.get(code, study.code),
            address_within(STUDY_PLAN, study.code),
        )
        for study in list_studies(in_every_study(request))
    )
    return request.show(StudiesPage(tuple(lines)))


@router.get(LICENCES)
def show_licences(request: SignedInRequest) -> Response:
    library, code = request.installation.library, request.frame.code
    lines = (
        LicenceLine(
            name=library.get_instrument(instrument.instrument, instrument.version).name,
            words=library.get_text(
                library.get_instrument(instrument.instrument, instrument.version), code
            ).name,
            version=instrument.version,
            licensed=instrument.licensed,
            studies=instrument.studies,
            states=tuple(
                LicenceState(pack.study, language_name(pack.language), pack.standing.value, pack.valid_until)
                for pack in instrument.packs
            ),
        )
        for instrument in list_instruments(in_every_study(request))
    )
    return request.show(LicencesPage(tuple(lines)))
