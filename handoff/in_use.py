"""Leads that were ever handed to sales stay when the import that brought them is undone."""

from collections.abc import Sequence

from handoff.models import Handoff


def leads_handed_over(lead_ids: Sequence[int]) -> dict[int, str]:
    """Which of these leads have a hand-off, and so why they stay."""
    return dict.fromkeys(Handoff.objects.filter(lead_id__in=lead_ids).values_list("lead_id", flat=True), "they were handed to sales")
