"""Which trail somebody reads: one study, the sites that they reach, and what they chose to see of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col

from app.domain.desk.trail import ArmMask, FieldFilter, TrailKind, build_arm_mask, list_trail_events
from app.domain.plans.plan import Plan
from app.domain.plans.windows import start_of_day
from app.domain.records.access import Actor, ActorKind, Permission, read_staff_number, staff_actor
from app.domain.refusal import Refused
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.storage.queries.participants import get_study, select_readable, with_code
from app.storage.queries.trail.entry_rows import TrailSelection, list_study_staff
from app.storage.tables.participants import Participant

KINDS_OF_ACTORS = (ActorKind.PARTICIPANT, ActorKind.EDC, ActorKind.SYSTEM)
"""Who is chosen by what they are; a member of staff is chosen as a person."""


def is_trail_actor(by: str) -> bool:
    """Whether this can stand for who acted: a kind of actor, or a member of staff as the trail names them."""
    return by in KINDS_OF_ACTORS or read_staff_number(by) is not None


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """What the reader chose, "" for everything: codes of study, participant, site and visit, and who acted.

    `by` is a kind of actor or a person as the trail names them; `item` is an instrument and an item of it.
    `oldest_first` is the order in which it is read.
    """

    study: str
    participant: str = ""
    site: str = ""
    kind: TrailKind | None = None
    by: str = ""
    first: date | None = None
    last: date | None = None
    visit: str = ""
    item: tuple[str, str] = ("", "")
    oldest_first: bool = False

    @property
    def fields(self) -> FieldFilter:
        """Which form and item."""
        return FieldFilter(self.visit, *self.item)


@dataclass(frozen=True, slots=True)
class TrailScope:
    """A study's trail as this reader may see it; `people` are the members of staff by what it calls them."""

    study_id: int
    plans: tuple[Plan, ...]
    sites: Mapping[int, StaffSite]
    people: Mapping[str, str]
    participant_id: int | None
    zone: str
    selection: TrailSelection
    filter: TrailFilter
    actor: Actor
    arm_mask: ArmMask

    @property
    def plan(self) -> Plan:
        """The version of the plan that the study follows now; those before it stand behind it in `plans`."""
        return self.plans[0]

    def mask_at(self, site_id: int | None) -> ArmMask | None:
        """What hides the arm at a site, None where the reader may see it."""
        if self.actor.may(Permission.ARM_SEE, self.study_id, site_id):
            return None
        return self.arm_mask

    def code_of_site(self, site_id: int | None) -> str:
        """The code of a site, "" for none."""
        site = self.sites.get(site_id) if site_id is not None else None
        return site.code if site else ""

    def sees_answers_at(self, site_id: int | None) -> bool:
        """Whether the reader may see answers of a site."""
        return self.actor.may(Permission.ANSWERS_SEE, self.study_id, site_id)


def open_trail_scope(session: Session, context: StaffContext, chosen: TrailFilter) -> TrailScope:
    """What this reader may see of a trail.

    Raises Refused: "unknown_study", "not_own_site", "no_such_participant", "days_reversed".
    """
    sites = list_staff_sites(session.connection(), context.actor, Permission.TRAIL_SEE)
    reached = [site for site in sites if site.study == chosen.study]
    if not reached:
        raise Refused("unknown_study", study=chosen.study)
    if chosen.site and chosen.site not in [site.code for site in reached]:
        raise Refused("not_own_site", field="site", allowed=tuple(site.code for site in reached))
    if chosen.first and chosen.last and chosen.last < chosen.first:
        raise Refused("days_reversed", field="to")
    study = get_study(session, chosen.study)
    study_id = study.id
    plans = reached[0].list_plans(context.installation.library)
    participant = _find_participant(session, context, study_id, chosen.participant)
    whole = (study_id, None) in context.actor.list_reach(Permission.TRAIL_SEE)
    near = None if whole else tuple(site.site_id for site in reached)
    counted = tuple(site.site_id for site in reached if site.code == chosen.site) if chosen.site else near
    people = {staff_actor(key).id: name for key, name in list_study_staff(session, study_id, near)}
    zone = participant.zone if participant else plans[0].zone
    return TrailScope(
        study_id=study_id,
        plans=plans,
        sites={site.site_id: site for site in reached},
        people=people,
        participant_id=participant.id if participant else None,
        zone=zone,
        selection=_select(study_id, counted, participant, zone, chosen),
        filter=chosen,
        actor=context.actor,
        arm_mask=build_arm_mask(*plans),
    )


def _select(
    study_id: int,
    sites: tuple[int, ...] | None,
    participant: Participant | None,
    zone: str,
    chosen: TrailFilter,
) -> TrailSelection:
    return TrailSelection(
        study_id=study_id,
        sites=sites,
        participant=_participant_key(participant, sites),
        events=list_trail_events(chosen.kind) if chosen.kind else None,
        actor="" if chosen.by in KINDS_OF_ACTORS else chosen.by,
        actor_kind=chosen.by if chosen.by in KINDS_OF_ACTORS else "",
        since=_day_start(chosen.first, zone),
        until=_day_start(chosen.last + timedelta(days=1) if chosen.last else None, zone),
        visit=chosen.visit,
        item=chosen.item[1],
        oldest_first=chosen.oldest_first,
    )


_NOBODY = 0
"""The key of no participant."""


def _participant_key(participant: Participant | None, sites: tuple[int, ...] | None) -> int | None:
    """The key of the chosen participant; nobody's where they are not at the chosen site."""
    if participant is None:
        return None
    return participant.id if sites is None or participant.site_id in sites else _NOBODY


def _find_participant(
    session: Session, context: StaffContext, study_id: int, subject: str
) -> Participant | None:
    if not subject:
        return None
    readable = select_readable(context.actor, Permission.TRAIL_SEE)
    row = session.exec(with_code(readable.where(col(Participant.study_id) == study_id), subject)).first()
    if row is None:
        raise Refused("no_such_participant", field="participant")
    return row


def _day_start(day: date | None, zone: str) -> datetime | None:
    return start_of_day(day, zone) if day else None


def get_trail_scope(context: StaffContext, chosen: TrailFilter) -> TrailScope:
    """The scope of a trail before anything is read. Raises as `open_trail_scope`."""
    with context.read() as session:
        return open_trail_scope(session, context, chosen)
