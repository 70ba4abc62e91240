"""In which languages a form can be shown, and when changing between them needs a word first."""

from datetime import datetime

from app.domain.refusal import Refused
from app.services.accounts.participant_session import authenticate, change_language
from app.services.capture.forms import get_own_slot
from app.services.core.context import ParticipantContext
from app.services.core.installation import Installation
from app.storage.statements.save_answers import read_draft
from app.storage.tables.columns import key_of
from app.storage.tables.schedule import Slot


def list_form_languages(context: ParticipantContext, slot: Slot) -> tuple[str, ...]:
    """The codes of the study's languages in which this slot's very instrument version has words."""
    plan = context.installation.library.plan(context.participant.study, slot.plan_version)
    return tuple(
        code
        for code in plan.languages
        if _has_words(context.installation, context.participant.study, slot, code)
    )


def _has_words(installation: Installation, study: str, slot: Slot, language: str) -> bool:
    instrument = installation.library.instrument(slot.instrument, slot.instrument_version)
    try:
        installation.text(study, instrument, language, slot.begun_at)
    except Refused:
        return False
    return True


def needs_language_confirmation(
    installation: Installation, cookie: str | None, slot_id: str, language: str, at: datetime
) -> bool:
    """Whether to ask before the language changes, because answers were given in another one (CAP-03).

    False for a form that is not one's own or was sent, and on the lock, where nothing of it is shown.
    Raises Refused("no_translation") for a language that the form has no words in: it is never shown in
    a third one, nor in another version.
    """
    with installation.read() as session:
        try:
            visitor = authenticate(installation, session, cookie, at)
            slot = get_own_slot(session, visitor, slot_id)
        except Refused:
            return False
        held = read_draft(session.connection(), key_of(slot))
    if language not in list_form_languages(ParticipantContext(installation, visitor, visitor.seen_at), slot):
        raise Refused("no_translation", instrument=slot.instrument, language=language)
    shown = slot.submitted_at is None and not visitor.locked
    return bool(held) and shown and language != visitor.language


def switch_form_language(context: ParticipantContext, slot_id: str, language: str) -> None:
    """Go on in another language; the answers so far stay, each with the language it was given in.

    Raises Refused: "unknown_slot", "no_translation", or as `change_language`.
    """
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
    if language not in list_form_languages(context, slot):
        raise Refused("no_translation", instrument=slot.instrument, language=language)
    change_language(context, language)
