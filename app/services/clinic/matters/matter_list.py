"""To settle: what is open in one study at a colleague's sites, the oldest first, with counts of each kind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

from sqlmodel import Session

from app.domain.desk.arm_blinding import sees_arm
from app.domain.desk.matters import MatterCursor, MatterKind, MatterName
from app.domain.plans.anchor_order import kinds_before
from app.domain.plans.plan import Plan
from app.domain.plans.windows import local_day
from app.domain.records.access import Permission
from app.services.clinic.corrections.overtaking import find_overtaken
from app.services.clinic.staff_sites import StaffSite, list_staff_sites
from app.services.core.context import StaffContext
from app.services.setup.packs import PackStatus, list_pack_statuses, packs_needing_attention
from app.storage.queries.contradictions import Contradiction, read_contradiction
from app.storage.queries.corrections import read_signers
from app.storage.queries.matters.branches import MatterShape
from app.storage.queries.matters.refusals import RefusedFact, is_refusal_name
from app.storage.queries.matters.rows import (
    MatterRow,
    MatterSearch,
    count_matters,
    list_decided_licences,
    list_matters,
)

PAGE = 100
"""Matters on a page."""


@dataclass(frozen=True, slots=True)
class MatterFilter:
    """Which part of the list is shown: a kind, a site, codes that hold this text; what follows `after`."""

    kind: MatterKind | None = None
    site: str = ""
    search: str = ""
    after: MatterCursor | None = None


@dataclass(frozen=True, slots=True)
class OpenMatter:
    """Something open since `at`, `days` ago by its participant's calendar; `row` is None for a licence.

    `unsignable`: a correction that nobody else at its site can sign; `askable` can give somebody the role.
    `overtaken`: one that can only be declined, because answers changed since it was proposed.
    """

    name: MatterName
    at: datetime
    days: int
    row: MatterRow | None = None
    pack: PackStatus | None = None
    unsignable: bool = False
    askable: tuple[str, ...] = ()
    overtaken: bool = False

    @property
    def contradiction(self) -> Contradiction | None:
        """What the EDC said in two ways, where it is that."""
        if self.row is None or self.name.kind is not MatterKind.edc_message or self.refusal is not None:
            return None
        return read_contradiction(json.loads(self.row.note or "[]")[0])

    @property
    def refusal(self) -> RefusedFact | None:
        """What the EDC stated and was refused, where it is that."""
        if self.row is None or not is_refusal_name(self.name.ref):
            return None
        return RefusedFact(self.row.two or "", self.row.one or "", json.loads(self.row.note or "{}"))


@dataclass(frozen=True, slots=True)
class OpenMatters:
    """A page of the list, the counts of every kind at these filters, and where the next page begins."""

    rows: tuple[OpenMatter, ...]
    counts: Mapping[MatterKind, int]
    sites: tuple[StaffSite, ...]
    criteria: MatterFilter
    next: MatterCursor | None = None

    @property
    def every(self) -> int:
        """How many there are of all kinds."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class MatterScope:
    """The sites of one study at which a colleague settles, and those of them that are looked at.

    `seeing` are the sites at which they may see what tells the arm; `everywhere`: the whole study is theirs.
    """

    study_id: int
    study: str
    plans: tuple[Plan, ...]
    sites: tuple[StaffSite, ...]
    chosen: tuple[int, ...]
    seeing: tuple[int, ...]
    everywhere: bool

    @property
    def plan(self) -> Plan:
        """The version of the plan that the study follows now."""
        return self.plans[0]

    def build_search(
        self,
        at: datetime,
        kinds: Sequence[MatterKind] = tuple(MatterKind),
        *,
        subject: str = "",
        participant_id: int = 0,
    ) -> MatterSearch:
        """The search for these kinds in this scope."""
        hides = any(site not in self.seeing for site in self.chosen)
        shape = _shape(self.plans, tuple(kinds), hides, bool(subject), participant_id != 0)
        return MatterSearch(
            shape, self.study_id, self.chosen, self.seeing, at, subject=subject, participant_id=participant_id
        )


def get_open_matters(context: StaffContext, criteria: MatterFilter) -> OpenMatters:
    """A page of what is open at this colleague's sites, in at most seven queries."""
    with context.read() as session:
        scope = open_matter_scope(context, session, criteria.site)
        if scope is None:
            return OpenMatters((), {}, (), criteria)
        licences = [] if criteria.search or criteria.site else list_open_licences(context, session, scope)
        subject = criteria.search
        counts = dict(count_matters(session, scope.build_search(context.at, subject=subject)))
        if licences:
            counts[MatterKind.licence] = len(licences)
        shown = licences if criteria.kind in (None, MatterKind.licence) and criteria.after is None else []
        kinds = tuple(MatterKind) if criteria.kind is None else (criteria.kind,)
        search, most = scope.build_search(context.at, kinds, subject=subject), PAGE - len(shown)
        matters = list_matters(session, search, criteria.after, most + 1)
        rows = _with_signers(
            context, session, scope, [describe_matter(row, context.at) for row in matters[:most]]
        )
    following = MatterCursor(rows[-1].at, rows[-1].name) if rows and len(matters) > most else None
    return OpenMatters((*shown, *rows), counts, scope.sites, criteria, following)


