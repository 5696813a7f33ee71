"""What people write about a lead."""

from datetime import datetime

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Invalid
from leads.models import Lead, LeadEvent, LeadNote, User

LONGEST_NOTE = 5000


def add_note(lead: Lead, text: str, *, actor: User, at: datetime | None = None) -> LeadNote:
    """Keep what `actor` wrote about the lead, with an event in the same transaction."""
    demand(actor, "leads.view_lead", to="write notes about leads")
    words = text.replace("\x00", "").strip()
    if not words or len(words) > LONGEST_NOTE:
        raise Invalid(
            f"A note has 1 to {LONGEST_NOTE} characters.",
            code="note_length",
            field="note",
            value=words[:80],
            expected=f"1 to {LONGEST_NOTE} characters",
        )
    at = at or clock.now()
    with transaction.atomic():
        note = LeadNote.objects.create(lead=lead, author=actor, text=words, at=at)
        LeadEvent.objects.create(lead=lead, kind=LeadEvent.Kind.NOTE, actor=actor, at=at, changes={"note": [None, note.pk]})
    return note
