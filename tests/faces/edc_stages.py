"""A study with two hospitals and an EDC signed in, grown once per test process and copied."""

import json
from collections.abc import Callable, Sequence

from fastapi import FastAPI

from app.services.core.installation import Installation
from app.services.setup.studies import NewClient
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.tables.studies import Site
from tests.applications import Clock, application, open_browser
from tests.faces.edc_caller import STUDY, Edc, open_sites, sign_in_edc
from tests.stages import Stage


def restore_edc(app: FastAPI, secrets: Sequence[str]) -> Edc:
    """The client in an application whose database is at `EDC_CLIENT` or a later stage."""
    client, token = json.loads(secrets[0])
    return Edc(open_browser(app), NewClient(*client), token)


def both_sites(app: FastAPI) -> tuple[Site, Site]:
    """The two hospitals of `HOSPITALS`."""
    installation: Installation = app.state.installation
    with installation.read() as session:
        study = get_study(session, STUDY).id
        return get_site_by_code(session, study, "0571"), get_site_by_code(session, study, "0512")


def edc_stage(fill: Callable[[FastAPI, Edc], None]) -> Stage:
    """The client after it has done this; its secret is the client with its token."""

    def grow(url: str) -> Sequence[str]:
        clock = Clock()
        app = application(url, clock)
        edc = sign_in_edc(app, clock.at)
        fill(app, edc)
        app.state.installation.engine.dispose()
        return (json.dumps([[edc.client.client_id, edc.client.secret], edc.token]),)

    return Stage(grow, HOSPITALS)


def _two_sites(url: str) -> Sequence[str]:
    clock = Clock()
    app = application(url, clock)
    open_sites(app, clock.at)
    app.state.installation.engine.dispose()
    return ()


HOSPITALS = Stage(_two_sites)
EDC_CLIENT = edc_stage(lambda _app, _edc: None)
