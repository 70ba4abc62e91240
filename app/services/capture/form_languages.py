"""In which languages a form can be shown, and when a change between them must be confirmed."""

from app.domain.capture.slot_view import SlotInstrument
from app.domain.refusal import Refused
from app.services.accounts.participant_session import change_language
from app.services.capture.forms import find_form, get_own_slot
from app.services.core.context import DeviceContext, ParticipantContext
from app.services.core.installation import Installation


def list_form_languages(context: ParticipantContext, slot: SlotInstrument) -> tuple[str, ...]:
    """The codes of the study's languages in which this slot's very instrument version has words."""
    plan = context.installation.library.get_plan(context.participant.study, slot.plan_version)
    return tuple(
        code
        for code in plan.languages
        if _has_words(context.installation, context.participant.study, slot, code)
    )


def _has_words(installation: Installation, study: str, slot: SlotInstrument, language: str) -> bool:
    instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
    try:
        installation.get_text(study, instrument, language, slot.begun_at)
    except Refused:
        return False
    return True


def needs_language_confirmation(context: DeviceContext, slot_id: str, language: str) -> bool:
    """Whether to ask before the language changes, because answers were given in another one (CAP-03).

    False for a form that is not one's own or was sent, and on the lock, where nothing of it is shown.
    Raises Refused("no_translation") for a language that the form has no words in: it is never shown in
    a third one, nor in another version.
    """
    form = find_form(context, slot_id)
    if form is None:
        return False
    participant, slot = form.participant, form.rows.slot
    own = ParticipantContext(context.installation, participant, context.at)
    if language not in list_form_languages(own, slot):
        raise Refused("no_translation", instrument=slot.instrument, language=language)
    shown = slot.submitted_at is None and not participant.locked
    return bool(form.rows.draft) and shown and language != participant.language


def switch_form_language(context: ParticipantContext, slot_id: str, language: str) -> None:
    """Go on in another language; the answers so far stay, each with the language it was given in.

    Raises Refused: "unknown_slot", "no_translation", or as `change_language`.
    """
    with context.read() as session:
        slot = get_own_slot(session, context.participant, slot_id)
    if language not in list_form_languages(context, slot):
        raise Refused("no_translation", instrument=slot.instrument, language=language)
    change_language(context, language)
