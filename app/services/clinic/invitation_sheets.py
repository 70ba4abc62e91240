"""Enrolling at one's own site and inviting, with all that the printed sheet says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.domain.records.access import Permission
from app.domain.refusal import Refused
from app.services.clinic.staff_sites import list_staff_sites
from app.services.core.context import StaffContext
from app.services.core.plans import get_plan_of
from app.services.schedule.enrolment import (
    EnrolmentEntry,
    Invitation,
    enrol_participant,
    issue_invitation,
)
from app.storage.queries.participants import get_site
from app.storage.tables.participants import Participant
from app.storage.tables.studies import Site


@dataclass(frozen=True, slots=True)
class InvitationSheet:
    """Whom a sheet is for, the telephone and hours of their site, and the link and code, this once.

    `study_names` are the neutral names of the study by language, which name no disease.
    """

    participant_id: int
    public_id: str
    subject: str
    language: str
    zone: str
    phone: str
    hours: str
    study_names: Mapping[str, str]
    invitation: Invitation


def enrol_with_invitation(context: StaffContext, site_code: str, entry: EnrolmentEntry) -> InvitationSheet:
    """Enrol a participant at a site, named as `study:code`, and invite them, in one transaction.

    Raises Refused("unknown_site") naming one's own sites, or as `enrol_participant`.
    """
    site = _get_site(context, site_code)
    with context.unit_of_work() as work:
        inside = replace(context, opened=work)
        return _sheet(inside, enrol_participant(inside, site, entry), site)


def renew_invitation(context: StaffContext, participant_id: int) -> InvitationSheet:
    """Invite a participant anew; earlier links and codes stop working. Raises as `issue_invitation`."""
    with context.read() as session:
        participant = session.get_one(Participant, participant_id)
        site = get_site(session, participant)
    return _sheet(context, participant, site)


def _get_site(context: StaffContext, site_code: str) -> Site:
    with context.read() as session:
        sites = list_staff_sites(session.connection(), context.actor, Permission.PARTICIPANT_ENROL)
        chosen = next((site for site in sites if f"{site.study}:{site.code}" == site_code), None)
        if chosen is None:
            raise Refused("unknown_site", field="site", allowed=tuple(site.code for site in sites))
        return session.get_one(Site, chosen.site_id)


def _sheet(context: StaffContext, participant: Participant, site: Site) -> InvitationSheet:
    invitation = issue_invitation(context, participant.study_id, participant.subject)
    with context.read() as session:
        plan = get_plan_of(context.installation, session, participant)
    return InvitationSheet(
        participant_id=participant.id,
        public_id=participant.public_id,
        subject=participant.subject,
        language=participant.language,
        zone=participant.zone,
        phone=site.phone,
        hours=site.hours,
        study_names=plan.neutral_name,
        invitation=invitation,
    )
