"""Who may do what: roles, permissions, scopes, and the actor that every change names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Permission(StrEnum):
    """One thing a member of staff may do at a site."""

    PARTICIPANT_SEE = "participant:see"
    PARTICIPANT_ENROL = "participant:enrol"
    ACTIVATION_ISSUE = "activation:issue"
    CONTACT_SEE = "contact:see"
    ANCHOR_RECORD = "anchor:record"
    DISPOSITION_RECORD = "disposition:record"
    DISPOSITION_UNDO = "disposition:undo"
    REASON_RECORD = "reason:record"
    REQUEST_CLOSE = "request:close"
    CONTACT_LOG = "contact:log"
    REMINDER_SEND = "reminder:send"
    ARM_SEE = "arm:see"
    TRAIL_SEE = "trail:see"
    STAFF_MANAGE = "staff:manage"
    SITE_MANAGE = "site:manage"
    ACCESS_SEE = "access:see"
    PLAN_SEE = "plan:see"
    REPORT_SEE = "report:see"
    ANSWERS_SEE = "answers:see"
    SCORES_SEE = "scores:see"
    CORRECTION_PROPOSE = "correction:propose"
    CORRECTION_DECIDE = "correction:decide"
    ALERT_SEE = "alert:see"
    ALERT_HANDLE = "alert:handle"
    MATTER_SETTLE = "matter:settle"
    CUT_MAKE = "cut:make"
    EXPORT_RUN = "export:run"
    PAPER_ENTER = "paper:enter"
    DEVICE_HAND_OVER = "device:hand_over"


READING_PERMISSIONS = frozenset(
    {
        Permission.PARTICIPANT_SEE,
        Permission.ARM_SEE,
        Permission.TRAIL_SEE,
        Permission.ACCESS_SEE,
        Permission.PLAN_SEE,
        Permission.REPORT_SEE,
        Permission.ANSWERS_SEE,
        Permission.SCORES_SEE,
        Permission.ALERT_SEE,
        Permission.CUT_MAKE,
        Permission.EXPORT_RUN,
    }
)
"""Those that change nothing of a participant."""


class Role(StrEnum):
    """The staff roles of a study; administration never mixes with conduct (IAM-14)."""

    NURSE = "nurse"
    INVESTIGATOR = "investigator"
    MONITOR = "monitor"
    DATA_MANAGER = "data_manager"
    ADMIN = "admin"
    STATISTICIAN = "statistician"
    SPONSOR_VIEWER = "sponsor_viewer"


_CONDUCT = frozenset(
    {
        Permission.PARTICIPANT_SEE,
        Permission.PARTICIPANT_ENROL,
        Permission.ACTIVATION_ISSUE,
        Permission.CONTACT_SEE,
        Permission.ANCHOR_RECORD,
        Permission.DISPOSITION_RECORD,
        Permission.REASON_RECORD,
        Permission.REQUEST_CLOSE,
        Permission.CORRECTION_PROPOSE,
        Permission.REPORT_SEE,
        Permission.CONTACT_LOG,
        Permission.REMINDER_SEND,
        Permission.ALERT_SEE,
        Permission.ALERT_HANDLE,
        Permission.PAPER_ENTER,
        Permission.DEVICE_HAND_OVER,
    }
)
_READING = frozenset(
    {
        Permission.PARTICIPANT_SEE,
        Permission.TRAIL_SEE,
        Permission.ANSWERS_SEE,
        Permission.REPORT_SEE,
        Permission.ALERT_SEE,
        Permission.PLAN_SEE,
    }
)

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.NURSE: _CONDUCT,
    Role.INVESTIGATOR: _CONDUCT
    | {
        Permission.DISPOSITION_UNDO,
        Permission.ARM_SEE,
        Permission.TRAIL_SEE,
        Permission.ACCESS_SEE,
        Permission.ANSWERS_SEE,
        Permission.SCORES_SEE,
        Permission.CORRECTION_DECIDE,
        Permission.MATTER_SETTLE,
        Permission.PLAN_SEE,
    },
    Role.MONITOR: _READING | {Permission.ACCESS_SEE},
    Role.DATA_MANAGER: _READING | {Permission.MATTER_SETTLE, Permission.CUT_MAKE, Permission.EXPORT_RUN},
    Role.ADMIN: frozenset(
        {Permission.STAFF_MANAGE, Permission.SITE_MANAGE, Permission.ACCESS_SEE, Permission.PLAN_SEE}
    ),
    Role.STATISTICIAN: frozenset(
        {
            Permission.REPORT_SEE,
            Permission.ARM_SEE,
            Permission.ANSWERS_SEE,
            Permission.SCORES_SEE,
            Permission.CUT_MAKE,
            Permission.EXPORT_RUN,
        }
    ),
    Role.SPONSOR_VIEWER: frozenset({Permission.REPORT_SEE, Permission.EXPORT_RUN}),
}
"""The one table of grants; a study's plan can say otherwise of `VIEWS` alone.

