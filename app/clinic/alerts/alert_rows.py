"""An alert as the pages show it: the list, its own page and the participant's page."""

from dataclasses import dataclass
from datetime import date, datetime

from app.clinic.forms.answer_rows import name_form
from app.clinic.request import url_of_participant
from app.services.clinic.alerts.alert_list import AlertNotice, AlertRecord, RecordedAction
from app.services.core.installation import Installation
from app.web.urls import ALERT


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert; `form_url`, `form` and `visit` are "" where the very form would tell this reader the arm."""

    url: str
    person_url: str
    subject: str
    site: str
    zone: str
    exit: str
    label: str
    form: str
    form_url: str
    visit: str
    day: date | None
    raised_at: datetime
    due_at: datetime | None
    escalates_at: datetime | None
    state: str
    overdue: bool
    corrected: bool
    untold: bool
    escalated_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    actions: tuple[RecordedAction, ...]
    closed_at: datetime | None
    closed_by: str
    closing_note: str
    notices: tuple[AlertNotice, ...]
    may_handle: bool


def build_alert_row(installation: Installation, alert: AlertRecord, language: str) -> AlertRow:
    """The row in the language of whoever looks."""
    instrument = installation.library.get_instrument(*alert.instrument)
    person = url_of_participant(alert.participant)
    return AlertRow(
        url=ALERT.format(participant=alert.participant, alert=alert.alert),
        person_url=person,
        subject=alert.subject,
        site=alert.site,
        zone=alert.zone,
        exit=alert.exit_kind.value if alert.exit_kind else "",
        label=alert.get_label(language),
        form=name_form(installation, alert.plan, instrument, language) if alert.slot else "",
        form_url=f"{person}/forms/{alert.slot}" if alert.slot else "",
        visit=alert.visit,
        day=alert.for_day,
        raised_at=alert.raised_at,
        due_at=alert.due_at,
        escalates_at=alert.escalates_at,
        state=alert.state.value,
        overdue=alert.overdue,
        corrected=alert.corrected,
        untold=alert.untold,
        escalated_at=alert.escalated_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_by,
        actions=alert.actions,
        closed_at=alert.closed_at,
        closed_by=alert.closed_by,
        closing_note=alert.closing_note,
        notices=alert.notices,
        may_handle=alert.may_handle,
    )
