"""The application as its visitors meet it."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.applications import Clock, application, visitor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(migrated_sqlite_url: str, clock: Clock) -> FastAPI:
    return application(migrated_sqlite_url, clock)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return visitor(app)
