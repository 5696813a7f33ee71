"""Carrying what runs on older versions of a policy over to the newest: in batches, each whole, so that it can stop and go on.

Who does nothing lets running clocks keep theirs. Time used stays used, nothing fired is unfired, a promise missed stays missed,
what is on hold stays on hold; a promise the newest version does not make any more is cancelled.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q

from handoff.businesstime import MICROSECOND, between
from handoff.models import Handoff, HandoffEvent, SlaPolicy, SlaTimer
from handoff.moves import OPEN_CLOCKS, is_firing, next_due
from handoff.policybook import PolicyBook
from handoff.sla import Clocks
from handoff.states import OPEN
from leads import clock
from leads.actions.authority import demand
from leads.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from leads.models import User

BATCH = 500
BUDGET_S = 10.0

_MOVE = """
UPDATE handoff_handoff h SET due_at = v.due_at, policy_id = v.policy_id, version = h.version + 1
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, due_at timestamptz, policy_id bigint) WHERE h.id = v.id
"""


@dataclass(slots=True)
class Replan:
    """What re-planning comes to, or came to: clocks that move, of them overdue at once, clocks that are cancelled.

    `handoffs` follow the newest version then; `left` do not yet: a step of theirs is firing, or the time was over.
    """

    policy: SlaPolicy
    handoffs: int = 0
    clocks: int = 0
    overdue: int = 0
    cancelled: int = 0
    left: int = 0


def behind_counts(now: datetime) -> dict[str, int]:
    """How many clocks run on older versions of each policy, by its key; keys without any are left out. Two queries."""
    newest = SlaPolicy.objects.filter(effective_from__lte=now).order_by("key", "-version").distinct("key")
    behind = SlaTimer.objects.filter(state__in=OPEN_CLOCKS).exclude(target__policy__in=list(newest.values_list("pk", flat=True)))
    return dict(behind.order_by().values_list("target__policy__key").annotate(Count("pk")))


def newest_in_force(key: str, now: datetime) -> SlaPolicy:
    policy = SlaPolicy.objects.filter(key=key, effective_from__lte=now).order_by("-version").first()
    if policy is None:
        raise NotFound("There is no such policy in force.")
    return policy


def preview_replan(key: str, *, now: datetime) -> Replan:
    """What `replan_policy` would do now; nothing is changed."""
    newest = newest_in_force(key, now)
    told, book = Replan(newest, handoffs=_behind(newest).count()), PolicyBook(now)
    timers = list(_clocks_behind(newest).order_by("pk"))
    book.read_reps(timer.owner_id for timer in timers if timer.owner_id is not None)
    due = {timer.handoff_id for timer in timers if is_firing(timer, now)}
    for timer in timers:
        if timer.handoff_id not in due:
            _count(told, timer, book, now)
    told.left = len(due)
    told.handoffs -= len(due)
    return told


def replan_policy(key: str, *, actor: User, budget_s: float = BUDGET_S) -> Replan:
    """Re-plan all that runs on older versions of the policy, batch by batch, for about `budget_s` seconds; say again to go on."""
    demand(actor, "handoff.change_slapolicy", to="re-plan promises")
    newest, started, after = newest_in_force(key, clock.now()), time.monotonic(), 0
    told = Replan(newest)
    while True:
        last = _replan_batch(told, actor, after)
        if last is None or time.monotonic() - started >= budget_s:
            break
        after = last
    told.left = _behind(newest).count()
    return told


@transaction.atomic
def _replan_batch(told: Replan, actor: User, after: int) -> int | None:
    """The next hand-offs by id, under lock; returns the last one's, None when there were no more."""
    newest = told.policy
    rows = _behind(newest).select_for_update(no_key=True, of=("self",)).filter(pk__gt=after).order_by("pk")
    handoffs = {handoff.pk: handoff for handoff in rows[:BATCH]}
    if not handoffs:
        return None
    locked = SlaTimer.objects.select_for_update(no_key=True, of=("self",)).select_related("target__policy")
    timers = list(locked.filter(handoff_id__in=handoffs, state__in=OPEN_CLOCKS).order_by("pk"))
    now = clock.now()
    book = PolicyBook(now)
    clocks, last = Clocks(book, now, actor), max(handoffs)
    waits = {timer.handoff_id for timer in timers if is_firing(timer, now)}
    timers = [timer for timer in timers if timer.handoff_id not in waits]
    behind = [timer for timer in timers if timer.target.policy.key == newest.key and timer.target.policy_id != newest.pk]
    book.read_reps(timer.owner_id for timer in behind if timer.owner_id is not None)
    clocks.read_steps(behind)
    for timer in behind:
        _count(told, timer, book, now)
        ladder = book.ladder(newest.pk, timer.kind)
        if ladder is None:
            clocks.cancel(timer)
        else:
            calendar_id = book.calendar_id_for(ladder, timer.owner_id, newest.pk)
            clocks.replan(timer, ladder=ladder, calendar_id=calendar_id)
    clocks.flush()
    moved = [handoff for pk, handoff in handoffs.items() if pk not in waits]
    _move(moved, timers, newest)
    HandoffEvent.objects.bulk_create(
        HandoffEvent(
            handoff=handoff, verb="replan", source=handoff.state, target=handoff.state, actor=actor, at=now,
            detail={"did": f"policy {newest}"},
        )
        for handoff in moved
    )  # fmt: skip
    told.handoffs += len(moved)
    return last


def _move(handoffs: list[Handoff], timers: list[SlaTimer], newest: SlaPolicy) -> None:
    """The hand-offs follow the newest version from now on, where they followed an older one, and are due as their clocks say."""
    keys = dict(SlaPolicy.objects.filter(pk__in={handoff.policy_id for handoff in handoffs}).values_list("pk", "key"))
    rows = []
    for handoff in handoffs:
        due = next_due([timer for timer in timers if timer.handoff_id == handoff.pk]) if handoff.state in OPEN else None
        policy_id = newest.pk if keys.get(handoff.policy_id or 0) == newest.key else handoff.policy_id
        rows.append({"id": handoff.pk, "due_at": due.isoformat() if due else None, "policy_id": policy_id})
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [json.dumps(rows)])


def _count(told: Replan, timer: SlaTimer, book: PolicyBook, now: datetime) -> None:
    ladder = book.ladder(told.policy.pk, timer.kind)
    if ladder is None:
        told.cancelled += 1
        return
    told.clocks += 1
    used = timer.consumed_us
    if timer.running_since is not None:
        used += between(book.calendar(timer.calendar_id), timer.running_since, now) // MICROSECOND
    told.overdue += timer.running_since is not None and timer.due_at >= now and used >= ladder.duration_us


def _clocks_behind(newest: SlaPolicy) -> QuerySet[SlaTimer]:
    return SlaTimer.objects.filter(state__in=OPEN_CLOCKS, target__policy__key=newest.key).exclude(target__policy=newest)


def _behind(newest: SlaPolicy) -> QuerySet[Handoff]:
    """Hand-offs with a clock of an older version, and open ones whose next clock would be of one."""
    older = SlaPolicy.objects.filter(key=newest.key).exclude(pk=newest.pk).values("pk")
    return Handoff.objects.filter(
        Q(Exists(_clocks_behind(newest).filter(handoff=OuterRef("pk")))) | Q(policy__in=older, state__in=sorted(OPEN))
    )
