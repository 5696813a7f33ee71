"""The reasons a rep chooses from, as the small tree that menus and forms show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leads.models import Reason

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Choice:
    """One reason to choose; `digit` is the key that presses it, 0 for the tenth, None after that."""

    reason: Reason
    digit: int | None


@dataclass(frozen=True, slots=True)
class Branch:
    """Reasons under one heading; "" for those that stand by themselves."""

    title: str
    choices: tuple[Choice, ...]


def _offered(*, lost: bool) -> QuerySet[Reason]:
    return Reason.objects.filter(active=True, **{"for_lost" if lost else "for_reject": True})


def choosable(*, lost: bool = False) -> QuerySet[Reason]:
    """The reasons that can be given for rejecting (or losing): those offered, without the headings of others."""
    return _offered(lost=lost).exclude(pk__in=_offered(lost=lost).filter(parent__isnull=False).values("parent_id"))


def branches(*, lost: bool = False) -> list[Branch]:
    """The active reasons for rejecting (or losing), in their order; a reason that has others below it is their heading."""
    reasons = list(_offered(lost=lost).order_by("position", "label"))
    known = {reason.pk for reason in reasons}
    below: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons:
        if reason.parent_id in known:
            below[int(reason.parent_id or 0)].append(reason)
    grouped: list[tuple[str, list[Reason]]] = []
    for reason in reasons:
        if reason.parent_id in known:
            continue
        if reason.pk in below:
            grouped.append((reason.label, below[reason.pk]))
        elif grouped and not grouped[-1][0]:
            grouped[-1][1].append(reason)
        else:
            grouped.append(("", [reason]))
    number = 0
    tree = []
    for title, members in grouped:
        choices = []
        for reason in members:
            number += 1
            choices.append(Choice(reason, number % 10 if number <= 10 else None))
        tree.append(Branch(title, tuple(choices)))
    return tree
