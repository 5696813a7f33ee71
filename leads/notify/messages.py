"""Messages and work to be done after commit, written with the facts they tell of; `outbox` delivers them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from leads.models import Lane, Outbox

LANES = {Outbox.Channel.INAPP.value: "inapp", Outbox.Channel.MAIL.value: "mail", Outbox.Channel.WORK.value: "work"}
State = Outbox.State

# One statement, as a sweep writes thousands at a time. What several messages share as their payload travels once.
_WRITE = """
INSERT INTO leads_outbox (key, kind, channel, lane, recipient_id, handoff_id, timer_id, epoch, payload, due_at, created_at, expires_at,
       urgent, digest_key, state, sent_at, next_attempt_at, endpoint, batch, attempts, crashes, last_error, log)
SELECT m.key, m.kind, m.channel, m.lane, m.recipient, m.handoff, m.timer, m.epoch, %s::jsonb -> m.payload, m.due_at, %s, m.expires_at,
       m.urgent, m.digest_key, m.state, m.sent_at, m.next_attempt_at, '', '', 0, 0, '', '[]'
FROM jsonb_to_recordset(%s::jsonb) AS m(
     key text, kind text, channel text, lane text, recipient bigint, handoff bigint, timer bigint, epoch int, payload int,
     due_at timestamptz, expires_at timestamptz, urgent boolean, digest_key text, state text, sent_at timestamptz, next_attempt_at timestamptz)
ON CONFLICT DO NOTHING
"""


class Message(NamedTuple):
    """What to tell or do. `key` makes it happen once; `due_at` in the future makes it wait, in the portal too."""

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


def enqueue(messages: Iterable[Message], *, at: datetime) -> int:
    """Write messages into the caller's transaction; a key already there is left as it is. Returns how many were given."""
    payloads: list[dict[str, Any]] = []
    places: dict[int, int] = {}  # of a payload in the list, by its identity
    rows = []
    for message in messages:
        if id(message.payload) not in places:
            places[id(message.payload)] = len(payloads)
            payloads.append(message.payload)  # kept, so that its identity is not given to another
        rows.append(_row(message, places[id(message.payload)], at))
    if rows:
        Lane.objects.bulk_create([Lane(name=name) for name in sorted({row["lane"] for row in rows})], ignore_conflicts=True)
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [json.dumps(payloads), at, json.dumps(rows)])
    return len(rows)


def _row(message: Message, payload: int, at: datetime) -> dict[str, Any]:
    due_at = max(message.due_at or at, at)
    due = due_at.isoformat()
    row: dict[str, Any] = {
        "key": message.key, "kind": message.kind, "channel": message.channel, "lane": message.lane or LANES[message.channel],
        "recipient": message.recipient_id, "handoff": message.handoff_id, "timer": message.timer_id, "epoch": message.epoch,
        "payload": payload, "due_at": due, "urgent": message.urgent, "digest_key": message.digest_key,
    }  # fmt: skip
    if message.expires_at is not None:
        row["expires_at"] = message.expires_at.isoformat()
    if message.channel == Outbox.Channel.INAPP and due_at <= at:  # shown at once
        return row | {"state": State.SENT, "sent_at": due}
    return row | {"state": State.PENDING, "next_attempt_at": due}
