"""What hand-offs hold on to: leads that were ever handed to sales stay when the import that brought them is undone, and people
who are switched off leave what they had in hand to somebody else."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Q

from handoff.models import Handoff, HandoffEvent
from handoff.states import OPEN, WITH_REP, HandoffState


def leads_handed_over(lead_ids: Sequence[int]) -> dict[int, str]:
    """Which of these leads have a hand-off, and so why they stay."""
    return dict.fromkeys(
        Handoff.objects.filter(lead_id__in=lead_ids).values_list("lead_id", flat=True), "they were handed to sales"
    )


def cases_that_ended(case_ids: Sequence[int]) -> dict[int, str]:
    """Which of these cases ended a hand-off, and so why they stay."""
    ends = HandoffEvent.objects.filter(handoff__lead__cases__in=case_ids, detail__from="outcome")
    ended = set(case_ids).intersection(ends.values_list("detail__case", flat=True))
    return dict.fromkeys(ended, "its hand-off ended with this outcome; case and stage stay")


def left_by(user_ids: Sequence[int]) -> list[str]:
    """What these people have in hand, in sentences for whoever switches them off; one query."""
    waiting = Q(state__in=(HandoffState.OFFERED, HandoffState.ACCEPTED))
    counts = Handoff.objects.filter(owner_id__in=user_ids, state__in=sorted(WITH_REP)).aggregate(
        waiting=Count("pk", filter=waiting), worked=Count("pk", filter=~waiting)
    )
    told = []
    if counts["waiting"] == 1:
        told.append("1 hand-off waits for their answer or first attempt; it goes to somebody else at once.")
    elif counts["waiting"]:
        told.append(f"{counts['waiting']} hand-offs wait for their answer or first attempt; they go to somebody else at once.")
    if counts["worked"] == 1:
        told.append("1 hand-off that they worked on stays with them until it is reassigned; managers find it on Home.")
    elif counts["worked"]:
        told.append(
            f"{counts['worked']} hand-offs that they worked on stay with them until reassigned; managers find them on Home."
        )
    return told


def open_since(lead_ids: Sequence[int]) -> dict[int, datetime]:
    """When the open hand-off of each of these leads was opened; leads without one are left out."""
    return dict(Handoff.objects.filter(lead_id__in=lead_ids, state__in=OPEN).values_list("lead_id", "opened_at"))
