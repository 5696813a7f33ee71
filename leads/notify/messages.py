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

# One statement, as a sweep writes thousands at a time. What several messages share as their payload travels once.
_WRITE = """
INSERT INTO leads_outbox (key, kind, channel, lane, recipient_id, handoff_id, timer_id, epoch, payload, due_at, created_at, expires_at,
       urgent, digest_key, state, sent_at, next_attempt_at, endpoint, batch, attempts, crashes, last_error, log)
SELECT m.key, m.kind, m.channel, m.lane, m.recipient, m.handoff, m.timer, m.epoch, %(payloads)s::jsonb -> m.payload,
       coalesce(m.due_at, %(at)s), %(at)s, m.expires_at, m.urgent, m.digest_key, CASE WHEN m.shown THEN 'sent' ELSE 'pending' END,
       CASE WHEN m.shown THEN %(at)s END, CASE WHEN NOT m.shown THEN coalesce(m.due_at, %(at)s) END, m.endpoint, '', 0, 0, '', '[]'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS m(
     key text, kind text, channel text, lane text, recipient bigint, handoff bigint, timer bigint, epoch int, payload int,
     due_at timestamptz, expires_at timestamptz, urgent boolean, digest_key text, shown boolean, endpoint text)
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
    payloads: list[dict[str, Any]] = []
    places: dict[int, int] = {}  # of a payload in the list, by its identity
    rows = []
    for message in _addressed(messages):
        if id(message.payload) not in places:
            places[id(message.payload)] = len(payloads)
            payloads.append(message.payload)  # kept, so that its identity is not given to another
        rows.append(_row(message, places[id(message.payload)], at))
    if rows:
        Lane.objects.bulk_create([Lane(name=name) for name in sorted({row["lane"] for row in rows})], ignore_conflicts=True)
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, {"payloads": json.dumps(payloads), "at": at, "rows": json.dumps(rows)})
    return len(rows)


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


def _row(message: Message, payload: int, at: datetime) -> dict[str, Any]:
    """The columns that differ; without `due_at` it is due now, and then shown in the portal without a sender's help."""
    waits = message.due_at is not None and message.due_at > at
    return {
        "key": message.key, "kind": message.kind, "channel": message.channel, "lane": message.lane or LANES[message.channel],
        "recipient": message.recipient_id, "handoff": message.handoff_id, "timer": message.timer_id, "epoch": message.epoch,
        "payload": payload, "due_at": message.due_at.isoformat() if message.due_at and waits else None,
        "expires_at": message.expires_at.isoformat() if message.expires_at else None, "urgent": message.urgent,
        "digest_key": message.digest_key, "shown": message.channel == INAPP and not waits,
        "endpoint": message.endpoint,
    }  # fmt: skip
