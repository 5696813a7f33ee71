"""Covering for somebody who is away: what they have in hand goes to those who are there, the least loaded first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count

from handoff.actions.assigning import may_be_given, reassign
from handoff.models import Handoff, Rep
from handoff.states import ASSIGN, WITH_REP, HandoffState
from leads.errors import AccordError, Invalid, NotAllowed

if TYPE_CHECKING:
    from leads.models import User


@dataclass(slots=True)
class Covered:
    """What came of covering for a rep: the hand-offs that went to each person, and those that stayed, each with why."""

    gone: dict[User, list[Handoff]] = field(default_factory=dict)
    stayed: list[tuple[Handoff, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(some) for some in self.gone.values())


def cover(
    rep: User, *, actor: User, to: Sequence[User], states: Collection[HandoffState] = WITH_REP, reason: str = "",
    at: datetime | None = None,
) -> Covered:  # fmt: skip
    """Reassign all that `rep` has in these states, each in a transaction of its own, to whoever of `to` has the most room.

    Room is open hand-offs against the person's cap, counted on as they are given; what was due first goes first. One that cannot
    go (its packet is incomplete, somebody moved it meanwhile) stays and is named with the reason; the others go all the same.
    """
    if not actor.has_perm(ASSIGN):
        raise NotAllowed("You may not reassign hand-offs.")
    people = [one for one in dict.fromkeys(to) if one.pk != rep.pk]
    if not people:
        raise Invalid("Choose who covers.", code="nobody", field="to", value="", expected="one rep or several")
    if not may_be_given(actor).filter(pk=rep.pk).exists() and not actor.has_perm("leads.see_all_leads"):
        raise NotAllowed(f"{rep} is in no team of yours.")
    caps = dict(Rep.objects.filter(user__in=people).values_list("user_id", "open_cap"))
    load = loads(people)
    done = Covered()
    words = reason.strip() or f"Covers for {rep}"
    mine = Handoff.objects.visible_to(actor).filter(owner=rep, state__in=states).select_related("lead__company", "owner")
    for handoff in mine.order_by("due_at", "pk"):
        taker = min(people, key=lambda one: (load.get(one.pk, 0) / max(1, caps.get(one.pk, 1)), load.get(one.pk, 0), one.pk))
        try:
            reassign(handoff, actor=actor, to=taker, reason=words, at=at)
        except AccordError as refused:
            done.stayed.append((handoff, refused.message))
            continue
        load[taker.pk] = load.get(taker.pk, 0) + 1
        done.gone.setdefault(taker, []).append(handoff)
    return done


def loads(people: Sequence[User]) -> dict[int, int]:
    """How many open hand-offs each has in hand; one query."""
    rows = Handoff.objects.filter(owner__in=people, state__in=WITH_REP).order_by().values_list("owner")
    return dict(rows.annotate(count=Count("pk")))
