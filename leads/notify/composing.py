"""A mail in its words: the standard ones of its kind, or those an organisation has put in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from itertools import zip_longest
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from leads.models import MailText, Outbox
from leads.notify.mailwords import SUBJECT_VARIABLES, VARIABLES, Unreadable, as_html, as_line, as_text, parse
from leads.notify.registry import Kind, Rendered, kinds, register
from leads.notify.undelivered import Undelivered

TEST = "leads.mail_test"
MOST_LINES = 50  # of a digest in a mail
# What of a payload an own text may use as it is; of several messages each value once.
FACTS = ("lead", "company", "why", "score", "owner", "actor", "reason", "note")
NOWHERE = "/answer/example/"  # in place of a link that would answer for somebody


class Words(NamedTuple):
    """A mail as it leaves."""

    subject: str
    text: str
    html: str


def compose(rows: Sequence[Outbox]) -> EmailMultiAlternatives:
    """One mail for one recipient from a row or a digest of rows, with the same Message-ID at every repeat."""
    first = rows[0]
    if first.recipient is None:
        raise Undelivered("nobody to send it to", final=True)
    words = test_words(first) if first.kind == TEST else own_or_standard(rows)
    if any(character in words.subject for character in "\r\n"):
        raise Undelivered("a line break in the subject", final=True)
    message = EmailMultiAlternatives(
        subject=words.subject,
        body=words.text,
        to=[first.recipient.email],
        headers={"Message-ID": message_id(first.batch or first.key), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(words.html, "text/html")
    return message


def own_or_standard(rows: Sequence[Outbox]) -> Words:
    """The mail of these rows. An own text that cannot be read any more gives way to the standard one: no mail is lost for it."""
    rendered = _rendered(rows)
    own = MailText.objects.filter(kind=rows[0].kind).first()
    if own is not None:
        try:
            return own_words(own.subject, own.text, rows, rendered)
        except Unreadable:
            pass
    return _standard_words(rows, rendered)


def own_words(subject: str, text: str, rows: Sequence[Outbox], rendered: Rendered) -> Words:
    """Rows in own words; `Unreadable` says what is wrong with them. A subject that comes out empty is the standard one."""
    titled, parts = parse(subject, SUBJECT_VARIABLES), parse(text, VARIABLES)
    values = values_of(rows, rendered)
    line = as_line(titled, values) or rendered.subject
    frame = {"subject": line, "body": as_html(parts, values), "site": values["site"]}
    return Words(line, as_text(parts, values), render_to_string("emails/own.html", frame))


def as_example(rows: Sequence[Outbox]) -> Rendered:
    """Rows in their standard words, with no link that would answer in somebody's name."""
    rendered = _rendered(rows)
    return replace(rendered, answers=tuple((words, NOWHERE) for words, _ in rendered.answers))


def test_words(row: Outbox) -> Words:
    """A test of a text, with the facts of a real message, for whoever asked for it."""
    shown = Outbox(
        kind=row.payload["of"], payload=row.payload["payload"], recipient=row.recipient, created_at=row.created_at, key=row.key,
        handoff_id=1,
    )  # fmt: skip
    rendered = as_example([shown])
    words = own_words(row.payload["subject"], row.payload["text"], [shown], rendered)
    return words._replace(subject=f"Test: {words.subject}")


def register_kind() -> None:
    """Make the outbox know tests of own texts; called once, when the app is ready."""
    register(TEST, Kind("Test of a mail"))


def values_of(rows: Sequence[Outbox], rendered: Rendered) -> dict[str, str]:
    """What an own text may say of these rows, as plain words."""
    context = mail_context(rendered, rows[0].recipient.get_short_name() if rows[0].recipient else "")
    answers = dict.fromkeys(("accept", "reject"), "") | {words.lower(): address for words, address in context["answers"]}
    lines = [" ".join(part for part in (f"- {words}", link, answer) if part) for words, link, answer in context["lines"]]
    return {
        **{name: ", ".join(dict.fromkeys(str(row.payload[name]) for row in rows if row.payload.get(name))) for name in FACTS},
        **answers,
        "due": ", ".join(dict.fromkeys(_due(row) for row in rows if row.payload.get("due"))),
        "name": context["name"], "subject": rendered.subject, "count": str(len(rows)), "title": rendered.title,
        "text": rendered.text, "lines": "\n".join(lines), "action": rendered.action, "link": context["link"], "site": context["site"],
    }  # fmt: skip


def _due(row: Outbox) -> str:
    at = datetime.fromisoformat(row.payload["due"])
    at = at.astimezone(row.recipient.zone) if row.recipient else at
    return f"{at:%a %-d %b, %H:%M} {at.tzname()}"


def _rendered(rows: Sequence[Outbox]) -> Rendered:
    render = kinds[rows[0].kind].render
    if render is None:
        raise Undelivered("no words for it", final=True)
    return render(rows)


def _standard_words(rows: Sequence[Outbox], rendered: Rendered) -> Words:
    assert rows[0].recipient is not None  # `compose` sends to somebody
    context = mail_context(rendered, rows[0].recipient.get_short_name())
    return Words(
        rendered.subject, render_to_string("emails/notice.txt", context), render_to_string("emails/notice.html", context)
    )


def mail_context(rendered: Rendered, name: str) -> dict[str, Any]:
    site = settings.SITE_URL.rstrip("/")
    return {
        "rendered": rendered,
        "name": name,
        "link": f"{site}{rendered.url}" if rendered.url else "",
        "lines": [
            (words, f"{site}{path}" if path else "", f"{site}{answer}" if answer else "")
            for (words, path), (_, answer) in zip_longest(
                _shown(rendered), rendered.answers[:MOST_LINES] if rendered.lines else (), fillvalue=("", "")
            )
        ],
        "answers": [] if rendered.lines else [(words, f"{site}{path}") for words, path in rendered.answers],
        "site": site,
    }


def _shown(rendered: Rendered) -> list[tuple[str, str]]:
    """The first lines of a digest, and how many more there are: after an outage there may be thousands."""
    more = len(rendered.lines) - MOST_LINES
    return [*rendered.lines[:MOST_LINES], *([(f"and {more} more in the portal", rendered.url)] if more > 0 else [])]


def message_id(key: str) -> str:
    """`<key@domain>`, the same for every repeat; a key too long or strange for a header is replaced by its digest."""
    local = key.replace(":", ".")
    if len(local) > 60 or not local.replace(".", "").replace("-", "").replace("_", "").isalnum() or not local.isascii():
        local = hashlib.sha256(key.encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{local}@{domain}>"
