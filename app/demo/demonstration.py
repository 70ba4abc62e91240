"""The demonstration: two studies, made through the real use cases, and how to sign in to them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlmodel import Session, col, select

from app.demo import acts, calendar
from app.demo.acts import DemoStage
from app.demo.home_study import HOME_PEOPLE
from app.demo.mishaps import give_back_letters
from app.demo.sites import (
    ADMINISTRATOR,
    HOME_STUDY,
    PASSWORD,
    PLAN,
    SITES,
    STAFF,
    STUDY,
    WEEK_HOURS,
    DemoStaff,
)
from app.demo.stories import PEOPLE
from app.demo.story import Story
from app.domain.plans.status import Status
from app.domain.records.access import CLOCK, SYSTEM, Actor, ActorKind, Grant, Role, Scope
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.accounts.activation import find_invitation
from app.services.audit.audit_seals import seal_days
from app.services.core.context import ClockContext, EdcClientSession, StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.services.people.access_review import digest_access, record_review
from app.services.people.managed_people import list_study_people
from app.services.people.role_grants import grant_to_person
from app.services.people.site_desk import digest_details, get_site_details, update_site
from app.services.reminders.reminder_delivery import MessageSender
from app.services.schedule.enrolment import issue_invitation
from app.services.setup.studies import create_client, create_staff, grant_role, load_study, open_site
from app.storage.plain_rows import SlotRecord
from app.storage.queries.slots import list_slot_records, slot_status
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.staff import RoleGrant, Staff
from app.storage.tables.studies import Site, Study

_EDC = "Demonstration EDC"
_BEFORE_FIRST = timedelta(days=3)
_EDC_SPEAKS = timedelta(days=2000)
_DIARY = "diary"
_STORIES = (*PEOPLE, *HOME_PEOPLE)
_PRESSING = (Status.overdue, Status.in_progress, Status.due, Status.open, Status.not_expected)


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    """What cannot be read out of the database again: the EDC client's secret and, by subject, those of
    the links that were not used yet."""

    client_id: str
    client_secret: str
    invitations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StaffSignIn:
    """How a member of the demonstration's staff signs in; `site` None is every site."""

    email: str
    password: str
    totp_secret: str
    role: str
    site: str | None


@dataclass(frozen=True, slots=True)
class ParticipantSignIn:
    """How to become one of the participants. No link after an exit; no PIN until activated."""

    subject: str
    site: str
    activation_url: str | None
    pin: str | None
    state: Status
    shows: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Everything that is printed. `both` are the addresses of those who work in the `second` study too."""

    study: str
    second: str
    both: tuple[str, ...]
    secrets: DemoSecrets
    staff: tuple[StaffSignIn, ...]
    participants: tuple[ParticipantSignIn, ...]


def demonstration_exists(installation: Installation) -> bool:
    """Whether the database holds the demonstration. Raises Refused("mixed_modes") for a real trial's."""
    with installation.read() as session:
        studies = session.exec(select(Study)).all()
    if any(study.mode is not StudyMode.DEMO for study in studies):
        raise Refused("mixed_modes", mode=StudyMode.DEMO.value)
    return any(study.code == STUDY for study in studies)


def ignore_progress(_done: int, _total: int, _reached: datetime) -> None:
    """Report nothing."""


DemonstrationProgress = Callable[[int, int, datetime], object]
"""Is called after each act with how many are done, how many there are, and the moment that was reached."""


def make_demonstration(
    installation: Installation,
    sender: MessageSender,
    at: datetime,
    progress: DemonstrationProgress = ignore_progress,
) -> DemoSecrets:
    """Fill an empty database with the study, its people and all that they did until this moment.

    The letters of that past leave through `sender`.
    """
    acts = calendar.list_acts(installation.library, at)
    stage, secrets = _set_up(installation, sender, acts[0].at - _BEFORE_FIRST)
    numbered = enumerate(acts, start=1)
    for joins, together in groupby(numbered, key=lambda member: member[1].joins):
        with installation.open_work(CLOCK, at) if joins else nullcontext() as opened:
            joined = replace(stage, opened=opened)
            for done, act in together:
                act.do(joined, act.at)
                progress(done, len(acts), act.at)
    _review_access(StaffContext(installation, stage.administrator, at))
    seal_days(ClockContext(installation, at))
    make_cut(StaffContext(installation, SYSTEM, at), STUDY, "IA1", "First interim analysis (demonstration)")
    return secrets


