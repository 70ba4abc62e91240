"""Alerts in the demonstration: only where a story has one, and dealt with as far as it says."""

from collections.abc import Collection
from datetime import datetime

from app.demo.acts import DemoStage
from app.demo.stories import DemoAlert, Story
from app.domain.alerts.handling import AlertActionKind, AlertState
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.storage.queries.participants import get_participant
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
