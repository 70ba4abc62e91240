"""Browsers in which members of staff have signed in: a signed proof for each account, kept by the browser.

With it a browser has its own counter of failures, so that whatever strangers try at the account or from the
same address holds it up in no way. It replaces neither password nor second factor.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.domain.refusal import Refused
from app.services.core.identifiers import new_public_id, token_digest
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.storage.tables.staff import Staff, StaffSession

PROOF_LIFE = timedelta(days=400)
"""Longer than any browser keeps a cookie; each sign-in renews it."""
MOST_PROOFS = 12
"""How many accounts one browser stays known to: a computer of the ward has many users."""

_PURPOSE = "daybook: known browser"


@dataclass(frozen=True, slots=True)
class BrowserProof:
    """That an account signed in with both factors in a browser on a day; the signature names the account."""

    browser: str
    day: str
    signature: str

    def __str__(self) -> str:
        return f"{self.browser}.{self.day}.{self.signature}"


def find_known_browser(box: SecretBox, proofs: str, account: str, at: datetime) -> str | None:
    """The name of the browser that brought these proofs, if one of them is this account's."""
    for proof in _read_proofs(proofs):
        if _is_valid(box, proof, account, at):
            return proof.browser
    return None


def renew_browser_proofs(installation: Installation, cookie: str, proofs: str, at: datetime) -> str:
    """The proofs of a browser in which the member of staff of this session has just signed in, theirs first.

    Each account has a name of its own for the browser, so that the cookie tells nobody who shares it. Raises
    Refused("not_signed_in") for a session without its second factor.
    """
    box = installation.secret_box
    with installation.read() as session:
        account = session.exec(_account_of(cookie)).one_or_none()
    if account is None:
        raise Refused("not_signed_in")
    browser = find_known_browser(box, proofs, account, at) or new_public_id()
    day = f"{at.astimezone(UTC):%Y%m%d}"
    fresh = BrowserProof(browser, day, _sign(box, account, browser, day))
    others = [proof for proof in _read_proofs(proofs) if not _is_valid(box, proof, account, at)]
    return "~".join(str(proof) for proof in [fresh, *others][:MOST_PROOFS])


def _account_of(cookie: str) -> SelectOfScalar[str]:
    return (
        select(Staff.email)
        .join(StaffSession, col(StaffSession.staff_id) == col(Staff.id))
        .where(
            StaffSession.token_hash == token_digest(cookie),
            col(StaffSession.second_factor_at).is_not(None),
            col(StaffSession.closed_at).is_(None),
        )
    )


def _read_proofs(proofs: str) -> Iterator[BrowserProof]:
    for proof in proofs.split("~")[:MOST_PROOFS]:
        parts = proof.split(".")
        if len(parts) == 3:
            yield BrowserProof(*parts)


def _is_valid(box: SecretBox, proof: BrowserProof, account: str, at: datetime) -> bool:
    signature = _sign(box, account, proof.browser, proof.day)
    if not hmac.compare_digest(proof.signature.encode(), signature.encode()):
        return False
    signed_at = datetime.strptime(proof.day, "%Y%m%d").replace(tzinfo=UTC)  # what we signed is a day
    return at - signed_at < PROOF_LIFE


def _sign(box: SecretBox, account: str, browser: str, day: str) -> str:
    return box.keyed_digest(_PURPOSE, f"{browser}.{day}.{account}").hex()[:48]
