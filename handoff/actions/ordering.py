"""In which order policies are asked, and which are asked at all. A change holds for hand-offs that are opened or offered from then on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from handoff.models import SlaPolicy
from leads import clock, setup_log
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from leads.models import User


@transaction.atomic
def move_policy(key: str, *, actor: User, up: bool, seen: Sequence[str]) -> None:
    """Ask a policy one place earlier or later. `seen` are the keys in the order the actor saw.

    Conflict when the order is another one by now; nothing happens at either end. The fallback stays last.
    """
    rows = _held(actor)
    keys = [row.key for row in rows if not row.is_fallback]
    if key not in keys:
        raise NotFound("There is no such policy to move.")
    if list(seen) != keys:
        raise Conflict("The order of the policies was changed meanwhile. It is shown as it is now.")
    at = keys.index(key)
    to = at - 1 if up else at + 1
    if not 0 <= to < len(keys):
        return
    keys[at], keys[to] = keys[to], keys[at]
    for position, one in enumerate(keys):
        SlaPolicy.objects.filter(key=one).exclude(position=position).update(position=position)
    setup_log.note(rows[at], actor, "Asked earlier" if up else "Asked later")


@transaction.atomic
def switch_policy(key: str, *, actor: User, on: bool) -> None:
    """Ask a policy no more, or again. What follows it already keeps it; the fallback cannot be switched off."""
    rows = _held(actor)
    policy = next((row for row in rows if row.key == key), None)
    if policy is None:
        raise NotFound("There is no such policy.")
    if policy.is_fallback:
        raise Invalid(
            "The fallback cannot be switched off: it takes what no other policy fits.",
            code="fallback", field="key", value=key, expected="another policy",
        )  # fmt: skip
    if (policy.retired_at is None) == on:
        return
    SlaPolicy.objects.filter(key=key).update(retired_at=None if on else clock.now())
    setup_log.note(policy, actor, "Switched on" if on else "Switched off")


def next_position() -> int:
    """Where a new policy is asked: after the others, before the fallback."""
    last = SlaPolicy.objects.exclude(key=SlaPolicy.FALLBACK).order_by("-position").values_list("position", flat=True).first()
    return 0 if last is None else last + 1


def newest_of_each() -> list[SlaPolicy]:
    """The newest version of every policy, those switched off too, in the order in which they are asked."""
    newest = SlaPolicy.objects.order_by("key", "-version").distinct("key")
    return sorted(newest, key=lambda row: (row.is_fallback, row.position, row.key))


def _held(actor: User) -> list[SlaPolicy]:
    demand(actor, "handoff.change_slapolicy", to="change policies")
    list(SlaPolicy.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return newest_of_each()
