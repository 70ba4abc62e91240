"""A trial's pages show the official words, their copyright, and nothing of the demonstration."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.domain.access import SYSTEM, Role
from app.domain.refusal import Refused
from app.services.enrolment import enrol
from app.services.installation import Installation
from app.services.studies import create_staff, grant_role, open_site
from app.storage.study import Site
from tests.applications import Clock, application, visitor
from tests.faces.test_clinic import EMAIL, PASSWORD, sign_in
from tests.faces.visitors import Phone, event, heading, invited, newcomer
from tests.services.moon import ENDS, STUDY, open_trial, questionnaires, supply
from tests.services.people import START, Person, site_entry

KEY = "ZGF5Ym9vay10ZXN0LWtleS1vZi0zMi1ieXRlcy1sb24="
