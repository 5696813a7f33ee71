from django.conf import settings
from django.db import models

from leads.models import Job, Reason
from leads.roles import Side
from scoring.models.model import ModelVersion
from scoring.signoff import AbstractSignOff


class PreviewReport(models.Model):
    """What the signers of a version saw: its effect on history at that moment."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="reports")
    generation = models.BigIntegerField(null=True, blank=True)
    as_of = models.DateTimeField()
    result = models.JSONField()

    def __str__(self) -> str:
        return f"{self.version} as of {self.as_of:%Y-%m-%d}"


class SignOff(AbstractSignOff):
    """A person's verdict on a version, for one side, over its exact content."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="signatures")
    report = models.ForeignKey(PreviewReport, null=True, blank=True, on_delete=models.PROTECT, related_name="signatures")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("version", "user"), name="signoff_once"),)

    def __str__(self) -> str:
        return f"{Side(self.side).label}: {self.user}, {self.verdict}"


class Evidence(models.Model):
    """What a version rests on: a report, a list of leads, or what rejections say. Frozen with the version."""

    class Kind(models.TextChoices):
        REPORT = "report", "A report"
        LEADS = "leads", "A list of leads"
        REASON = "reason", "A rejection reason"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    label = models.CharField(max_length=120, blank=True, default="")
    url = models.CharField(max_length=500, blank=True, default="", help_text="Of a report, or of a filtered lead list.")
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    count = models.PositiveIntegerField(null=True, blank=True, help_text="Leads or rejections there were when it was added.")
    note = models.TextField(blank=True, default="")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "evidence"
        ordering = ("version_id", "pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind="reason", reason__isnull=False) | (~models.Q(kind="reason") & ~models.Q(url="")),
                name="evidence_names_something",
            ),
        )

    def __str__(self) -> str:
        return self.label or (str(self.reason) if self.reason else self.url)


class VersionEvent(models.Model):
    """What became of a version, and by whom: its history from the first proposal on."""

    class Verb(models.TextChoices):
        PROPOSED = "proposed", "proposed it"
        SIGNED = "signed", "signed"
        OBJECTED = "objected", "asked for a change"
        TAKEN_BACK = "taken_back", "took it back to edit it"
        RETURNED = "returned", "returned to an earlier version"
        ACTIVATED = "activated", "put it into force"
        TRIED = "tried", "began a trial run"
        TRIAL_ENDED = "trial_ended", "ended the trial run"
        WITHDRAWN = "withdrawn", "put it aside"
        REVIEW = "review", "set the next review"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="events")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("version_id", "pk")

    def __str__(self) -> str:
        return f"{self.version_id} {self.verb}"


class Activation(models.Model):
    """A version put into force: by whom, why, and what it did."""

    class Wave(models.TextChoices):
        NOW = "now", "Hand over at once"
        SPREAD = "spread", "Spread within the reps' capacity"
        NONE = "none", "Hand nobody over"

    class Step(models.IntegerChoices):
        SETTLING = 0, "In force, its history being written"
        SETTLED = 1, "In force"
        PLANNED = 2, "Planned"
        PREPARING = 3, "Being prepared"
        FAILED = 4, "Stopped"
        CANCELLED = 5, "Called off"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="activations")
    from_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    generation = models.BigIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    wave = models.CharField(max_length=6, choices=Wave.choices, default=Wave.NOW)
    step = models.PositiveSmallIntegerField(choices=Step.choices, default=Step.PREPARING)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(help_text="When it came into force; before that, when it was asked for.")

    class Meta:
        ordering = ("-at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=("version",), condition=models.Q(step__in=(2, 3)), name="activation_one_open"),
        )

    def __str__(self) -> str:
        return f"{self.version} {self.at:%Y-%m-%d}"
