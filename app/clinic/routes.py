"""Every route of the desk."""

from fastapi import APIRouter

from app.clinic import (
    anchors,
    birth_date,
    dispositions,
    enrolment,
    participant,
    participant_requests,
    sign_in,
    sign_in_problems,
)
from app.clinic.alerts import alert_page, alerts_page
from app.clinic.exports import changes_page, checks_page, exports_page
from app.clinic.forms import (
    correction_decision,
    correction_proposal,
    corrections_to_sign,
    form_copy,
    paper_entry,
    slot_page,
)
from app.clinic.frame import code_search
from app.clinic.lists import participants
from app.clinic.people import access, clients, joining, own_account, own_passkeys, people_list, person, sites
from app.clinic.records import diary_gaps, hand_over, history, participant_acts, reaching, score_list, scores
from app.clinic.report import figure_rows, matrix, report_page
from app.clinic.settle import licence_page, matter_page, paper_page, settle_list
from app.clinic.study import overview_pages, plan_page, simulation_page, versions_page
from app.clinic.today import assigning, contact_form, gap_list, reminding, snooze_form, work_page
from app.clinic.trail import trail_file, trail_page

router = APIRouter(include_in_schema=False)
for part in (
    sign_in,
    work_page,
    contact_form,
    snooze_form,
    assigning,
    reminding,
    participants,
    sign_in_problems,
    participant_requests,
    birth_date,
    enrolment,
    anchors,
    dispositions,
    participant,
    participant_acts,
    reaching,
    hand_over,
    slot_page,
    form_copy,
    paper_entry,
    correction_proposal,
    correction_decision,
    corrections_to_sign,
    alerts_page,
    alert_page,
    settle_list,
    matter_page,
    licence_page,
    paper_page,
    scores,
    diary_gaps,
    gap_list,
    history,
    people_list,
    person,
    joining,
    own_account,
    own_passkeys,
    access,
    sites,
    clients,
    overview_pages,
    score_list,
    plan_page,
    versions_page,
    simulation_page,
    code_search,
    report_page,
    figure_rows,
    matrix,
    exports_page,
    changes_page,
    checks_page,
    trail_page,
    trail_file,
):
    router.routes.extend(part.router.routes)
