"""The channel for e-mail: one letter per connection to the site's own relay."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from app.notify.channel import MessageText, SendFailed, Unconfirmed

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OK = range(200, 300)
_LASTING = range(500, 600)


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """A relay by its address, `smtp://user:password@host:port` or `smtps://…`, and the sender's.

    Letters travel encrypted: `smtp` demands STARTTLS unless the relay is on this very machine.
    """

    url: str = field(repr=False)
    sender: str
    patience_seconds: float = 5.0

    def send(self, message: MessageText) -> None:
        """Hand one letter to the relay. Whatever fails before its text is sent certainly did not leave."""
        with self._relay() as relay:
            _check(relay.mail(parseaddr(self.sender)[1]), "sender_refused")
            _check(relay.rcpt(message.to), "recipient_refused")
            _transmit(relay, format_message(message, self.sender))

    @contextmanager
    def _relay(self) -> Iterator[smtplib.SMTP]:
        server = urlsplit(self.url)
        with ExitStack() as deadline:
            try:
                relay = self._connected(server)
                deadline.callback(relay.close)
                self._introduce(relay, server)
            except smtplib.SMTPAuthenticationError as refused:
                raise SendFailed("sign_in_refused") from refused
            except (smtplib.SMTPException, OSError) as unreachable:
                raise SendFailed("unreachable") from unreachable
            try:
                yield relay
            except UnicodeEncodeError as foreign:
                raise SendFailed("bad_address", lasting=True) from foreign
            except (smtplib.SMTPException, OSError) as broken:
                raise SendFailed("broken_off") from broken

    def _connected(self, server: SplitResult) -> smtplib.SMTP:
        host, patience = server.hostname or "", self.patience_seconds
        if server.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, server.port or 465, timeout=patience, context=context)
        return smtplib.SMTP(host, server.port or 25, timeout=patience)

    def _introduce(self, relay: smtplib.SMTP, server: SplitResult) -> None:
        relay.ehlo_or_helo_if_needed()
        if server.scheme != "smtps" and server.hostname not in _LOOPBACK:
            relay.starttls(context=ssl.create_default_context())
        if server.username:
            relay.login(unquote(server.username), unquote(server.password or ""))


def _check(reply: tuple[int, bytes], code: str) -> None:
    if reply[0] not in _OK:
        raise SendFailed(code, lasting=reply[0] in _LASTING)


def _transmit(relay: smtplib.SMTP, text: bytes) -> None:
    """From the first byte of the text on, silence may mean that the letter was taken."""
    try:
        reply = relay.data(text)
    except smtplib.SMTPDataError as refused:
        raise SendFailed("text_refused", lasting=refused.smtp_code in _LASTING) from refused
    except (smtplib.SMTPException, OSError) as silent:
        raise Unconfirmed from silent
    _check(reply, "text_refused")


def format_message(text: MessageText, sender: str) -> bytes:
    """The letter as it travels. Its Message-ID never changes, so that a relay can tell a repetition."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = text.to
    message["Subject"] = text.subject
    message["Date"] = format_datetime(text.at)
    message["Message-ID"] = f"<{text.key}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = text.language
    message.set_content(text.text, cte="base64")
    return message.as_bytes(policy=policy.SMTP)
