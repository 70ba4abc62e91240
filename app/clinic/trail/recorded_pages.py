"""Which pages of the desk are entered in the trail when somebody sees them, and why others are not.

A page that stands here in neither table is shown to nobody: `app/clinic/request.py` `StaffRequest.show` asks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.requests import Request

from app.clinic.frame.studies import StaffStudy
from app.domain.records.access import Actor, Permission
from app.services.accounts.staff_access import PermittedParticipant
from app.services.clinic.page_looks import LookLog, PageLook
from app.services.core.context import StaffContext
from app.web.pages.rendering import Page


class Viewer(StrEnum):
    """Whose look at a page is recorded."""

    everybody = "everybody"
    answer_reader = "answer_reader"  # who may see answers there: all but nurses
    mere_reader = "mere_reader"  # who changes nothing of the trial: for others it is a list to work by


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """A page at which looks are recorded; `page` is its name in the trail.

    `choices` are the parameters of its address that the entry tells, by the names of fields. `entered` names
    what of the page the use case entered with more detail, where it is there.
    """

    viewer: Viewer
    page: str
    choices: Mapping[str, str] = field(default_factory=dict)
    entered: str = ""

    def read_choices(self, parameters: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """What the entry tells of an address that was found good."""
        chosen = ((entered_name, parameters.get(name, "")) for name, entered_name in self.choices.items())
        return tuple((entered_name, value) for entered_name, value in chosen if _CODE.fullmatch(value))

    def is_recorded_for(self, actor: Actor, study_id: int, site_id: int | None) -> bool:
        """Whether a look by this actor is; `site_id` is that of the participant, None for a page of many."""
        match self.viewer:
            case Viewer.everybody:
                return True
            case Viewer.answer_reader:
                return actor.may(Permission.ANSWERS_SEE, study_id, site_id)
            case Viewer.mere_reader:
                return actor.only_reads


_CODE = re.compile("[A-Za-z0-9._/-]{1,40}")
"""A code or a day; a choice that is neither is none."""
_FIGURES = {"part": "contents", "site": "site", "visit": "visit", "from": "from", "to": "to"}
_ROWS = {
    "table": "contents",
    "of_visit": "visit",
    "of_site": "site",
    "of_arm": "arm",
    "from": "from",
    "to": "to",
}
RECORDED: Mapping[str, RecordedPage] = {
    # scores, the arm, and figures by it
    "clinic/scores.html": RecordedPage(Viewer.everybody, "scores"),
    "clinic/score_list.html": RecordedPage(Viewer.everybody, "score_list"),
    "clinic/report/report.html": RecordedPage(Viewer.everybody, "report", _FIGURES),
    "clinic/report/rows.html": RecordedPage(Viewer.everybody, "rows", _ROWS),
    "clinic/report/matrix.html": RecordedPage(Viewer.everybody, "matrix", {"site": "site"}),
    "clinic/exports/changes.html": RecordedPage(Viewer.everybody, "changes"),
    # one participant
    "clinic/alert.html": RecordedPage(Viewer.everybody, "alert"),
    "clinic/participant.html": RecordedPage(Viewer.answer_reader, "participant"),
    "clinic/history.html": RecordedPage(Viewer.answer_reader, "history"),
    "clinic/form.html": RecordedPage(Viewer.answer_reader, "form", entered="answers"),
    "clinic/settle/matter.html": RecordedPage(Viewer.answer_reader, "matter", entered="lang"),
    "clinic/correct.html": RecordedPage(Viewer.answer_reader, "correction", entered="items"),
    "clinic/dates.html": RecordedPage(Viewer.answer_reader, "dates"),
    # lists by which others work all day
    "clinic/alerts.html": RecordedPage(Viewer.mere_reader, "alerts"),
    "clinic/today.html": RecordedPage(Viewer.mere_reader, "today"),
    "clinic/call_sheet.html": RecordedPage(Viewer.mere_reader, "call_sheet"),
    "clinic/people.html": RecordedPage(Viewer.mere_reader, "participants"),
    "clinic/to_sign.html": RecordedPage(Viewer.mere_reader, "to_sign"),
    "clinic/access.html": RecordedPage(Viewer.mere_reader, "access"),
}
_ENTERED = "the use case enters each look, with what was shown"
_ACT = "an act of who conducts the study: no answers, scores or arm; what is done is an entry"
_WORK = "a list of work for who settles it: no answers, scores or arm"
_OWN = "files and checks of the reader's own; each file is an entry"
_PEOPLE = "accounts and sites: no participants"
_PLAN = "the plan: no participants"
UNRECORDED: Mapping[str, str] = {
    "clinic/trail/trail.html": _ENTERED,
    "clinic/settle/paper.html": _ENTERED,
    "clinic/correction.html": _ENTERED,
    "clinic/settle/list.html": _WORK,
    "clinic/requests.html": _WORK,
    "clinic/gap_list.html": _WORK,
    **dict.fromkeys(
        (
            "clinic/assignment.html",
            "clinic/birth_date.html",
            "clinic/contact_form.html",
            "clinic/diary_gap.html",
            "clinic/disposition.html",
            "clinic/enrol.html",
            "clinic/enrol_closed.html",
            "clinic/hand_over.html",
            "clinic/paper.html",
            "clinic/paper_forms.html",
            "clinic/reaching.html",
            "clinic/sheet.html",
            "clinic/sheet_page.html",
            "clinic/snooze.html",
        ),
        _ACT,
    ),
    "clinic/exports/exports.html": _OWN,
    "clinic/exports/checks.html": _OWN,
    "clinic/settle/licence.html": _PLAN,
    "clinic/code_elsewhere.html": "says in which other study a code is, to who may see it there",
    **dict.fromkeys(
        (
            "clinic/code.html",
            "clinic/sign_in.html",
            "clinic/signed_out.html",
            "clinic/people/account.html",
            "clinic/people/client_secret.html",
            "clinic/people/clients.html",
            "clinic/people/codes.html",
            "clinic/people/invite.html",
            "clinic/people/join.html",
            "clinic/people/joined.html",
            "clinic/people/link.html",
            "clinic/people/list.html",
            "clinic/people/matrix.html",
            "clinic/people/passkey.html",
            "clinic/people/person.html",
            "clinic/people/review.html",
            "clinic/people/site.html",
            "clinic/people/sites.html",
        ),
        _PEOPLE,
    ),
    **dict.fromkeys(
        (
            "clinic/study/licences.html",
            "clinic/study/plan.html",
            "clinic/study/simulator.html",
            "clinic/study/studies.html",
            "clinic/study/versions.html",
        ),
        _PLAN,
    ),
}
"""Pages at which looks are not recorded by their frame, and why not."""


def tells_of_participants(page: Page) -> bool:
    """Whether a page may say something about participants, and not of plans or accounts alone."""
    return UNRECORDED.get(page.template) not in (_PEOPLE, _PLAN)


def enter_page_look(
    request: Request,
    context: StaffContext,
    study: StaffStudy | None,
    participant: PermittedParticipant | None,
    page: Page,
    *,
    is_valid: bool,
) -> None:
    """Enter in the trail that they see this page, where looks at it are recorded; `is_valid`: as chosen.

    Raises LookupError for a page of which nobody said whether they are.
    """
    if page.template in UNRECORDED or study is None:
        return
    recorded, site_id = RECORDED[page.template], participant.site_id if participant else None
    if recorded.entered and getattr(page, recorded.entered):
        return
    if recorded.is_recorded_for(context.actor, study.id, site_id):
        choices = recorded.read_choices(request.query_params) if is_valid else ()
        looks: LookLog = request.app.state.look_log
        participant_id = participant.participant_id if participant else None
        looks.enter_look(context, PageLook(recorded.page, study.id, participant_id, choices))
