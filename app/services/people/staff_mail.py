"""Letters to staff: the link to choose what they sign in with, which is also the notice of a reset."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment

from app.domain.records.staff_links import LinkPurpose, MailOutcome
from app.i18n.catalogues import Catalogues
from app.i18n.languages import ENGLISH, find_language
from app.i18n.message_templates import load_environments, write_letter
from app.notify.channel import MessageChannel, MessageText, SendFailed, Unconfirmed
from app.services.people.staff_links import IssuedLink


@dataclass(frozen=True, slots=True)
class LinkMessage:
    """The content of a message with a link."""

    purpose: LinkPurpose
    name: str
    url: str
    days: int


@dataclass(frozen=True, slots=True)
class StaffMail:
    """How letters to staff leave, and their words in each language; no channel without a mail server."""

    channel: MessageChannel | None
    environments: Mapping[str, Environment]

    @classmethod
    def load_texts(cls, channel: MessageChannel | None, catalogues: Catalogues) -> "StaffMail":
        """Letters in every language, by one channel or none."""
        return cls(channel, load_environments(catalogues))

    def send_link(self, issued: IssuedLink, at: datetime) -> MailOutcome | None:
        """Send a link to whom it is for; it is tried once, and whoever made it can hand it over instead.

        None where there is no mail server: nothing is sent, and the link stands nowhere but on the page.
        """
        if self.channel is None:
            return None
        spoken = find_language(issued.language) or ENGLISH
        days = (issued.expires_at - at).days
        letter = LinkMessage(issued.purpose, issued.name, issued.url, days)
        subject, text = write_letter(self.environments[spoken.code], "messages/staff_link.txt", letter=letter)
        key = f"staff-link-{issued.link_id}"
        try:
            self.channel.send(MessageText(key, issued.email, subject, text, spoken.code, at))
        except SendFailed:
            return MailOutcome.FAILED
        except Unconfirmed:
            return MailOutcome.UNCONFIRMED
        return MailOutcome.SENT