Nurses see whether a form was sent, and neither answers nor scores.

Of an answer that raised an alert they read what the plan's rule says of it: they are to call.
"""


VIEWS = frozenset({Permission.ARM_SEE, Permission.ANSWERS_SEE, Permission.SCORES_SEE})
"""What a study's plan can grant or withhold by role, beside the table."""


class Scope(StrEnum):
    """One thing an EDC client may do."""

    PARTICIPANTS_WRITE = "participants:write"
    VISITS_WRITE = "visits:write"
    STATUS_WRITE = "status:write"
    ANCHORS_WRITE = "anchors:write"
    ARM_WRITE = "arm:write"
    ARM_READ = "arm:read"
    ANSWERS_READ = "answers:read"
    SCORES_READ = "scores:read"
    DIARY_READ = "diary:read"
    CUTS_WRITE = "cuts:write"
    EXPORTS_RUN = "exports:run"


class ActorKind(StrEnum):
    """The kind of actor that makes a change."""

    STAFF = "staff"
    PARTICIPANT = "participant"
    EDC = "edc"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a study, at one site or (`site_id` None) at all of them.

    `views` are those of `VIEWS` that the study's plan gives the role; None leaves it to the table of grants.
    """

    role: Role
    study_id: int
    site_id: int | None
    views: frozenset[Permission] | None = None
    permissions: frozenset[Permission] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "permissions", permissions_of(self.role, self.views))


def permissions_of(role: Role, views: frozenset[Permission] | None) -> frozenset[Permission]:
    """What a role may do in a study whose plan gives it these views."""
    usual = ROLE_PERMISSIONS[role]
    return usual if views is None else usual - VIEWS | views


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or machine that acts, with the grants in force at that moment.

    `route_permission` is what the route asks by which they came. Where they lack it their other grants
    allow nothing either: no use case of a page reaches a site at which the page itself is closed to them.
    """

    kind: ActorKind
    id: str
    role: str
    grants: tuple[Grant, ...] = ()
    route_permission: Permission | None = None

    def may(self, permission: Permission, study_id: int, site_id: int | None) -> bool:
        """Whether a grant in force allows this at this site; None: at every site of the study."""
        if not self._is_granted(permission, study_id, site_id):
            return False
        required = self.route_permission
        return required is None or required is permission or self._is_granted(required, study_id, site_id)

    def _is_granted(self, permission: Permission, study_id: int, site_id: int | None) -> bool:
        for grant in self.grants:  # a page asks some thirty times
            if (
                grant.study_id == study_id
                and grant.site_id in (None, site_id)
                and permission in grant.permissions
            ):
                return True
        return False

    def may_administer(self, permission: Permission, study_id: int, site_id: int | None) -> bool:
        """Whether this actor may administer a study; the operator, who runs the server, needs no grant."""
        return self.is_operator or self.may(permission, study_id, site_id)

    @property
    def is_operator(self) -> bool:
        """Whether the program itself acts, or whoever may start it on the server."""
        return self.kind is ActorKind.SYSTEM

    def keep_study(self, study_id: int) -> "Actor":
        """This actor with the grants of one study alone."""
        return replace(self, grants=tuple(grant for grant in self.grants if grant.study_id == study_id))

    def on_route(self, permission: Permission | None) -> "Actor":
        """This actor on a route that asks this permission."""
        return replace(self, route_permission=permission)

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that a grant in force allows anywhere, whatever the route asks."""
        return frozenset().union(*(grant.permissions for grant in self.grants))

    @property
    def only_reads(self) -> bool:
        """Whether no grant in force lets them change anything of a participant."""
        return self.permissions <= READING_PERMISSIONS

    def list_reach(self, permission: Permission) -> tuple[tuple[int, int | None], ...]:
        """The (study, site) pairs at which this is allowed; a site of None means every site of the study."""
        granted = {
            (grant.study_id, grant.site_id): None for grant in self.grants if permission in grant.permissions
        }
        if self.route_permission in (None, permission):
            return tuple(granted)
        # A site of its own may be where one of the two permissions is granted and the other in the study.
        places = dict.fromkeys((*granted, *((grant.study_id, grant.site_id) for grant in self.grants)))
        return tuple(at_site for at_site in places if self.may(permission, *at_site))


def staff_actor(staff_id: int | None, grants: tuple[Grant, ...] = ()) -> Actor:
    """A member of staff as the trail names them."""
    roles = "+".join(sorted({grant.role.value for grant in grants})) or "none"
    return Actor(ActorKind.STAFF, f"staff:{staff_id}", roles, grants)


def read_staff_number(actor_id: str) -> int | None:
    """The account's number in what the trail calls a member of staff; None for anybody else."""
    kind, _, number = actor_id.partition(":")
    return int(number) if kind == ActorKind.STAFF and number.isascii() and number.isdigit() else None


SYSTEM = Actor(ActorKind.SYSTEM, "daybook", "system")
CLOCK = Actor(ActorKind.SYSTEM, "clock", "system")