def _set_up(installation: Installation, sender: MessageSender, at: datetime) -> tuple[DemoStage, DemoSecrets]:
    """Study, sites, staff and EDC client, as an administrator would set them up."""
    study = load_study(StaffContext(installation, SYSTEM, at), STUDY, PLAN, StudyMode.DEMO)
    sites = {entry.code: open_site(StaffContext(installation, SYSTEM, at), STUDY, entry) for entry in SITES}
    actors = {member.email: _colleague(installation, member, study, sites, at) for member in STAFF}
    _set_hours(StaffContext(installation, actors[ADMINISTRATOR], at), sites)
    client_id, client_secret = _new_client(installation, at)
    stage = DemoStage(
        installation=installation,
        study_id=study.id,
        plan=installation.library.get_plan(STUDY, PLAN),
        sites=sites,
        nurses=_by_site(actors, Role.NURSE),
        investigators=_by_site(actors, Role.INVESTIGATOR),
        administrator=actors[ADMINISTRATOR],
        edc=_caller(client_id, study, sites, at),
        outbox=give_back_letters(sender),
    )
    return stage, DemoSecrets(client_id, client_secret, {})


def _set_hours(context: StaffContext, sites: Mapping[str, Site]) -> None:
    """When the telephones are answered, by day of the week."""
    for site in sites.values():
        shown = get_site_details(context, site.id).details
        details = replace(shown, week_hours=WEEK_HOURS)
        update_site(context, site.id, details, digest_details(shown), "hours by day of the week")


def _review_access(context: StaffContext) -> None:
    """Renew the roles that ended since, and record that somebody looked through who has access."""
    for person in list_study_people(context, STUDY):
        if not person.in_force:
            ended = person.grants[-1]
            site = ended.site or None
            grant_to_person(context, person.staff_id, ended.role, STUDY, site, None, "another year of visits")
    listed = digest_access(list_study_people(context, STUDY))
    record_review(context, STUDY, listed, "Everybody works here. Next review in three months.")


def _caller(client_id: str, study: Study, sites: Mapping[str, Site], at: datetime) -> EdcClientSession:
    site_ids = frozenset(site.id for site in sites.values())
    return EdcClientSession(
        client_id, _EDC, study.id, STUDY, study.feed, frozenset(Scope), None, site_ids, at + _EDC_SPEAKS
    )


def _colleague(
    installation: Installation, member: DemoStaff, study: Study, sites: Mapping[str, Site], at: datetime
) -> Actor:
    account = create_staff(
        StaffContext(installation, SYSTEM, at), member.email, member.name, PASSWORD, member.language
    )
    grant_role(StaffContext(installation, SYSTEM, at), account.staff_id, member.role, STUDY, member.site)
    grant = Grant(member.role, study.id, sites[member.site].id if member.site else None)
    return Actor(ActorKind.STAFF, f"staff:{account.staff_id}", member.role.value, (grant,))


def _by_site(actors: Mapping[str, Actor], role: Role) -> dict[str, Actor]:
    return {
        member.site: actors[member.email]
        for member in STAFF
        if member.role is role and member.site is not None
    }


