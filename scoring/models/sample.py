"""Sample leads that both sides judge before they see the score and each other's word."""

from django.conf import settings
from django.db import models

from leads.roles import Side
from scoring.models.model import ModelVersion


class SampleLead(models.Model):
    """A real lead, open or as it was at a past decision, that both sides judge for a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="samples")
    no = models.PositiveSmallIntegerField()
    lead = models.ForeignKey("leads.Lead", on_delete=models.CASCADE, related_name="+")
    case = models.ForeignKey(
        "leads.Case", null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: as the lead is now."
    )

    class Meta:
        ordering = ("version_id", "no")
        constraints = (
            models.UniqueConstraint(fields=("version", "no"), name="samplelead_no_once"),
            models.UniqueConstraint(fields=("version", "lead"), name="samplelead_lead_once"),
        )

    def __str__(self) -> str:
        return f"{self.version_id} sample {self.no}"


class SampleVerdict(models.Model):
    """What one side says of a sample lead; one verdict a side."""

    class Word(models.TextChoices):
        GOOD = "good", "Good"
        BAD = "bad", "Not good"
        UNSURE = "unsure", "Can’t say"

    sample = models.ForeignKey(SampleLead, on_delete=models.CASCADE, related_name="verdicts")
    side = models.CharField(max_length=9, choices=Side.choices)
    word = models.CharField(max_length=6, choices=Word.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("sample", "side"), name="sampleverdict_once"),
            models.CheckConstraint(condition=models.Q(side__in=Side.values), name="sampleverdict_side"),
            models.CheckConstraint(condition=models.Q(word__in=("good", "bad", "unsure")), name="sampleverdict_word"),
        )

    def __str__(self) -> str:
        return f"{self.side}: {self.word}"
