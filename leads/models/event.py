import uuid

from django.conf import settings
from django.db import models

from leads.models.lead import Lead


class LeadEvent(models.Model):
    """Who changed what about a lead, when and why. Append only; rows of one act share `act_id`."""

    class Kind(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Facts changed"
        STAGE = "stage", "Stage changed"
        OWNER = "owner", "Owner changed"
        OUTCOME = "outcome", "Outcome recorded"
        NOTE = "note", "Note"
        MERGED = "merged", "Merged"
        UNDONE = "undone", "Import undone"
        HANDOFF = "handoff", "Hand-off"

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    act_id = models.UUIDField(default=uuid.uuid4, editable=False)
    changes = models.JSONField(default=dict, help_text="By registry key: [old, new].")
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            # The changes of a lead, on its page.
            models.Index(fields=("lead", "-at"), name="leadevent_lead"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"
