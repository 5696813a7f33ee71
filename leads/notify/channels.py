"""How a message leaves the portal. A channel sends one message and raises `Undelivered` with what its failure means."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from django.core.mail import get_connection

from leads.notify.composing import compose
from leads.notify.undelivered import Undelivered

if TYPE_CHECKING:
    from leads.models import Outbox

MAIL_TIMEOUT_S = 20
SERVICE_GOES = 421


class Channel(Protocol):
    def send(self, rows: Sequence[Outbox]) -> dict[str, Any]:
        """Send rows as one message; answers what the log keeps of it, raises `Undelivered`."""


class InPortal:
    """The row is the notification: nothing leaves, it only becomes visible."""

    def send(self, rows: Sequence[Outbox]) -> dict[str, Any]:
        return {}


class Mail:
    """Sends by Django's mail backend over one connection, opened when needed and dropped after a failure."""

    def __init__(self) -> None:
        self._connection: Any = None

    def send(self, rows: Sequence[Outbox]) -> dict[str, Any]:
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
        return {}

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
    if name == "webhook":
        from leads.notify.endpoints import ToEndpoint

        yield ToEndpoint()
        return
    if name != "mail":
        yield InPortal()
        return
    mail = Mail()
    try:
        yield mail
    finally:
        mail.close()


def _refused(code: int, answer: bytes | str) -> Undelivered:
    """What a mail server's answer means: 5xx is final, 421 closes the whole lane, a refused sign-in is the operator's matter."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    signing_in = code in (530, 534, 535, 538)
    return Undelivered(f"{code} {words}", final=code >= 500 and not signing_in, lane=code == SERVICE_GOES or signing_in)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
