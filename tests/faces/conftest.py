"""The application as its visitors meet it."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.storage.study import Site
from tests.applications import Clock, application, visitor
from tests.faces.edc_caller import Edc, begun, signed_in


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(migrated_sqlite_url: str, clock: Clock) -> FastAPI:
    return application(migrated_sqlite_url, clock)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return visitor(app)


@pytest.fixture
def sites(app: FastAPI, clock: Clock) -> tuple[Site, Site]:
    """The study with two hospitals."""
    return begun(app, clock.at)


@pytest.fixture
def edc(app: FastAPI, sites: tuple[Site, Site], clock: Clock) -> Edc:
    """An EDC client of the whole study with every scope."""
    return signed_in(app, clock.at)
