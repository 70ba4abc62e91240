"""EDC clients of a study: listed, created with a secret that is shown once, and revoked."""

from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from app.clinic.people.field_words import explain
from app.clinic.people.people_list import Typed, read_typed
from app.clinic.request import PostedFields, SignedInRequest, StaffRequest
from app.clinic.trail.value_words import VALUE_WORDS
from app.domain.records.access import Scope
from app.domain.refusal import Refused
from app.services.people.client_desk import (
    ManagedClient,
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
    """The clients of a study; `failed` names the form that was refused: "new", or the client's."""

    template: ClassVar[str] = "clinic/people/clients.html"
    study: str
    rows: tuple[ClientRow, ...]
    scopes: tuple[tuple[str, str], ...]
    sites: tuple[tuple[str, str], ...]
    zone: str
    values: Typed
    done: str = ""
    failed: str = ""
    field: str = ""
    error: str = ""


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
def show_clients(desk: SignedInRequest, done: str = "") -> Response:
    return desk.show(replace(_page(desk, Typed()), done=done if done in ("created", "ended") else ""))


@router.post(CLIENTS)
def create_edc_client(desk: SignedInRequest, fields: PostedFields) -> Response:
    values = read_typed(fields)
    scopes = [scope for scope in Scope if values[f"scope_{scope}"]]
    try:
        made = create_managed_client(desk.context, desk.study_code, values["name"], scopes, values["site"])
    except Refused as refused:
        return _refuse(desk, "new", values, refused)
    back = desk.frame.within(CLIENTS)
    return desk.show(ClientSecretPage(values["name"], made.client_id, made.secret, back))


@router.post(CLIENT_END)
def revoke_client(desk: SignedInRequest, client: str, reason: ActWords = "") -> Response:
    try:
        end_client(desk.context, desk.study_code, client, reason)
    except Refused as refused:
        if refused.code == "unknown_client":
            raise
        return _refuse(desk, client, Typed(reason=reason), refused)
    return desk.finish()


def _refuse(desk: StaffRequest, form: str, values: Typed, refused: Refused) -> Response:
    field = str(refused.details.get("field", ""))
    target = {"scope": f"scope_{next(iter(Scope))}", "reason": f"{form}-reason"}.get(field, field or "main")
    page = replace(_page(desk, values), failed=form, field=target, error=explain(desk, refused))
    return desk.show(page, refused)


def _page(desk: StaffRequest, values: Typed) -> ClientsPage:
    words = {str(scope): desk.word(name) for scope, name in VALUE_WORDS["edc_client.scopes"].items()}
    study = desk.study_code
    return ClientsPage(
        study=study,
        rows=tuple(
            ClientRow(
                client=each,
                scopes=tuple(words.get(scope, scope) for scope in each.scopes),
                end_url=desk.frame.within(CLIENT_END.format(client=each.client_id)),
            )
            for each in list_clients(desk.context, study)
        ),
        scopes=tuple(words.items()),
        sites=tuple(
            (site.code, f"{site.code} {site.details.name}") for site in list_sites(desk.context, study)
        ),
        zone=desk.zone,
        values=values,
    )
