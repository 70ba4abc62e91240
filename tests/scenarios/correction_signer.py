"""Somebody who signs decisions about corrections, with the account that this takes."""

from datetime import datetime

import pyotp

from app.domain.records.access import SYSTEM, Actor, ActorKind, Grant, Role
from app.services.clinic.corrections.decisions import DecisionEntry, decide_correction
from app.services.clinic.corrections.signatures import SigningStaff
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.services.setup.studies import create_staff, grant_role
from app.storage.tables.studies import Site
from tests.scenarios.people import START, Person

PASSWORD, HERE = "correct horse battery", "192.0.2.7"


class Signer:
    """A member of staff with an account, who signs with a new code each minute."""

    def __init__(self, installation: Installation, site: Site, name: str, role: Role) -> None:
        system = StaffContext(installation, SYSTEM, START)
        issued = create_staff(system, f"{name}@example.org", name, PASSWORD, "en")
        grant_role(system, issued.staff_id, role, "sbrt-nsclc", site.code)
        self.installation, self.staff_id, self.secret = installation, issued.staff_id, issued.totp_secret
        grant = Grant(role, site.study_id, site.id)
        self.actor = Actor(ActorKind.STAFF, f"staff:{issued.staff_id}", role.value, (grant,))

    def credentials(self, at: datetime) -> SigningStaff:
        code = pyotp.TOTP(self.secret).generate_otp(int(at.timestamp()) // 30)
        return SigningStaff(self.staff_id, PASSWORD, code, HERE)

    def decide(self, person: Person, correction: str, at: datetime, entry: DecisionEntry) -> None:
        context = StaffContext(self.installation, self.actor, at)
        decide_correction(context, person.row().id, correction, entry, self.credentials(at))
