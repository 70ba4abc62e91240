"""Pages right after a browser was bound, and those about a participant's own browsers and PIN.

As in `app.patient.pages`, dates are already in the reader's language.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class TextSizePage:
    """How large somebody reads, each size with a sample of itself."""

    template: ClassVar[str] = "patient/text_size.html"
    action_url: str
    skip_url: str
    size: str  # "standard" | "large" | "extra_large"


@dataclass(frozen=True, slots=True)
class PracticePage:
    """Two questions that look like those of a form; what is answered is stored nowhere."""

    template: ClassVar[str] = "patient/practice.html"
    action_url: str
    skip_url: str


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One browser of somebody's own; `here` is the one that they hold."""

    label: str
    bound: str
    seen: str
    here: bool
    remove_url: str


@dataclass(frozen=True, slots=True)
class DevicesPage:
    """The browsers that are bound to this person, and a way to bind another one."""

    template: ClassVar[str] = "patient/devices.html"
    devices: tuple[DeviceLine, ...]
    code_url: str
    settings_url: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class OwnCodePage:
    """The code that lets one more browser in, shown this once."""

    template: ClassVar[str] = "patient/own_code.html"
    address: str
    code: tuple[str, str]
    until: str
    asks: str  # "pin" | "birth_date" | "none"
    devices_url: str


@dataclass(frozen=True, slots=True)
class NewPinPage:
    """Change the PIN: the one that holds, and the new one twice."""

    template: ClassVar[str] = "patient/new_pin.html"
    action_url: str
    settings_url: str
    error: str = ""  # "" | "format" | "mismatch" | "simple" | "wrong" | "throttled"
    saved: bool = False


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Who is bound in this browser: numbers alone, which tell nobody's name or code (P2.4)."""

    template: ClassVar[str] = "patient/people.html"
    action_url: str
    home_url: str
    here: int
    others: tuple[int, ...]
    left: bool = False
