"""What becomes of hand-offs when two leads turn out to be one person, and when a person is erased. Both in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handoff.actions.working import end_open
from handoff.models import Attempt, Handoff, Packet, RejectionReview
from handoff.states import OPEN
from leads.models import Outbox

if TYPE_CHECKING:
    from leads.models import Lead, User


def follow_merged(kept: Lead, gone: Lead, actor: User | None) -> None:
    """The hand-offs go over to the lead that is kept, counted in the order they were opened; only one stays open."""
    if Handoff.objects.filter(lead=kept, state__in=OPEN).exists():
        end_open(
            gone, "withdraw", actor=actor, detail={"reason": "Merged", "into": kept.pk}, closed_as="withdrawn", note="Merged"
        )
    Handoff.objects.filter(lead=gone).update(lead=kept)
    for place, handoff in enumerate(Handoff.objects.filter(lead=kept).order_by("opened_at", "pk"), start=1):
        if handoff.nth != place:
            Handoff.objects.filter(pk=handoff.pk).update(nth=place)


def forget_erased(lead: Lead, actor: User | None) -> None:
    """Packets, messages and words about the person go; that there were hand-offs, their clocks and their reasons stay."""
    end_open(lead, "withdraw", actor=actor, detail={"reason": "Erased"}, closed_as="withdrawn")
    mine = list(Handoff.objects.filter(lead=lead).values_list("pk", flat=True))
    Packet.objects.filter(handoff_id__in=mine).delete()
    Outbox.objects.filter(handoff_id__in=mine).exclude(channel=Outbox.Channel.WORK).delete()
    Attempt.objects.filter(handoff_id__in=mine).update(note="")
    RejectionReview.objects.filter(handoff_id__in=mine).update(note="", settled_note="")
    Handoff.objects.filter(pk__in=mine).update(note="", headline="")
