"""A person's mark as it is drawn in the frame of a page, of which it is a part."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DrawnMark:
    """The drawing's name and the nickname, "" for none."""

    template: ClassVar[str] = "ui/person_mark.html"
    drawing: str
    nickname: str
