"""Whether the key of these settings is the one with which this database was begun.

A wrong key would serve, say that it is ready, and fail where somebody needs a second factor or a letter; what
it wrote meanwhile could not be read with the right one.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from app.domain.records.access import SYSTEM
from app.domain.refusal import Refused
from app.services.core.installation import Installation
from app.storage.row_changes import INSTALLATION_CHAIN
from app.storage.tables.participants import Contact
from app.storage.tables.staff import Staff
from app.storage.tables.studies import KeyCanary

_ID = 1
_SONG = "Daybook"


def check_key(installation: Installation) -> None:
    """Compare the key with what the database holds. Raises Refused: "wrong_key"."""
    with installation.read() as session:
        _check(installation, session)


def lay_canary(installation: Installation, at: datetime) -> None:
    """Check the key, and remember it where nothing does yet: once, before anything is encrypted with it.

    Raises Refused: "wrong_key".
    """
    with installation.read() as session:
        if _check(installation, session):
            return
    with installation.open_work(SYSTEM, at) as work:
        work.lock(INSTALLATION_CHAIN)
        if not _check(installation, work.session):
            work.session.add(KeyCanary(id=_ID, sealed=installation.secret_box.encrypt(_SONG), laid_at=at))


def _check(installation: Installation, session: Session) -> bool:
    """Whether there is a canary; an older database is judged by the first secrets that it holds."""
    canary = session.get(KeyCanary, _ID)
    if canary is not None:
        if installation.secret_box.decrypt(canary.sealed) != _SONG:
            raise Refused("wrong_key")
        return True
    for secret in (
        select(Contact.address_sealed).order_by(col(Contact.participant_id)),
        select(Staff.totp_sealed).order_by(col(Staff.id)),
    ):
        for sealed in session.exec(secret.where(secret.selected_columns[0] != "").limit(1)):
            installation.secret_box.decrypt(sealed)
    return False
