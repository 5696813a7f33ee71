"""Messages and work to be done after commit, written with the facts they tell of; `outbox` delivers them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from leads.models import Lane, Outbox, Webhook

INAPP = Outbox.Channel.INAPP.value
WEBHOOK = Outbox.Channel.WEBHOOK.value
LANES = {INAPP: "inapp", Outbox.Channel.MAIL.value: "mail", Outbox.Channel.WORK.value: "work"}

# One statement, as a sweep writes thousands at a time. What several messages share travels once: what they are about and its
# payload, and to whom they go, where and when.
_WRITE = """
INSERT INTO leads_outbox (key, kind, channel, lane, recipient_id, handoff_id, timer_id, epoch, payload, due_at, created_at, expires_at,
       urgent, digest_key, state, sent_at, next_attempt_at, endpoint, batch, attempts, crashes, last_error, log)
SELECT m.key, a.kind, a.channel, a.lane, a.recipient, s.handoff, s.timer, s.epoch, s.payload,
       coalesce(a.due_at, %(at)s), %(at)s, a.expires_at, a.urgent, a.digest_key, CASE WHEN a.shown THEN 'sent' ELSE 'pending' END,
       CASE WHEN a.shown THEN %(at)s END, CASE WHEN NOT a.shown THEN coalesce(a.due_at, %(at)s) END, a.endpoint, '', 0, 0, '', '[]'
FROM ROWS FROM (jsonb_array_elements_text(%(keys)s::jsonb), unnest(string_to_array(%(about)s, ',')::int[]),
     unnest(string_to_array(%(to)s, ',')::int[])) WITH ORDINALITY AS m(key, subject, address, place)
JOIN jsonb_to_recordset(%(subjects)s::jsonb) AS s(no int, handoff bigint, timer bigint, epoch int, payload jsonb) ON s.no = m.subject
JOIN jsonb_to_recordset(%(addresses)s::jsonb) AS a(no int, kind text, channel text, lane text, recipient bigint, due_at timestamptz,
     expires_at timestamptz, urgent boolean, digest_key text, shown boolean, endpoint text) ON a.no = m.address
ORDER BY m.place
ON CONFLICT DO NOTHING
"""


class Message(NamedTuple):
    """What to tell or do. `key` makes it happen once; `due_at` in the future makes it wait, in the portal too.

    A webhook without an `endpoint` is for every endpoint that wants the payload's `event`.
    """

    key: str
    kind: str
    channel: str
    payload: dict[str, Any]
    recipient_id: int | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    handoff_id: int | None = None
    timer_id: int | None = None
    epoch: int | None = None
    urgent: bool = False
    digest_key: str = ""
    lane: str = ""
    endpoint: str = ""


def enqueue(messages: Iterable[Message], *, at: datetime) -> int:
    """Write messages into the caller's transaction; a key already there is left as it is. Returns how many were given."""
    keys: list[str] = []
    about: list[int] = []  # each message's place in `subjects`
    to: list[int] = []  # and in `addresses`
    subjects: dict[tuple[Any, ...], tuple[int, Message]] = {}  # the message kept, so that its payload's identity is not another's
    addresses: dict[tuple[Any, ...], tuple[int, Message]] = {}
    for one in _addressed(messages):
        key, kind, channel, payload, recipient, due, expires, handoff, timer, epoch, *rest = one
        subject, address = (id(payload), handoff, timer, epoch), (kind, channel, recipient, due, expires, *rest)
        keys.append(key)
        about.append(subjects.setdefault(subject, (len(subjects), one))[0])
        to.append(addresses.setdefault(address, (len(addresses), one))[0])
    if keys:
        sent_to = [_address(no, one, at) for no, one in addresses.values()]
        Lane.objects.bulk_create([Lane(name=name) for name in sorted({row["lane"] for row in sent_to})], ignore_conflicts=True)
        given: dict[str, Any] = {
            "at": at, "keys": json.dumps(keys), "about": ",".join(map(str, about)), "to": ",".join(map(str, to)),
            "subjects": json.dumps([_subject(no, one) for no, one in subjects.values()]), "addresses": json.dumps(sent_to),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, given)
    return len(keys)


def _addressed(messages: Iterable[Message]) -> Iterator[Message]:
    """The messages, a webhook's once for each endpoint that wants its event; who wants what is read once, when it is asked."""
    wanted: list[tuple[int, list[str]]] | None = None
    for message in messages:
        if message.channel != WEBHOOK or message.endpoint:
            yield message
            continue
        if wanted is None:
            wanted = list(Webhook.objects.filter(active=True).order_by("pk").values_list("pk", "events"))
        for pk, events in wanted:
            if message.payload["event"] in events:
                yield message._replace(key=f"{message.key}:{WEBHOOK}:{pk}", endpoint=str(pk), lane=Webhook(pk=pk).lane)


def _subject(no: int, message: Message) -> dict[str, Any]:
    return {
        "no": no, "handoff": message.handoff_id, "timer": message.timer_id, "epoch": message.epoch, "payload": message.payload,
    }  # fmt: skip


def _address(no: int, message: Message, at: datetime) -> dict[str, Any]:
    """Without `due_at` it is due now, and then shown in the portal without a sender's help."""
    waits = message.due_at is not None and message.due_at > at
    return {
        "no": no, "kind": message.kind, "channel": message.channel, "lane": message.lane or LANES[message.channel],
        "recipient": message.recipient_id, "due_at": message.due_at.isoformat() if message.due_at and waits else None,
        "expires_at": message.expires_at.isoformat() if message.expires_at else None, "urgent": message.urgent,
        "digest_key": message.digest_key, "endpoint": message.endpoint, "shown": message.channel == INAPP and not waits,
    }  # fmt: skip
