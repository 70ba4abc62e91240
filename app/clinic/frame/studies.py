"""The one study that a request of the desk is about: named in the address or a form, else remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.domain.records.access import Actor, Permission
from app.services.accounts.staff_access import StaffAdmission
from app.services.core.installation import Installation
from app.web.cookies import get_cookie

STUDY = "study"
"""The name of the parameter in addresses, of the field in forms, and of the cookie that remembers."""


@dataclass(frozen=True, slots=True)
class StaffStudy:
    """A study of the signed-in member of staff; `name` is its title in the language of the page."""

    id: int
    code: str
    name: str
    plan_version: str


def list_staff_studies(
    installation: Installation, admission: StaffAdmission, language: str
) -> tuple[StaffStudy, ...]:
    """The studies in which this member of staff has a role, by code."""
    plans = installation.library.plans
    return tuple(
        StaffStudy(
            study.study_id,
            study.code,
            plans[study.code, study.plan_version].title.get(language, study.code),
            study.plan_version,
        )
        for study in admission.staff.studies
    )


def read_named_study(request: Request, fields: Mapping[str, str]) -> str:
    """The study that the address or the posted form names, "" for none; 404 where they name two."""
    named = {
        *request.query_params.getlist(STUDY),
        *(value for name, value in fields.items() if name == STUDY),
    }
    named -= {""}
    if len(named) > 1:
        raise HTTPException(404)
    return next(iter(named), "")


def choose_study(
    request: Request,
    studies: Sequence[StaffStudy],
    named: str,
    about: int | None,
    actor: Actor,
    permission: Permission | None,
) -> StaffStudy | None:
    """The study of this request; `about` is that of the participant in the address.

    One that is named must be granted, and be the participant's; otherwise 404. Where none is named it is the
    one that the browser remembers, or the first, of those in which the permission is granted. None for
    somebody without any grant.
    """
    fitting = [study for study in studies if about in (None, study.id)]
    if named:
        fitting = [study for study in fitting if study.code == named]
        if not fitting:
            raise HTTPException(404)
    remembered = get_cookie(request, STUDY)
    reached = {study for study, _site in actor.list_reach(permission)} if permission else set()
    ordered = sorted(fitting, key=lambda study: (study.id not in reached, study.code != remembered))
    return ordered[0] if ordered else None


def address_within(url: str, study: str) -> str:
    """The address with the study's code in it."""
    path, mark, fragment = url.partition("#")
    joint = "&" if "?" in path else "?"
    return f"{path}{joint}{urlencode({STUDY: study})}{mark}{fragment}"
