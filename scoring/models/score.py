"""Stored scores: a cache that can be dropped and rebuilt, narrow so that re-scoring a million leads is cheap."""

from django.db import models

from leads.models import Lead
from scoring.models.model import ModelVersion, ScoringModel

FLAG_MQL = 1
FLAG_MQO = 2
FLAG_GATED = 4


class LeadScore(models.Model):
    """A lead's score by one version. Partitioned by version in the database; no foreign keys there."""

    pk = models.CompositePrimaryKey("version_id", "lead_id")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="scores"
    )
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="scores")
    fit = models.IntegerField()
    engagement = models.IntegerField()
    tier = models.SmallIntegerField(null=True)
    flags = models.SmallIntegerField(default=0)
    gate = models.CharField(max_length=40, null=True)  # noqa: DJ001 - null: no gate matched

    class Meta:
        managed = False
        db_table = "scoring_leadscore"

    def __str__(self) -> str:
        return f"{self.total}"

    @property
    def total(self) -> int:
        return self.fit + self.engagement

    @property
    def is_mqo(self) -> bool:
        return bool(self.flags & FLAG_MQO)


class LeadState(models.Model):
    """The revision of a lead's facts its scores were made from, and the first day they may change by themselves."""

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="score_state")
    rev = models.BigIntegerField()
    due_on = models.DateField(null=True, blank=True)
    scored_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.lead_id} at rev {self.rev}"


class ScoreChange(models.Model):
    """A score that moved, and what moved it.

    Without foreign keys in the database, like the scores: to look up every lead and version took longer than to write all else.
    """

    class Cause(models.TextChoices):
        EVENT = "event", "New activity"
        TIME = "time", "Time passing"
        FACTS = "facts", "Changed facts"
        ACTIVATION = "activation", "New version in force"
        IMPORT = "import", "Import"

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="score_changes")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    old_fit = models.IntegerField(null=True)
    old_engagement = models.IntegerField(null=True)
    old_tier = models.SmallIntegerField(null=True)
    old_flags = models.SmallIntegerField(null=True)
    new_fit = models.IntegerField()
    new_engagement = models.IntegerField()
    new_tier = models.SmallIntegerField(null=True)
    new_flags = models.SmallIntegerField()
    cause = models.CharField(max_length=10, choices=Cause.choices)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            # The sparkline of a lead's page.
            models.Index(fields=("lead", "at"), name="scorechange_lead"),
        )

    def __str__(self) -> str:
        return f"{self.lead_id}: {self.new_fit + self.new_engagement}"


class Qualification(models.Model):
    """A lead met a model: made when it enters, held open until a hand-off answers it. At most one open a model and kind."""

    class Kind(models.TextChoices):
        MQL = "mql", "MQL"
        MQO = "mqo", "MQO"

    class ClosedAs(models.TextChoices):
        ANSWERED = "answered", "Answered"
        JOINED = "joined", "Joined an open hand-off"
        GUARDED = "guarded", "Went to whoever is in dialogue"
        WITHDRAWN = "withdrawn", "Withdrawn"

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="qualifications")
    model = models.ForeignKey(ScoringModel, on_delete=models.PROTECT, related_name="qualifications", db_index=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="qualifications", db_index=False)
    kind = models.CharField(max_length=3, choices=Kind.choices)
    nth = models.PositiveSmallIntegerField(default=1)
    cause = models.CharField(max_length=10, choices=ScoreChange.Cause.choices)
    at = models.DateTimeField()
    fit = models.IntegerField()
    engagement = models.IntegerField()
    tier = models.SmallIntegerField(null=True)
    lines = models.JSONField()
    release_at = models.DateTimeField(null=True, blank=True, help_text="When sales may get it; empty: not handed over.")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When sales took it up; empty: not yet.")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_as = models.CharField(max_length=9, choices=ClosedAs.choices, null=True, blank=True)  # noqa: DJ001 - null: open

    class Meta:
        ordering = ("-at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("lead", "model", "kind"), condition=models.Q(closed_at__isnull=True), name="qualification_one_open"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, closed_as__isnull=True)
                | models.Q(closed_at__isnull=False, closed_as__isnull=False),
                name="qualification_closed_as",
            ),
            models.CheckConstraint(condition=models.Q(kind__in=("mql", "mqo")), name="qualification_kind_known"),
        )
        indexes = (
            # What waits to be taken up, read every second: small however many are open in sales' hands.
            models.Index(
                fields=("release_at", "id"),
                condition=models.Q(closed_at__isnull=True, taken_at__isnull=True),
                name="qualification_waiting",
            ),
            # What came of a version week by week, on its page.
            models.Index(fields=("version", "at"), condition=models.Q(kind="mql"), name="qualification_since"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d}"

    @property
    def total(self) -> int:
        return self.fit + self.engagement


class Mark(models.Model):
    """Up to which transaction a consumer has caught up."""

    consumer = models.CharField(max_length=40, primary_key=True)
    txid = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.consumer} {self.txid}"
