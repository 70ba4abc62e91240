"""What a role sees of participants' data where the plan says otherwise than the table of grants."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.records.access import VIEWS, Permission, Role
from app.domain.toml_section import TomlSection

_BY_NAME = {permission.value.partition(":")[0]: permission for permission in sorted(VIEWS)}
_ROLES = tuple(role for role in Role if role not in (Role.ADMIN, Role.SPONSOR_VIEWER))
"""Roles of which a plan can say it: administrators and readers of reports see no participant's data."""


@dataclass(frozen=True, slots=True)
class RoleView:
    """Which of `VIEWS` a role has in a study."""

    kind: Role
    sees: tuple[Permission, ...]


def read_role_views(at: TomlSection) -> tuple[RoleView, ...]:
    """The table `[sees]` of a plan: `investigator = ["answers", "scores"]` withholds the arm from that role.

    Raises BadDefinition, also for an investigator without answers: nobody signs a correction unseen.
    """
    return tuple(_read_view(at, Role(role)) for role in _ROLES if at.has(role))


def find_view(views: Iterable[RoleView], role: Role) -> frozenset[Permission] | None:
    """What these say of a role; None where they leave it to the table of grants."""
    return next((frozenset(view.sees) for view in views if view.kind is role), None)


def _read_view(at: TomlSection, role: Role) -> RoleView:
    names = at.read_texts(role)
    for name in names:
        if name not in _BY_NAME or names.count(name) > 1:
            at.refuse(role, name, "each once, out of: " + ", ".join(_BY_NAME))
    if role is Role.INVESTIGATOR and "answers" not in names:
        at.refuse(role, list(names), "answers among them: investigators sign corrections of answers")
    return RoleView(role, tuple(permission for name, permission in _BY_NAME.items() if name in names))
