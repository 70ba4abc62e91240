"""Which acts a participant's page offers as it is now."""

from collections.abc import Mapping

from app.services.clinic.participant_overview import ParticipantOverview
from app.services.schedule.slots import is_on_request, is_slot_touched


def list_cancellable_visits(view: ParticipantOverview) -> tuple[str, ...]:
    """The visits that staff asked for and nobody began."""
    asked = [state.slot for state in view.forms if is_on_request(state.slot) and not state.slot.out_of_plan]
    touched = {slot.visit for slot in asked if is_slot_touched(slot, view.waiting_paper)}
    return tuple(dict.fromkeys(slot.visit for slot in asked if slot.visit not in touched))


def find_unoffered_text(view: ParticipantOverview, typed: Mapping[str, str]) -> str:
    """What was typed into a form that this page, as it is now, does not offer."""
    offered = {f"device-{each.device_id}" for each in view.devices if each.revoked_at is None}
    offered |= {f"undo-{each.entry.entry_id}" for each in view.dispositions if each.undone is None}
    offered |= set() if view.exit else {"visit"}
    offered |= {"cancel"} if list_cancellable_visits(view) else set()
    words = (word for name, word in typed.items() if name != "form" and word)
    return "" if typed.get("form") in offered else " ".join(words)
