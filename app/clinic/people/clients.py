"""EDC clients of a study: listed, created with a secret that is shown once, and revoked."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.frame.form_faults import NO_FAULTS, FormFaults, find_field, list_faults
from app.clinic.people.field_words import FIELD_WORDS
from app.clinic.people.people_list import Typed, check_site_choice, read_typed
from app.clinic.request import PostedFields, SignedInRequest, StaffRequest
from app.clinic.trail.value_words import VALUE_WORDS
from app.domain.records.access import Scope
from app.domain.refusal import Refused, check_all
from app.services.people.client_desk import (
    ManagedClient,
    check_client,
    create_managed_client,
    end_client,
    list_clients,
)
from app.services.people.site_desk import list_sites
from app.web.form_fields import ActWords
from app.web.urls import CLIENT_END, CLIENTS


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client, with what it may do in words."""

    client: ManagedClient
    scopes: tuple[str, ...]
    end_url: str


@dataclass(frozen=True, slots=True)
class ClientsPage:
    """The clients of a study; `faults` name the form that was refused: "new", or the client's."""

    template: ClassVar[str] = "clinic/people/clients.html"
    study: str
    rows: tuple[ClientRow, ...]
    scopes: tuple[tuple[str, str], ...]
    sites: tuple[tuple[str, str], ...]
    zone: str
    values: Typed
    done: str = ""
    faults: FormFaults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class ClientSecretPage:
    """A new client's name and secret, which stand here and nowhere else, once."""

    template: ClassVar[str] = "clinic/people/client_secret.html"
    name: str
    client_id: str
    secret: str
    back_url: str


router = APIRouter(include_in_schema=False)


@router.get(CLIENTS)
def show_clients(request: SignedInRequest, done: str = "") -> Response:
    return request.show(replace(_page(request, Typed()), done=done if done in ("created", "ended") else ""))


@router.post(CLIENTS)
def create_edc_client(request: SignedInRequest, fields: PostedFields) -> Response:
    values = read_typed(fields)
    scopes = [scope for scope in Scope if values[f"scope_{scope}"]]
    try:
        check_all(
            request.act.check_texts,
            lambda: check_client(values["name"], scopes),
            lambda: check_site_choice(_list_sites(request), values["site"]),
        )
        client = create_managed_client(
            request.context, request.study_code, values["name"], scopes, values["site"]
        )
    except Refused as refused:
        return _refuse(request, "new", values, refused)
    back = request.frame.within(CLIENTS)
    return request.show(ClientSecretPage(values["name"], client.client_id, client.secret, back))


@router.post(CLIENT_END)
def revoke_client(request: SignedInRequest, client: str, reason: ActWords = "") -> Response:
    try:
        end_client(request.context, request.study_code, client, reason)
    except Refused as refused:
        if refused.code == "unknown_client":
            raise
        return _refuse(request, client, Typed(reason=reason), refused)
    return request.finish()


def _refuse(request: StaffRequest, form: str, values: Typed, refused: Refused) -> Response:
    prefix = "" if form == "new" else f"{form}-"
    faults = list_faults(request, refused, FIELD_WORDS, form=form, prefix=prefix, find=_find_field)
    return request.show(replace(_page(request, values), faults=faults), refused)


def _find_field(refused: Refused) -> str:
    field = find_field(refused, FIELD_WORDS)
    return f"scope_{next(iter(Scope))}" if refused.code == "scopes_needed" else field


def _list_sites(request: StaffRequest) -> tuple[tuple[str, str], ...]:
    sites = list_sites(request.context, request.study_code)
    return tuple((site.code, f"{site.code} {site.details.name}") for site in sites)


def _page(request: StaffRequest, values: Typed) -> ClientsPage:
    words = {str(scope): request.translate(name) for scope, name in VALUE_WORDS["edc_client.scopes"].items()}
    study = request.study_code
    return ClientsPage(
        study=study,
        rows=tuple(
            ClientRow(
                client=client,
                scopes=tuple(words.get(scope, scope) for scope in client.scopes),
                end_url=request.frame.within(CLIENT_END.format(client=client.client_id)),
            )
            for client in list_clients(request.context, study)
        ),
        scopes=tuple(words.items()),
        sites=_list_sites(request),
        zone=request.zone,
        values=values,
    )
