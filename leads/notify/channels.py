"""How a message leaves the portal. A channel sends one message and raises `Undelivered` with what its failure means."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from leads.notify.registry import Rendered, kinds

if TYPE_CHECKING:
    from leads.models import Outbox

MAIL_TIMEOUT_S = 20
SERVICE_GOES = 421


class Undelivered(Exception):
    """A message was not delivered. `final`: trying again is pointless. `lane`: the destination itself is out of reach.

    `own`: the fault is the message's or ours, and says nothing about the destination.
    """

    def __init__(self, reason: str, *, final: bool = False, lane: bool = False, own: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.lane = lane
        self.own = own


class Channel(Protocol):
    def send(self, rows: Sequence[Outbox]) -> None: ...


class InPortal:
    """The row is the notification: nothing leaves, it only becomes visible."""

    def send(self, rows: Sequence[Outbox]) -> None:
        return None


class Mail:
    """Sends by Django's mail backend over one connection, opened when needed and dropped after a failure."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, rows: Sequence[Outbox]) -> None:
        message = compose(rows)
        try:
            if self._connection is None:
                self._connection = get_connection(timeout=MAIL_TIMEOUT_S)
                self._connection.open()
        except (smtplib.SMTPException, OSError) as error:
            self._connection = None
            raise Undelivered(f"no connection to the mail server: {_words(error)}", lane=True) from error
        message.connection = self._connection
        try:
            message.send()
        except smtplib.SMTPRecipientsRefused as error:
            self.close()
            code, answer = next(iter(error.recipients.values()))
            raise _refused(code, answer) from error
        except smtplib.SMTPResponseException as error:
            self.close()
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise Undelivered(_words(error), lane=isinstance(error, ConnectionRefusedError | ssl.SSLError)) from error
        except Exception:  # the server may be left in the middle of a message
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (smtplib.SMTPException, OSError):
                return


@contextmanager
def open_channel(name: str) -> Iterator[Channel]:
    """The channel of this name, closed at the end."""
    if name != "mail":
        yield InPortal()
        return
    mail = Mail()
    try:
        yield mail
    finally:
        mail.close()


def compose(rows: Sequence[Outbox]) -> EmailMultiAlternatives:
    """One mail for one recipient from a row or a digest of rows, with the same Message-ID at every repeat."""
    first = rows[0]
    recipient = first.recipient
    render = kinds[first.kind].render
    if recipient is None or render is None:
        raise Undelivered("nobody to send it to, or no words", final=True)
    rendered = render(rows)
    if any(character in rendered.subject for character in "\r\n"):
        raise Undelivered("a line break in the subject", final=True)
    context = mail_context(rendered, recipient.get_short_name())
    message = EmailMultiAlternatives(
        subject=rendered.subject,
        body=render_to_string("emails/notice.txt", context),
        to=[recipient.email],
        headers={"Message-ID": message_id(first.batch or first.key), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("emails/notice.html", context), "text/html")
    return message


def mail_context(rendered: Rendered, name: str) -> dict[str, Any]:
    site = settings.SITE_URL.rstrip("/")
    return {
        "rendered": rendered,
        "name": name,
        "link": f"{site}{rendered.url}" if rendered.url else "",
        "lines": [(words, f"{site}{path}" if path else "") for words, path in rendered.lines],
        "site": site,
    }


def message_id(key: str) -> str:
    """`<key@domain>`, the same for every repeat; a key too long or strange for a header is replaced by its digest."""
    local = key.replace(":", ".")
    if len(local) > 60 or not local.replace(".", "").replace("-", "").replace("_", "").isalnum() or not local.isascii():
        local = hashlib.sha256(key.encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{local}@{domain}>"


def _refused(code: int, answer: bytes | str) -> Undelivered:
    """What a mail server's answer means: 5xx is final, 421 closes the whole lane, a refused sign-in is the operator's matter."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    signing_in = code in (530, 534, 535, 538)
    return Undelivered(f"{code} {words}", final=code >= 500 and not signing_in, lane=code == SERVICE_GOES or signing_in)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
