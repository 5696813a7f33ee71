from django.db import models

from leads.choices import activity_label
from leads.models.catalogue import Asset, Campaign
from leads.models.lead import Lead


class Activity(models.Model):
    """Something a lead did. Append only.

    `known_at` is when it could first count: when it was recorded, or when it happened for imports recorded live.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="activities", db_index=False)
    kind = models.CharField(max_length=40)
    asset = models.ForeignKey(Asset, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    known_at = models.DateTimeField()
    properties = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=80, blank=True, default="")
    source_id = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name_plural = "activities"
        ordering = ("-occurred_at", "-pk")
        constraints = (
            # The same event sent twice is one activity.
            models.UniqueConstraint(
                fields=("source", "source_id"), condition=~models.Q(source_id=""), name="activity_source_once"
            ),
            models.CheckConstraint(condition=models.Q(kind__regex=r"^[a-z][a-z0-9_]{0,39}$"), name="activity_kind_shape"),
        )
        indexes = (
            # A lead's timeline, and all that scoring asks of its activities: leads that changed are anywhere in the table, and
            # their activities are read from here alone.
            models.Index(
                fields=("lead", "kind", "occurred_at"), include=("id", "known_at", "asset", "campaign"), name="activity_lead_kind"
            ),
        )

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return activity_label(self.kind)


class ActivityKind(models.Model):
    """A kind of activity that some lead had, since when; those the portal has words for need not be here."""

    key = models.CharField(max_length=40, primary_key=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return activity_label(self.key)


class Submission(models.Model):
    """What came in, raw, before it is understood. Append only; refused items are nowhere else."""

    class Status(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        ATTACHED = "attached", "Known already, attached"
        REFUSED = "refused", "Refused"

    channel = models.CharField(max_length=12)  # api, import, manual
    kind = models.CharField(max_length=12)  # lead, company, activity, outcome
    source = models.CharField(max_length=80, blank=True, default="")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions")
    lead = models.ForeignKey(Lead, null=True, blank=True, on_delete=models.CASCADE, related_name="submissions")
    received_at = models.DateTimeField()
    raw = models.JSONField()
    status = models.CharField(max_length=8, choices=Status.choices)
    problems = models.JSONField(default=list, blank=True)
    import_run = models.ForeignKey(
        "leads.ImportRun", null=True, blank=True, on_delete=models.CASCADE, related_name="submissions", db_index=False
    )
    line = models.PositiveIntegerField(null=True, blank=True)
    api_key = models.ForeignKey("leads.ApiKey", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        ordering = ("-received_at", "-pk")
        indexes = (
            # A run's rows, for undo and the list of refusals.
            models.Index(fields=("import_run", "line"), condition=models.Q(import_run__isnull=False), name="submission_run_line"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=("created", "updated", "attached", "refused")), name="submission_status_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_status_display()}, {self.channel} {self.received_at:%Y-%m-%d}"
