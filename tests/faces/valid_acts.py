"""An act about to be pressed in good faith, by whom and with what, and what the whole database then holds."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response

from app.domain.records.audit import AuditEvent
from app.services.core.installation import Installation
from app.storage.tables import metadata
from app.storage.tables.participants import Contact
from app.web.acts import FIELD
from tests.applications import open_browser
from tests.browsers import fresh_page_key
from tests.faces.callers import SiteFixture, caller_as
from tests.faces.rights import Who
from tests.scenarios.people import START

UNTOLD = {"device": {"seen_at"}, "staff_session": {"seen_at"}}
"""What every request may touch: when somebody was last seen."""
LOOKS = f"('{AuditEvent.ANSWERS_VIEWED}', '{AuditEvent.PAGE_VIEWED}')"
"""A page at which looks are recorded says so in the trail, also when an act on it is refused."""
Rows = Mapping[str, list[tuple[Any, ...]]]
_NEWS = {
    table.name: [column.name for column in table.columns if column.name not in UNTOLD.get(table.name, ())]
    for table in metadata.sorted_tables
    if table.name != "audit_chain"  # its heads only repeat the last entries
}


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


_READS = {
    name: f'SELECT {_quoted(columns)} FROM "{name}"'
    f"{f' WHERE event NOT IN {LOOKS}' if name == 'audit_entry' else ''}"
    f" ORDER BY {_quoted(column.name for column in metadata.tables[name].primary_key)}"
    for name, columns in _NEWS.items()
}


def all_rows(installation: Installation) -> Rows:
    """Every row of every table in the order of its key, but when somebody was last seen, and looks.

    Read from the driver, by a connection of the pool, which has prepared the statements before: some thousand
    rows are compared several times in each of some hundred tests.
    """
    with installation.read() as session, closing(session.connection().connection.cursor()) as cursor:
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for name, read in _READS.items():
            cursor.execute(read)
            rows[name] = list(cursor.fetchall())
        return rows


@dataclass
class Press:
    """One act about to be pressed: by whom, where, with what, and with what else from another page."""

    sites: SiteFixture
    client: TestClient
    cookies: Mapping[str, str]
    address: str
    body: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    words: str = ""
    """What was typed and must not be lost when the act is refused."""
    participant: str | None = None

    def key(self) -> str:
        """The key of a page that is opened now."""
        return fresh_page_key(self.sites.app, self.cookies, self.participant)

    def post(self, key: str, body: Mapping[str, str] | None = None) -> Response:
        typed = self.body if body is None else body
        return self.client.post(self.address, data={**typed, FIELD: key})


def browser_of(sites: SiteFixture, carried: str) -> tuple[TestClient, Mapping[str, str]]:
    """A browser with what somebody carries who has signed in, and the same by its names."""
    cookies = dict(pair.split("=", 1) for pair in carried.split("; "))
    client = open_browser(sites.app)
    for name, value in cookies.items():
        client.cookies.set(name, value, domain="testserver.local", path="/")
    return client, cookies


def press_as_staff(sites: SiteFixture, path: str, **typed: Any) -> Press:  # noqa: ANN401 - fields of `Press`
    """An act of the investigator of this site."""
    client, cookies = browser_of(sites, caller_as(sites, Who.investigator).carried["Cookie"])
    person = sites.phone.person
    about = person.row().public_id if "{participant}" in path else None
    return Press(sites, client, cookies, sites.address(path, person), participant=about, **typed)


def press_as_participant(sites: SiteFixture, path: str, **typed: Any) -> Press:  # noqa: ANN401 - fields of `Press`
    """An act of the participant, at the phone that is bound."""
    client = sites.phone.client
    address = sites.address(path, sites.phone.person)
    return Press(sites, client, dict(client.cookies), address, **typed)


def with_address(sites: SiteFixture) -> None:
    """The participant has an e-mail address on file."""
    installation, person = sites.installation, sites.phone.person
    sealed = installation.secret_box.encrypt("li@example.org")
    owner = installation.engine.url
    row = {
        "participant_id": person.row().id,
        "channel": "email",
        "address_sealed": sealed,
        "recorded_at": START,
    }
    beside = sa.create_engine(owner)
    with beside.begin() as connection:
        connection.execute(sa.insert(Contact), [row])
    beside.dispose()
