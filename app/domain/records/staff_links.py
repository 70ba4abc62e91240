"""What a single-use link lets a member of staff choose, and whether it left by mail."""

from enum import StrEnum


class LinkPurpose(StrEnum):
    """Why somebody of the staff chooses anew what they sign in with."""

    INVITATION = "invitation"
    PASSWORD = "password"  # noqa: S105 - the name of a purpose, no secret
    SECOND_FACTOR = "second_factor"
    BOTH = "both"

    @property
    def asks_password(self) -> bool:
        """Whether a new password is chosen."""
        return self is not LinkPurpose.SECOND_FACTOR

    @property
    def asks_second_factor(self) -> bool:
        """Whether a new second factor is set up."""
        return self is not LinkPurpose.PASSWORD


class MailOutcome(StrEnum):
    """What became of the letter that carries a link."""

    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
