"""A trial in which every kind of act has happened: at least one row in every table that entries prove."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyotp

from app.domain.capture.answers import SubmittedAnswer
from app.domain.clock_trust import ClockReading
from app.domain.desk.matters import MatterDecision, MatterKind, MatterName
from app.domain.plans.plan import Owner
from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.audit import AuditEvent
from app.domain.records.dispositions import DispositionKind
from app.domain.records.visits import VisitState
from app.domain.refusal import Refused
from app.domain.today.reasons import Reason
from app.services.accounts.edc_clients import authenticate_client, issue_token
from app.services.audit.audit_seals import seal_days
from app.services.audit.clock_confirmation import confirm_clock
from app.services.clinic.alerts.alert_acts import acknowledge_alert, close_alert, record_alert_action
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.clinic.matters.settlement import SettlementEntry, settle_matter
from app.services.clinic.open_requests import close_request, list_open_requests
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper
from app.services.clinic.today.assigning import assign_participant
from app.services.clinic.today.contact_log import log_contact
from app.services.clinic.today.snoozing import snooze_participant
from app.services.core.context import ClockContext, EdcContext, ParticipantContext, StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.services.datasets.export import ExportEntry
from app.services.datasets.export_requests import request_export
from app.services.datasets.export_work import ExportResult, claim_export, end_export
from app.services.edc.entity_tags import Preconditions
from app.services.edc.participants import ParticipantBody, receive_participant
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import receive_arm, receive_visit
from app.services.edc.transfers import TransferRange, log_transfer
from app.services.patient.team_requests import request_call, request_correction
from app.services.people.access_review import digest_access, record_review
from app.services.people.managed_people import list_study_people
from app.services.people.staff_links import InvitationEntry, invite_person, read_link, use_link
from app.services.reminders.own_address import mail_address_code
from app.services.reminders.reminder_delivery import claim_messages, deliver_message
from app.services.schedule.amendment.amendments import begin_amendment, follow_amendment, open_amendment
from app.services.schedule.dispositions import DispositionEntry, record_disposition, undo_disposition
from app.services.setup.site_words import set_urgent_words
from app.services.setup.studies import create_client, create_staff, grant_role
from app.storage.row_changes import INSTALLATION_CHAIN, study_chain
from app.storage.tables.packs import InstrumentPack, LicenceDecision
from app.storage.tables.staff import Passkey
from tests.scenarios.alerts import PAIN, escalate_alerts, person_with_alert_rules, raised_alerts
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.correction_signer import Signer
from tests.scenarios.people import START, Person, bind_browser, days, qlq, staff_member, with_all_items
from tests.scenarios.reminders import (
    MailServer,
    enrol_with_reminders,
    message_sender,
    process_all_due,
    shanghai,
)

RANDOMISED = START.date() + days(2)
EVENING = shanghai(RANDOMISED, 19)
LATER = EVENING + days(1)


def _course(installation: Installation) -> Sequence[str]:
    person = enrol_with_reminders(installation, site_of(installation))
    _answer(person)
    _ask_and_leave(person)
    _correct(person)
    _enter_paper(person)
    _let_staff_in(person)
    _keep_keys(person)
    _deal_with_alert(person)
    _let_the_edc_in(person)
    _import_pack(person)
    _settle(person)
    _amend(person)
    _export_cut(installation)
    _confirm_clock(person)
    assert seal_days(ClockContext(installation, LATER)) == 1
    return (person.cookie,)


def _export_cut(installation: Installation) -> None:
    """A cut, and an export of it that is kept."""
    able = replace(installation, export_folder=Path("exports"))
    operator, clock = StaffContext(able, SYSTEM, LATER), ClockContext(able, LATER)
    make_cut(operator, "sbrt-nsclc", "IA1", "interim")
    request_export(operator, "sbrt-nsclc", ExportEntry("IA1", "interim", ("csv",)))
    claimed = claim_export(clock)
    assert claimed is not None
    file = {"name": "adqs.csv", "records": 1, "size": 9, "sha256": "0" * 64}
    end_export(clock, claimed, ExportResult("", ("arm",), (1,), (file,), 9, "0" * 64))


def _answer(person: Person) -> None:
    """Drafts, a form that was sent, one that came twice, words, one reminder sent, one not yet."""
    person.begin("BL", START)
    person.save("BL", START, SubmittedAnswer(1, 0, "q1", 3), SubmittedAnswer(2, 0, "q2", None))
    person_with_alert_rules(person, [replace(PAIN, value=2)]).submit("BL", START)
    with suppress(Refused):  # it is kept apart, since the form was sent already
        person.submit("BL", START + timedelta(minutes=1), qlq(4))
    person.randomise(RANDOMISED, shanghai(RANDOMISED, 10))
    process_all_due(person.installation, EVENING)
    for claimed in claim_messages(ClockContext(person.installation, EVENING)):
        deliver_message(ClockContext(person.installation, EVENING), message_sender(MailServer()), claimed)
    person.cookie = bind_browser(person, EVENING)
    person.begin("D0", EVENING)
    asking = replace(person, installation=with_all_items(person.installation))
    asking.save("D0", EVENING, SubmittedAnswer(1, 0, "other", "a sore shoulder"))
    process_all_due(person.installation, LATER)


def _ask_and_leave(person: Person) -> None:
    installation, at = person.installation, LATER
    session = person.participant(at)
    slot = person.slot("BL").public_id
    request_call(ParticipantContext(installation, session, at))
    request_correction(ParticipantContext(installation, session, at), slot)
    nurse = StaffContext(installation, person.nurse, at)
    key = person.row().id
    log_contact(nurse, key, "no_answer", "nobody at home", at.date() + timedelta(days=1))
    snooze_participant(nurse, key, [Reason.call], "is away until tomorrow", at.date() + timedelta(days=1))
    log_contact(nurse, key, "reached_will_do", "was answered by telephone", None)
    for request in list_open_requests(nurse):
        close_request(nurse, request.request_id, "was answered by telephone")
    withdrawal = DispositionEntry(
        DispositionKind.withdrew_questionnaires, f"{at.date()}", Owner.site, "too tired"
    )
    record_disposition(nurse, person.site.study_id, person.subject, withdrawal)
    investigator = StaffContext(installation, staff_member(Role.INVESTIGATOR, person.site), at)
    undo_disposition(investigator, person.site.study_id, person.subject, "somebody else was meant")


def _correct(person: Person) -> None:
    installation, signer = (
        person.installation,
        Signer(person.installation, person.site, "zhang", Role.INVESTIGATOR),
    )
    nurse = StaffContext(installation, person.nurse, LATER)
    wrong = ProposedAnswer("q5", "3", "wrong_tap")
    proposal = ProposalEntry(1, (wrong,), "I meant the other one", LATER.date(), "telephone")
    proposed = propose_correction(nurse, person.row().id, person.slot("BL").public_id, proposal)
    signer.decide(person, proposed, LATER, DecisionEntry("approved"))


def _enter_paper(person: Person) -> None:
    """A day of the diary that was filled in on paper."""
    nurse, day = StaffContext(person.installation, person.nurse, LATER), RANDOMISED + timedelta(days=1)
    well = TypedPaper((TypedAnswer("any_symptom", "0"),), day, "sheet 1", "prefers_paper")
    enter_paper(nurse, person.row().id, person.slot("D1").public_id, well)


def _keep_keys(person: Person) -> None:
    """A passkey of the nurse, and an address of the participant's own that waits for its code."""
    with person.installation.open_work(SYSTEM, LATER) as work:
        work.session.add(
            Passkey(
                staff_id=1, credential_id="c", public_key="k", sign_count=1, transports="usb", name="key",
                made_at=LATER,
            )
        )  # fmt: skip
        work.record(AuditEvent.PASSKEY_ADDED, INSTALLATION_CHAIN)
    context = ParticipantContext(person.installation, person.participant(LATER), LATER)
    mail_address_code(context, message_sender(MailServer()), "own@example.org")