def list_sign_ins(installation: Installation, stored: DemoSecrets | None, at: datetime) -> Demonstration:
    """How to sign in now. Links that were used or have run out are issued anew, and so is a client whose
    secret nobody kept.

    Raises Refused("demonstration_incomplete") when making it was interrupted.
    """
    secrets = stored or DemoSecrets(*_new_client(installation, at), {})
    usable = {
        subject: secret
        for subject, secret in secrets.invitations.items()
        if _usable(installation, secret, at)
    }
    with installation.read() as session:
        people = _people(session)
        states = {
            subject: most_pressing_status(list_slot_records(session, person.id), at)
            for subject, person in people.items()
        }
        staff = _staff(installation, session)
        both = _working_in_both(session)
    invitations = {
        subject: usable.get(subject) or _invite(installation, member, at)
        for subject, member in people.items()
        if member.exit_kind is None
    }
    links = {subject: f"{installation.public_url}/a/{secret}" for subject, secret in invitations.items()}
    participants = tuple(
        _participant(story, people[story.subject], links.get(story.subject), states[story.subject])
        for story in _STORIES
        if story.subject in people
    )
    stored = replace(secrets, invitations=invitations)
    return Demonstration(STUDY, HOME_STUDY, both, stored, staff, participants)


def _people(session: Session) -> dict[str, Participant]:
    """The participants of the stories, by subject; others may have been enrolled since.

    A demonstration that was made when there was no second study goes on without it.
    """
    second = session.exec(select(Study).where(Study.code == HOME_STUDY)).first() is not None
    subjects = [story.subject for story in (_STORIES if second else PEOPLE)]
    people = {member.subject: member for member in session.exec(select(Participant))}
    if any(subject not in people for subject in subjects):
        raise Refused("demonstration_incomplete")
    return {subject: people[subject] for subject in subjects}


def _working_in_both(session: Session) -> tuple[str, ...]:
    """The addresses of the demonstration's staff with a role in the second study, as they are listed."""
    joined = select(Staff.email).join(RoleGrant, col(RoleGrant.staff_id) == col(Staff.id))
    second = joined.join(Study, col(RoleGrant.study_id) == col(Study.id)).where(Study.code == HOME_STUDY)
    granted = set(session.exec(second))
    return tuple(member.email for member in STAFF if member.email in granted)


def _new_client(installation: Installation, at: datetime) -> tuple[str, str]:
    client = create_client(StaffContext(installation, SYSTEM, at), STUDY, _EDC, tuple(Scope), None)
    return client.client_id, client.secret


def _usable(installation: Installation, secret: str, at: datetime) -> bool:
    try:
        find_invitation(installation, secret, at)
    except Refused:
        return False
    return True


def _invite(installation: Installation, participant: Participant, at: datetime) -> str:
    invited = issue_invitation(
        StaffContext(installation, SYSTEM, at), participant.study_id, participant.subject
    )
    return invited.url.rsplit("/", 1)[1]


def _staff(installation: Installation, session: Session) -> tuple[StaffSignIn, ...]:
    rows = {row.email: row for row in session.exec(select(Staff))}
    return tuple(
        StaffSignIn(
            member.email,
            PASSWORD,
            installation.secret_box.decrypt(rows[member.email].totp_sealed),
            member.role.value,
            member.site,
        )
        for member in STAFF
    )


def _participant(story: Story, participant: Participant, url: str | None, state: Status) -> ParticipantSignIn:
    pin = acts.demo_pin(story.subject) if participant.pin_hash is not None else None
    return ParticipantSignIn(story.subject, story.site, url, pin, state, story.shows)


def most_pressing_status(slots: Sequence[Slot | SlotRecord], at: datetime) -> Status:
    """The state of the questionnaire that matters most at `at`: one to be answered, else the last one if
    it went wrong or its window still runs, else what comes next. The diary has its own days."""
    forms = [slot for slot in slots if slot.series != _DIARY]
    states = {slot_status(slot, at) for slot in forms}
    pressing = next((state for state in _PRESSING if state in states), None)
    if pressing is not None:
        return pressing
    last = max((slot for slot in forms if slot.opens_at and slot.opens_at <= at), key=_closing, default=None)
    if last is not None and slot_status(last, at) in (Status.missed, Status.excused):
        return slot_status(last, at)
    if Status.planned not in states:
        return Status.waiting if Status.waiting in states else Status.submitted
    return Status.submitted if last is not None and _closing(last) > at else Status.planned


def _closing(slot: Slot | SlotRecord) -> datetime:
    return slot.closes_at or datetime.max.replace(tzinfo=UTC)
