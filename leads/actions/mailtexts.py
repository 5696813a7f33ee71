"""Own words for the mails of one kind: kept, put back to the standard ones, and tried on oneself."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Invalid
from leads.models import MailText, Outbox, User
from leads.notify.composing import TEST
from leads.notify.mailwords import SUBJECT_VARIABLES, VARIABLES, Unreadable, parse
from leads.notify.messages import Message, enqueue
from leads.notify.registry import kinds

CHANGE = "leads.change_mailtext"
LOOKED_AT = 5000


def mailed_kinds() -> dict[str, str]:
    """The kinds of message that are sent by mail, with their labels."""
    return {name: kind.label for name, kind in kinds.items() if kind.sample is not None}


def save_mail_text(kind: str, subject: str, text: str, *, actor: User, at: datetime | None = None) -> MailText:
    """Put own words in place of the standard ones, for every mail that is sent from now on. `Invalid` names field and line."""
    demand(actor, CHANGE, "leads.add_mailtext", to="change the words of mails")
    if kind not in mailed_kinds():
        raise Invalid(
            "There are no such mails.", code="no_such_mail", field="kind", value=kind, expected=", ".join(mailed_kinds())
        )
    check(subject, text)
    values = {"subject": subject.strip(), "text": text.strip() + "\n", "changed_by": actor, "changed_at": at or clock.now()}
    saved, _ = MailText.objects.update_or_create(kind=kind, defaults=values)
    return saved


def check(subject: str, text: str) -> None:
    """`Invalid` when subject or text cannot be read, with the line."""
    for field, words, allowed in (("subject", subject, SUBJECT_VARIABLES), ("text", text, VARIABLES)):
        try:
            parse(words, allowed)
        except Unreadable as error:
            raise Invalid(str(error), code="unreadable", field=field, value="", expected="known values in {{ }}") from error


def reset_mail_text(text: MailText, *, actor: User) -> None:
    """The standard words again."""
    demand(actor, "leads.delete_mailtext", to="change the words of mails")
    MailText.objects.filter(pk=text.pk).delete()


def send_test_mail(kind: str, subject: str, text: str, *, actor: User, at: datetime | None = None) -> None:
    """Mail these words to whoever asks, by the queue all mail takes, with the facts of a real message."""
    demand(actor, CHANGE, "leads.add_mailtext", to="change the words of mails")
    check(subject, text)
    now = at or clock.now()
    payload = {"of": kind, "payload": latest(kind, actor).payload, "subject": subject, "text": text}
    key = f"{TEST}:{actor.pk}:{int(now.timestamp() * 1_000_000)}"
    with transaction.atomic():
        enqueue([Message(key, TEST, Outbox.Channel.MAIL.value, payload, recipient_id=actor.pk)], at=now)


def latest(kind: str, reader: User) -> Outbox:
    """The newest message of a kind as if it went to `reader`; without one, an invented one. Not stored."""
    newest = Outbox.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    known = Outbox.objects.filter(pk__gt=newest - LOOKED_AT, kind=kind, recipient__isnull=False).order_by("-pk").first()
    payload = {**(kinds[kind].sample or {}), **(known.payload if known is not None else {})}
    about = known.handoff_id if known is not None else 1
    return Outbox(kind=kind, payload=payload, recipient=reader, handoff_id=about, created_at=clock.now(), key=f"example:{kind}")