def _deal_with_alert(person: Person) -> None:
    """The alert that the baseline raised is told, escalated, acknowledged, acted on and closed."""
    here, key = person_with_alert_rules(person).installation, person.row().id
    escalate_alerts(here, message_sender(MailServer()), LATER)
    (alert,) = raised_alerts(here)
    nurse = StaffContext(here, person.nurse, LATER)
    acknowledge_alert(nurse, key, alert.public_id)
    record_alert_action(nurse, key, alert.public_id, "called", "feels better since")
    close_alert(nurse, key, alert.public_id, "no more to be done")


def _let_staff_in(person: Person) -> None:
    installation = person.installation
    operator = StaffContext(installation, SYSTEM, START)
    issued = create_staff(operator, "n@example.org", "N", "a long enough password", "en")
    grant_role(operator, issued.staff_id, Role.NURSE, "sbrt-nsclc", "0571")
    assign_participant(
        StaffContext(installation, person.nurse, LATER), person.row().id, issued.staff_id, None
    )
    entry = InvitationEntry(
        "zhao@example.org", "Zhao Min", "en", "sbrt-nsclc", (Role.NURSE,), ("0571",), None, "new"
    )
    token = invite_person(operator, entry).url.rpartition("/")[2]
    secret = read_link(installation, token, START).totp_secret
    now = pyotp.TOTP(secret).generate_otp(int(START.timestamp()) // 30)
    use_link(installation, token, "a long enough password", now, "192.0.2.9", START)
    listed = digest_access(list_study_people(operator, "sbrt-nsclc"))
    record_review(operator, "sbrt-nsclc", listed, "all work here")
    set_urgent_words(operator, "sbrt-nsclc", "0571", "en", "Call the ward")


def _let_the_edc_in(person: Person) -> None:
    installation = person.installation
    operator = StaffContext(installation, SYSTEM, START)
    edc_client = create_client(operator, "sbrt-nsclc", "EDC", tuple(Scope), ["0571"])
    issued = issue_token(installation, edc_client.client_id, edc_client.secret, None, "192.0.2.9", LATER)
    caller = authenticate_client(installation, issued.token, LATER)
    context = EdcContext(installation, caller, LATER)
    receive_arm(EdcRequest(context, person.subject, LATER, Preconditions()), "SBRT")
    receive_visit(
        EdcRequest(context, person.subject, LATER, Preconditions()),
        "W6",
        VisitState.planned,
        date(2026, 4, 15),
    )
    receive_participant(
        EdcRequest(context, "0571-100", LATER, Preconditions()), ParticipantBody("0571", "en", START.date())
    )
    with suppress(Refused):  # no such visit, which is listed for the desk
        receive_visit(
            EdcRequest(context, person.subject, LATER, Preconditions()),
            "W99",
            VisitState.occurred,
            date(2026, 4, 15),
        )
    log_transfer(context, TransferRange("changes", 0, 3, 3))


def _confirm_clock(person: Person) -> None:
    confirm_clock(
        StaffContext(person.installation, SYSTEM, LATER),
        ClockReading(LATER, timedelta(days=1)),
        "boot",
        "was set right",
    )


def _import_pack(person: Person) -> None:
    study = person.site.study_id
    with person.installation.open_work(SYSTEM, LATER) as work:
        work.session.add(
            InstrumentPack(
                study_id=study, instrument="moon-6", version="1.0", lang="en", name="Moonlight",
                copyright="©", licensee="x", permission="x", valid_until=date(2028, 12, 31), sha256="0" * 64,
                content="words", imported_at=LATER, imported_by="x",
            )
        )  # fmt: skip
        work.record(AuditEvent.PACK_IMPORTED, study_chain(study), study)


def _settle(person: Person) -> None:
    """What came twice is rejected, and a licence will be renewed."""
    manager = staff_member(Role.DATA_MANAGER, person.site, everywhere=True)
    context = StaffContext(person.installation, manager, LATER)
    name, entry = MatterName(MatterKind.quarantine, "1"), SettlementEntry("rejected", "asked by telephone")
    settle_matter(context, person.row().id, name, entry)
    study = person.site.study_id
    with person.installation.open_work(manager, LATER) as work:
        work.session.add(
            LicenceDecision(
                study_id=study, ref="moon-6~1.0~en", decision=MatterDecision.renewal, reason="in May",
                settled_at=LATER, settled_by=manager.id,
            )
        )  # fmt: skip
        work.record(AuditEvent.MATTER_SETTLED, study_chain(study), study, reason="in May")


def _amend(person: Person) -> None:
    """The study follows the next version of its plan, and so does whom the EDC registered last."""
    context = StaffContext(person.installation, SYSTEM, LATER)
    amendment = open_amendment(context, "sbrt-nsclc", "1.1")
    begin_amendment(context, amendment, "protocol amendment 1")
    follow_amendment(context, amendment, amendment.waiting[-1], "protocol amendment 1", confirmed=True)


COURSE = make_stage(_course, SITE)
