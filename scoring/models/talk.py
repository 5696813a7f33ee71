"""What people say about the criteria of a draft: views of both sides, verdicts, words, examples; and who is there."""

from django.conf import settings
from django.db import models

from leads.roles import Side
from scoring.models.model import Criterion, ModelVersion, ScoringModel


class CriterionView(models.Model):
    """One side's view of a criterion and its verdict; a verdict holds as long as the content is what it was given on."""

    class Need(models.TextChoices):
        REQUIRED = "required", "Required"
        NICE = "nice", "Nice to have"
        IRRELEVANT = "irrelevant", "Irrelevant"

    criterion = models.ForeignKey(Criterion, on_delete=models.CASCADE, related_name="side_views")
    side = models.CharField(max_length=9, choices=Side.choices)
    need = models.CharField(max_length=10, choices=Need.choices, blank=True, default="")
    points = models.SmallIntegerField(null=True, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    agreed_hash = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null: not agreed
    agreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField(null=True, blank=True)
    disagreed_hash = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null: does not disagree
    disagreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    disagreed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("criterion", "side"), name="criterionview_once"),
            models.CheckConstraint(condition=models.Q(points__range=(-1000, 1000)), name="criterionview_points_range"),
            models.CheckConstraint(
                condition=models.Q(agreed_hash__isnull=True) | models.Q(disagreed_hash__isnull=True),
                name="criterionview_one_verdict",
            ),
        )

    def __str__(self) -> str:
        return f"{self.side}: {self.need or 'no view'}"


class CriterionComment(models.Model):
    """A word about a criterion: a comment, a proposal, evidence from history, or what a reject reason says."""

    class Kind(models.TextChoices):
        COMMENT = "comment", "Comment"
        PROPOSAL = "proposal", "Proposal"
        HISTORY = "history", "From history"
        REJECT = "reject", "From rejections"

    criterion = models.ForeignKey(Criterion, on_delete=models.CASCADE, related_name="comments")
    reply_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=9, choices=Side.choices, blank=True, default="")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.COMMENT)
    text = models.TextField(blank=True, default="")
    payload = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return self.text[:60]


class CriterionExample(models.Model):
    """A real lead or past case that shows what a criterion means, or what it does not."""

    criterion = models.ForeignKey(Criterion, on_delete=models.CASCADE, related_name="examples")
    lead = models.ForeignKey("leads.Lead", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    case = models.ForeignKey("leads.Case", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    is_counter = models.BooleanField(default=False)
    side = models.CharField(max_length=9, choices=Side.choices, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, default="")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(lead__isnull=False) ^ models.Q(case__isnull=False), name="criterionexample_lead_or_case"
            ),
            models.UniqueConstraint(
                fields=("criterion", "lead"), condition=models.Q(lead__isnull=False), name="criterionexample_lead_once"
            ),
        )

    def __str__(self) -> str:
        return self.note


class TalkEvent(models.Model):
    """One step of the talk about a draft: who said or decided something about which criterion, and when."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="talk_events")
    no = models.PositiveIntegerField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    verb = models.CharField(max_length=40)
    target = models.CharField(max_length=40, blank=True, default="", help_text="The key of the criterion; empty for all of them.")
    before = models.JSONField(null=True, blank=True, help_text="What an answer said that was known to both sides already.")
    after = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ("version_id", "-no")
        constraints = (models.UniqueConstraint(fields=("version", "no"), name="talkevent_no_once"),)

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"


class Presence(models.Model):
    """Somebody has the draft open; whoever leads the meeting shows the others which row is talked about."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    last_seen = models.DateTimeField()
    leads_meeting = models.BooleanField(default=False)
    row = models.CharField(max_length=40, blank=True, default="", help_text="The key of the criterion the leader is at.")
    edits = models.CharField(max_length=140, blank=True, default="", help_text="The part whose editor is open, in words.")
    edits_seen = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("version", "user"), name="presence_once"),
            models.UniqueConstraint(fields=("version",), condition=models.Q(leads_meeting=True), name="presence_one_leader"),
        )

    def __str__(self) -> str:
        return f"{self.user} at {self.version}"


class Question(models.Model):
    """What one side asks a lead; questions of both sides on one topic are compared."""

    model = models.ForeignKey(ScoringModel, on_delete=models.CASCADE, related_name="questions")
    side = models.CharField(max_length=9, choices=Side.choices)
    topic = models.CharField(max_length=60, help_text="What it is about; the other side's question on it stands beside.")
    text = models.CharField(max_length=240)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("topic", "pk")

    def __str__(self) -> str:
        return self.text
