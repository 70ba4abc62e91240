"""What nurses do in the demonstration about alerts, as far as a story says, and with forms on paper."""

from collections.abc import Collection
from datetime import date, datetime

from app.demo.acts import DemoStage
from app.demo.story import DemoAlert, Story
from app.domain.alerts.handling import AlertActionKind, AlertState
from app.domain.capture.paper import PaperReason
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper, get_typed_paper_form
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slots
from app.storage.queries.today.alerts import list_own_alerts

_STEPS = (AlertState.acknowledged, AlertState.acted, AlertState.closed)
"""In the order in which a nurse takes them."""


def handle_alert_of(stage: DemoStage, at: datetime, story: Story, alert: DemoAlert, step: AlertState) -> None:
    """The site's nurse takes one step with the newest alert of a participant."""
    context = stage.staff_context(stage.nurses[story.site], at)
    with stage.read() as session:
        participant_id = get_participant(session, stage.study_id, story.subject).id
        public_id = list_own_alerts(session, participant_id)[0].alert.public_id
    if step is AlertState.acknowledged:
        acknowledge_alert(context, participant_id, public_id)
    elif step is AlertState.acted:
        record_alert_action(context, participant_id, public_id, AlertActionKind.called.value, alert.note)
    else:
        close_alert(context, participant_id, public_id, "")


def list_steps(state: AlertState) -> Collection[AlertState]:
    """The steps that lead to this state."""
    return _STEPS[: _STEPS.index(state) + 1] if state in _STEPS else ()


def enter_paper_of(stage: DemoStage, at: datetime, story: Story, visit: str, on: date) -> None:
    """The site's nurse enters what came on paper: every question answered alike, the last one left blank.

    Her page may be older than what the phone has sent meanwhile; the paper then lies apart.
    """
    context = stage.staff_context(stage.nurses[story.site], at)
    with stage.read() as session:
        participant_id = get_participant(session, stage.study_id, story.subject).id
        slots = list_slots(session, participant_id)
    slot = next(slot.public_id for slot in slots if slot.visit == visit)
    items = get_typed_paper_form(context, participant_id, slot).definition.items
    answers = [TypedAnswer(item.code, str(item.low + 1)) for item in items[:-1]]
    blank = TypedAnswer(items[-1].code, "", blank=True)
    typed = TypedPaper((*answers, blank), on, f"{visit}, 2", PaperReason.prefers_paper.value)
    enter_paper(context, participant_id, slot, typed)
