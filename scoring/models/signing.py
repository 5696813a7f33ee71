from django.conf import settings
from django.db import models

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


class Activation(models.Model):
    """A version put into force: by whom, why, and what it did."""

    class Wave(models.TextChoices):
        NOW = "now", "Hand over at once"
        SPREAD = "spread", "Spread within the reps' capacity"
        NONE = "none", "Hand nobody over"

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="activations")
    from_version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    generation = models.BigIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    wave = models.CharField(max_length=6, choices=Wave.choices, default=Wave.NOW)
    step = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"{self.version} {self.at:%Y-%m-%d}"
