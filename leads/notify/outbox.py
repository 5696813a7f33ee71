"""Delivers messages and work after commit, at least once.

A sender claims a lane with some of its due rows, renews its claim before each message, asks again whether the message makes
sense, sends it outside any transaction and marks it by its token. Whoever dies loses the claim after a minute. In-app rows
are the notification itself and work is marked in the transaction that does it, so both happen exactly once.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from leads import clock
from leads.models import Lane, Outbox
from leads.notify import endpoints
from leads.notify.channels import Channel, open_channel
from leads.notify.registry import kinds
from leads.notify.retries import MAIL_LIFE, lane_pause, next_try
from leads.notify.undelivered import Undelivered

logger = logging.getLogger("accord.outbox")

LEASE = timedelta(seconds=60)
CLAIM = 20
BUDGET_S = 25.0
CRASHES = 5
UNKNOWN_KIND_WAITS = timedelta(minutes=5)
State = Outbox.State
OPEN = (State.PENDING, State.LEASED)


@dataclass(slots=True)
class Claim:
    """A lane held by one sender, with the messages to send: each a group of rows that leave as one."""

    lane: str
    token: uuid.UUID
    groups: list[list[Outbox]] = field(default_factory=list)
    paused: bool = False


def deliver(now: datetime | None = None) -> int:
    """Serve lanes until nothing is due or 25 seconds are over; returns the number of messages tried. Safe to run many times at once."""
    started, tried = time.monotonic(), 0
    while time.monotonic() - started < BUDGET_S:
        claim = claim_lane(now or clock.now())
        if claim is None:
            break
        try:
            if not claim.groups:  # everything due is in another sender's hands
                break
            tried += _serve(claim, now, started)
        finally:
            _release(claim, now or clock.now())
    return tried


@transaction.atomic
def claim_lane(now: datetime) -> Claim | None:
    """Take the lane that waited longest with up to 20 of its due messages; None when nothing is due."""
    due = Outbox.objects.filter(lane=OuterRef("name"), next_attempt_at__lte=now)
    lane = (
        Lane.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(Q(lease=None) | Q(lease_until__lte=now), Q(paused_until=None) | Q(paused_until__lte=now), Exists(due))
        .order_by(F("served_at").asc(nulls_first=True), "name")
        .first()
    )
    if lane is None:
        return None
    claim = Claim(lane.name, uuid.uuid4())
    probing = lane.paused_until is not None
    rows = list(
        _locked().filter(lane=lane.name, next_attempt_at__lte=now).order_by("next_attempt_at", "id")[: 1 if probing else CLAIM]
    )
    groups: dict[str, list[Outbox]] = {}
    taken: set[int] = set()
    for row in rows:
        if row.pk in taken:
            continue
        members = _group(row, now)
        taken.update(member.pk for member in members)
        alive = [member for member in members if not _died_too_often(member)]
        if alive:
            groups[alive[0].batch or alive[0].key] = alive
    claim.groups = list(groups.values())
    leased = [row.pk for group in claim.groups for row in group]
    Outbox.objects.filter(pk__in=leased).update(state=State.LEASED, lease=claim.token, next_attempt_at=now + LEASE)
    Lane.objects.filter(pk=lane.name).update(lease=claim.token, lease_until=now + LEASE, served_at=now)
    return claim


def _locked() -> QuerySet[Outbox]:
    return Outbox.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("recipient")


def _group(row: Outbox, now: datetime) -> list[Outbox]:
    """The rows that leave with this one. A batch once stamped stays as it is, so that a repeat is the same message."""
    if row.batch:
        return list(_locked().filter(lane=row.lane, batch=row.batch, state__in=OPEN, next_attempt_at__lte=now).order_by("id"))
    if not row.digest_key:
        return [row]
    waiting = _locked().filter(digest_key=row.digest_key, state=State.PENDING, batch="", next_attempt_at__lte=now)
    members = list(waiting.order_by("id")) or [row]  # all of them: one mail a person, however long nobody sent
    batch = min(member.key for member in members)
    Outbox.objects.filter(pk__in=[member.pk for member in members]).update(batch=batch)
    for member in members:
        member.batch = batch
    return members


def _died_too_often(row: Outbox) -> bool:
    """A row still leased when it falls due took its sender with it."""
    if row.state != State.LEASED:
        return False
    row.crashes += 1
    dead = row.crashes >= CRASHES
    changes: dict[str, Any] = {"crashes": row.crashes}
    if dead:
        changes |= {
            "state": State.DEAD, "next_attempt_at": None, "lease": None, "last_error": f"its sender died {row.crashes} times",
        }  # fmt: skip
    Outbox.objects.filter(pk=row.pk).update(**changes)
    return dead


def _serve(claim: Claim, now: datetime | None, started: float) -> int:
    tried = 0
    with open_channel(claim.groups[0][0].channel) as channel:
        for group in claim.groups:
            if claim.paused or time.monotonic() - started >= BUDGET_S:
                break
            at = now or clock.now()
            if not _renew(claim, group, at):
                continue
            valid = [row for row in group if _is_valid(row, claim, at)]
            if not valid:
                continue
            tried += 1
            if kinds[valid[0].kind].handle is not None:
                _work(valid[0], claim, now)
                continue
            outcome = _send(channel, valid)
            if isinstance(outcome, Undelivered):
                _failed(valid, claim, outcome, now or clock.now())
            else:
                _sent(valid, claim, now or clock.now(), outcome)
    return tried


def _send(channel: Channel, rows: Sequence[Outbox]) -> Undelivered | dict[str, Any]:
    """Send rows as one message: what to note of it, or what went wrong. One that cannot be made is a failure of its own alone."""
    try:
        return channel.send(rows)
    except Undelivered as failure:
        return failure
    except (OperationalError, InterfaceError):  # the database, not a message
        raise
    except Exception as error:
        logger.exception("message %s could not be sent", rows[0].key)
        return _own_fault(error)


def _own_fault(error: Exception) -> Undelivered:
    return Undelivered(f"{type(error).__name__}: {error}", own=True)


def _renew(claim: Claim, group: Sequence[Outbox], at: datetime) -> bool:
    """Hold on to lane and rows for another minute; False when somebody else took them meanwhile."""
    ids = [row.pk for row in group]
    with transaction.atomic():
        mine = Outbox.objects.filter(pk__in=ids, lease=claim.token, next_attempt_at__gt=at)
        if mine.update(attempts=F("attempts") + 1, next_attempt_at=at + LEASE) != len(ids):
            transaction.set_rollback(True)
            return False
        Lane.objects.filter(pk=claim.lane, lease=claim.token).update(lease_until=at + LEASE)
    for row in group:
        row.attempts += 1
    return True


def _is_valid(row: Outbox, claim: Claim, at: datetime) -> bool:
    """Whether to send the row now; one of which that cannot be told has failed and lets the others pass."""
    try:
        return _makes_sense(row, claim, at)
    except (OperationalError, InterfaceError):  # the database, not a message
        raise
    except Exception as error:
        logger.exception("whether message %s makes sense cannot be told", row.key)
        _failed([row], claim, _own_fault(error), at)
        return False


def _makes_sense(row: Outbox, claim: Claim, at: datetime) -> bool:
    kind = kinds.get(row.kind)
    if kind is None:
        if at >= row.created_at + MAIL_LIFE:
            _mark([row], claim, state=State.DEAD, last_error=f"nobody knows messages of the kind {row.kind}")
        else:
            _mark([row], claim, state=State.PENDING, next_attempt_at=at + UNKNOWN_KIND_WAITS, attempts=F("attempts") - 1)
        return False
    expired = row.expires_at is not None and at >= row.expires_at
    gone = not row.recipient.is_active if row.recipient is not None else not endpoints.is_on(row)
    if expired or gone or not kind.still_valid(row):
        _mark([row], claim, state=State.DROPPED, last_error="expired" if expired else "no longer needed")
        return False
    return True


def _work(row: Outbox, claim: Claim, now: datetime | None) -> None:
    """Do a row of work and mark it done in one transaction: a lost claim undoes the work."""
    handle = kinds[row.kind].handle
    assert handle is not None
    try:
        with transaction.atomic():
            handle(row)
            at = now or clock.now()
            if not _mark([row], claim, state=State.SENT, sent_at=at, log=_log(row, at, "done")):
                transaction.set_rollback(True)
    except Exception as error:
        logger.exception("work %s failed", row.key)
        _failed([row], claim, Undelivered(str(error) or type(error).__name__), now or clock.now())
    else:
        Lane.objects.filter(pk=claim.lane, lease=claim.token).update(last_ok_at=now or clock.now())


def _sent(rows: Sequence[Outbox], claim: Claim, at: datetime, facts: dict[str, Any]) -> None:
    logs: dict[str, list[Outbox]] = {}  # a digest may have thousands of rows, most with the same past
    for row in rows:
        logs.setdefault(json.dumps(row.log), []).append(row)
    for alike in logs.values():
        _mark(alike, claim, state=State.SENT, sent_at=at, last_error="", log=_log(alike[0], at, "sent", facts))
    Lane.objects.filter(pk=claim.lane).update(fails=0, paused_until=None, last_ok_at=at)


def _failed(rows: Sequence[Outbox], claim: Claim, failure: Undelivered, at: datetime) -> None:
    for row in rows:
        changes: dict[str, Any] = {"last_error": failure.reason[:500], "log": _log(row, at, failure.reason, failure.facts)}
        wait = next_try(row, failure, at)
        if wait is None:
            changes["state"] = State.DEAD
        else:
            changes |= {"state": State.PENDING, "next_attempt_at": at + wait}
        if failure.lane:
            changes["attempts"] = F("attempts") - 1
        _mark([row], claim, **changes)
    if rows[0].channel == Outbox.Channel.WORK or failure.own:
        return
    endpoints.after_failure(rows[0], failure, at)
    if failure.final:  # a clear answer: the destination itself is well
        Lane.objects.filter(pk=claim.lane).update(fails=0, paused_until=None)
        return
    fails = (Lane.objects.filter(pk=claim.lane).values_list("fails", flat=True).first() or 0) + 1
    pause = max(filter(None, (lane_pause(fails, at_once=failure.lane), failure.retry_after)), default=None)
    Lane.objects.filter(pk=claim.lane).update(fails=fails, **({"paused_until": at + pause} if pause else {}))
    claim.paused = pause is not None


def _mark(rows: Sequence[Outbox], claim: Claim, **changes: Any) -> bool:
    """Write the end of an attempt if the claim still holds."""
    changes = {"next_attempt_at": None, "lease": None} | changes
    return bool(Outbox.objects.filter(pk__in=[row.pk for row in rows], lease=claim.token).update(**changes))


def _log(row: Outbox, at: datetime, result: str, facts: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The last ten attempts; what a channel knows of one (status, duration, excerpt of the answer) stands with it."""
    return [*row.log, {"at": at.isoformat(), "result": result[:500], **(facts or {})}][-10:]


def _release(claim: Claim, now: datetime) -> None:
    """Give back the lane and what was not tried."""
    with transaction.atomic():
        Outbox.objects.filter(lane=claim.lane, next_attempt_at__isnull=False, lease=claim.token).update(
            state=State.PENDING, lease=None, next_attempt_at=now
        )
        Lane.objects.filter(pk=claim.lane, lease=claim.token).update(lease=None, lease_until=None)