def count_open_matters(context: StaffContext) -> int:
    """How many matters are open in all."""
    with context.read() as session:
        scope = open_matter_scope(context, session)
        if scope is None:
            return 0
        licences = list_open_licences(context, session, scope)
        return len(licences) + sum(count_matters(session, scope.build_search(context.at)).values())


def open_matter_scope(context: StaffContext, session: Session, site: str = "") -> MatterScope | None:
    """Where this colleague settles in their study; None where they do so nowhere.

    A `site` that is none of theirs leaves nothing to look at.
    """
    permitted = list_staff_sites(session.connection(), context.actor, Permission.MATTER_SETTLE)
    sites = tuple(site for site in permitted if site.study_id == permitted[0].study_id)
    if not sites:
        return None
    study_id, code = sites[0].study_id, sites[0].study
    plans = sites[0].list_plans(context.installation.library)
    plan = plans[0]
    seeing = [site.site_id for site in sites if sees_arm(context.actor, plan, study_id, site.site_id)]
    return MatterScope(
        study_id=study_id,
        study=code,
        plans=plans,
        sites=sites,
        chosen=tuple(reached_site.site_id for reached_site in sites if site in ("", reached_site.code)),
        seeing=tuple(seeing),
        everywhere=context.actor.may(Permission.MATTER_SETTLE, study_id, None),
    )


def list_open_licences(context: StaffContext, session: Session, scope: MatterScope) -> list[OpenMatter]:
    """Licences of the study that ended, end soon or are missing, for who settles at all of its sites."""
    if not scope.everywhere:
        return []
    packs = packs_needing_attention(
        list_pack_statuses(context.installation, scope.study, scope.plan.version, context.at)
    )
    settled = list_decided_licences(session, scope.study_id) if packs else ()
    named = [(name_licence(pack), pack) for pack in packs]
    return [
        OpenMatter(name, context.at, -pack.remaining_days, pack=pack)
        for name, pack in named
        if name.ref not in settled
    ]


def name_licence(pack: PackStatus) -> MatterName:
    """A licence in the state that it is in: one that ended is another matter than one that will end."""
    until = pack.valid_until.isoformat() if pack.valid_until else ""
    ref = f"{pack.instrument}~{pack.version}~{pack.language}~{pack.standing.value}~{until}"
    return MatterName(MatterKind.licence, ref)


def describe_matter(row: MatterRow, at: datetime) -> OpenMatter:
    """A row of the records as an open matter."""
    since: date = local_day(row.at, row.zone)
    days = (local_day(at, row.zone) - since).days
    return OpenMatter(MatterName(MatterKind(row.kind), row.ref), row.at, days, row=row)


def _with_signers(
    context: StaffContext, session: Session, scope: MatterScope, matters: Sequence[OpenMatter]
) -> tuple[OpenMatter, ...]:
    """The matters; a correction says whether somebody can sign it, and whether it can still be approved."""
    corrections = [matter.row.one or "" for matter in matters if matter.row and _is_correction(matter)]
    if not corrections:
        return tuple(matters)
    signers = read_signers(session, scope.study_id, context.grant_rules)
    overtaken = find_overtaken(context.installation, session, scope.study, corrections)
    return tuple(
        replace(
            matter,
            overtaken=row.one in overtaken,
            unsignable=not (signable := signers.can_sign(row.two or "", row.site_id)),
            askable=() if signable else signers.list_administrators(row.site_id),
        )
        if _is_correction(matter)
        else matter
        for matter in matters
        if (row := matter.row)
    )


def _is_correction(matter: OpenMatter) -> bool:
    return matter.name.kind is MatterKind.correction


@lru_cache(maxsize=64)
def _shape(
    plans: tuple[Plan, ...], kinds: tuple[MatterKind, ...], hides: bool, filtered: bool, single: bool
) -> MatterShape:
    plan = plans[0]
    order = tuple((before, kind) for kind in plan.anchor_kinds for before in kinds_before(plan, kind))
    if not hides:
        return MatterShape(kinds, order, filtered=filtered, single=single)
    anchors = (anchor for version in plans for anchor in version.anchors if anchor.arm_revealing)
    revealing = tuple(dict.fromkeys(anchor.kind for anchor in anchors))
    rules = (rule for version in plans for rule in version.arm_revealing_rules)
    visits = tuple(dict.fromkeys(rule.code_of(offset) for rule in rules for offset in rule.offsets or (0,)))
    return MatterShape(kinds, order, revealing, visits, filtered, single)
