"""What hides words that name an arm on every page about participants, from whoever may not see the arm.

What staff and participants typed can say it in any field of any page; so it is no page's own matter.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from app.domain.desk.trail import ArmMask
from app.i18n.marking import N_

HIDDEN = N_("not shown to you")
_T = TypeVar("_T")
_Hide = Callable[[str], str]


def veil_texts(shown: _T, mask: ArmMask, typed: Collection[str], words: str) -> _T:
    """A page with `words` in place of each text that names an arm, but for what the request itself typed."""

    def hide(text: str) -> str:
        return words if mask.hides_text(text) and text not in typed else text

    return cast("_T", _veil(shown, hide))


def _veil(shown: object, hide: _Hide) -> object:
    """A value is the very same where nothing in it is hidden, so that what was drawn of it is drawn again."""
    if isinstance(shown, str):
        return shown if isinstance(shown, Enum) else hide(shown)
    if isinstance(shown, tuple):
        parts = [_veil(part, hide) for part in shown]
        make = getattr(shown, "_make", tuple)
        return shown if _are_same(parts, shown) else make(parts)
    if isinstance(shown, Mapping):
        veiled = {key: _veil(part, hide) for key, part in shown.items()}
        return shown if _are_same(veiled.values(), shown.values()) else veiled
    if is_dataclass(shown) and not isinstance(shown, type):
        stated = {name: getattr(shown, name) for name in _list_texts(type(shown))}
        changes = {name: new for name, old in stated.items() if (new := _veil(old, hide)) is not old}
        return replace(shown, **changes) if changes else shown
    return shown


def _are_same(new: Iterable[object], old: Iterable[object]) -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))


@lru_cache(maxsize=400)
def _list_texts(kind: type[Any]) -> tuple[str, ...]:
    """The fields that may hold words: an address is none."""
    return tuple(field.name for field in fields(kind) if field.init and not field.name.endswith("url"))
