"""The one page for every refusal and failure that has no page of its own."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """`message` is already translated and may be ""; `reference` is the request id to quote.

    `is_start`: it stands in place of the page that a reader begins with, to which no link can lead away.
    """

    template: ClassVar[str] = "errors/error.html"
    status: int
    message: str = ""
    reference: str = ""
    is_start: bool = False
