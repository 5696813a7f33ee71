"""Scoring models and their versions: what both sides agree a lead is worth."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Abs

from leads.models import Product


class ScoringModel(models.Model):
    """One agreed definition of a qualified lead, for a product, segment or market, through all its versions."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="scoring_models")
    segment = models.CharField(max_length=80, blank=True, default="")
    market = models.CharField(max_length=80, blank=True, default="")
    position = models.PositiveIntegerField(default=0, help_text="Lists show a lead's score by its first model.")
    active_version = models.ForeignKey("ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    next_review_on = models.DateField(null=True, blank=True)
    marketing_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    sales_owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    signers = models.JSONField(
        default=dict, blank=True, help_text="Doers and leaders needed a side; one leader each unless said."
    )

    class Meta:
        ordering = ("position", "pk")
        permissions = (
            ("see_criteria", "Read the criteria"),
            ("edit_draft", "Edit the draft of the criteria"),
            ("discuss_draft", "Follow the workshop, agree, disagree and comment"),
            ("sign_version", "Sign a version for one's side"),
            ("activate_version", "Put a version into force"),
        )

    def __str__(self) -> str:
        return self.name


class ModelResearch(models.Model):
    """What a model is founded on; a model without it says so."""

    model = models.OneToOneField(ScoringModel, primary_key=True, on_delete=models.CASCADE, related_name="research")
    personas = models.TextField(blank=True)
    journey = models.TextField(blank=True)
    channels = models.TextField(blank=True)
    behaviour = models.TextField(blank=True)
    sources = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "model research"

    def __str__(self) -> str:
        return f"Research for {self.model}"


class ModelVersion(models.Model):
    """One state of a model. Editable as a draft; frozen for good by a trigger once it is proposed or active."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PROPOSED = "proposed", "Proposed"
        ACTIVE = "active", "In force"
        RETIRED = "retired", "Retired"
        WITHDRAWN = "withdrawn", "Withdrawn"

    model = models.ForeignKey(ScoringModel, on_delete=models.CASCADE, related_name="versions", db_index=False)
    no = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT)
    spec = models.JSONField(null=True, blank=True)
    spec_hash = models.CharField(max_length=64, blank=True, default="")
    rev = models.PositiveIntegerField(default=1, help_text="Raised by every edit; a save from an older one is told.")
    scope = models.JSONField(null=True, blank=True, help_text="A condition: which leads the model judges. Empty: all.")
    decision = models.JSONField(default=dict, blank=True, help_text="Threshold or grid, tiers, what is MQL and MQO.")
    dimensions = models.JSONField(default=dict, blank=True, help_text="Floor and ceiling of fit and engagement.")
    copied_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.TextField(blank=True, default="")
    effective_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    talk = models.PositiveIntegerField(default=0, help_text="Raised by every word, view and verdict on a criterion.")
    blind_from = models.DateTimeField(null=True, blank=True, help_text="A blind round is open since then.")
    kept_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when its scores are kept up to date although it is only proposed."
    )
    trial_since = models.DateTimeField(null=True, blank=True, help_text="Since when it runs beside the version in force.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("model_id", "-no")
        constraints = (
            models.UniqueConstraint(fields=("model", "no"), name="modelversion_no_once"),
            models.UniqueConstraint(fields=("model",), condition=models.Q(status="active"), name="modelversion_one_active"),
            models.UniqueConstraint(fields=("model",), condition=models.Q(status="proposed"), name="modelversion_one_proposed"),
            models.CheckConstraint(
                condition=models.Q(status__in=("draft", "withdrawn")) | ~models.Q(spec_hash=""),
                name="modelversion_spec_when_frozen",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} v{self.no}"

    @property
    def label(self) -> str:
        return f"v{self.no}"


class Dimension(models.TextChoices):
    FIT = "fit", "Fit"
    ENGAGEMENT = "engagement", "Engagement"


class CriterionGroup(models.Model):
    """Criteria that together may give at most `cap` and at least `floor` points."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="groups")
    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=80)
    dimension = models.CharField(max_length=10, choices=Dimension.choices)
    cap = models.PositiveSmallIntegerField(null=True, blank=True)
    floor = models.SmallIntegerField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("version_id", "position", "pk")
        constraints = (models.UniqueConstraint(fields=("version", "key"), name="criteriongroup_key_once"),)

    def __str__(self) -> str:
        return self.label


class PresentCriteria(models.Manager["Criterion"]):
    """The criteria that were not taken out of their draft."""

    def get_queryset(self) -> models.QuerySet["Criterion"]:
        return super().get_queryset().filter(removed=False)


class Criterion(models.Model):
    """One line of the model: a test of facts that pays once, or a tally of events in a window."""

    class Shape(models.TextChoices):
        TEST = "test", "What they are"
        TALLY = "tally", "What they did"

    class Award(models.TextChoices):
        ONCE = "once", "Once"
        EACH = "each", "Each time"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="criteria")
    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=120)
    why = models.TextField(blank=True, default="", help_text="Why this makes a better or worse lead.")
    dimension = models.CharField(max_length=10, choices=Dimension.choices)
    group = models.ForeignKey(CriterionGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="criteria")
    shape = models.CharField(max_length=5, choices=Shape.choices)
    condition = models.JSONField(null=True, blank=True)
    event = models.JSONField(null=True, blank=True, help_text="Kinds, assets and campaigns that count.")
    points = models.SmallIntegerField()
    award = models.CharField(max_length=4, choices=Award.choices, default=Award.ONCE)
    freq_min = models.PositiveSmallIntegerField(default=1)
    freq_max = models.PositiveSmallIntegerField(null=True, blank=True)
    window_days = models.PositiveSmallIntegerField(null=True, blank=True)
    half_life_days = models.PositiveSmallIntegerField(null=True, blank=True)
    cap = models.PositiveSmallIntegerField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    rev = models.PositiveIntegerField(default=0, help_text="The draft's revision that last changed this criterion.")
    removed = models.BooleanField(default=False, help_text="Taken out of the draft; what was said about it is kept.")

    objects = PresentCriteria()
    with_removed = models.Manager()

    class Meta:
        verbose_name_plural = "criteria"
        ordering = ("version_id", "position", "pk")
        constraints = (
            models.UniqueConstraint(fields=("version", "key"), condition=models.Q(removed=False), name="criterion_key_once"),
            models.CheckConstraint(condition=models.Q(points__range=(-1000, 1000)), name="criterion_points_range"),
            models.CheckConstraint(condition=models.Q(freq_min__gte=1), name="criterion_freq_min"),
            models.CheckConstraint(
                condition=models.Q(shape="tally", event__isnull=False, window_days__range=(1, 3650))
                | models.Q(shape="test", event__isnull=True, window_days__isnull=True, condition__isnull=False),
                name="criterion_shape",
            ),
            models.CheckConstraint(
                condition=models.Q(award="each") | models.Q(freq_max__isnull=True, half_life_days__isnull=True),
                name="criterion_each_only",
            ),
            models.CheckConstraint(condition=~models.Q(points=0), name="criterion_gives_something"),
            models.CheckConstraint(
                condition=models.Q(cap__isnull=True) | models.Q(cap__gte=Abs(models.F("points"))),
                name="criterion_cap_holds_points",
            ),
        )

    def __str__(self) -> str:
        return self.label


class Gate(models.Model):
    """A condition that bars qualification whatever the score."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="gates")
    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=120)
    condition = models.JSONField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("version_id", "position", "pk")
        constraints = (models.UniqueConstraint(fields=("version", "key"), name="gate_key_once"),)

    def __str__(self) -> str:
        return self.label


class DraftEvent(models.Model):
    """One edit of a draft: who, when, what changed, enough to take it back."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="edits")
    rev = models.PositiveIntegerField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    verb = models.CharField(max_length=40)
    target = models.CharField(max_length=80, blank=True, default="")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    undoes = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="undone_by")

    class Meta:
        ordering = ("version_id", "-rev")
        constraints = (models.UniqueConstraint(fields=("version", "rev"), name="draftevent_rev_once"),)

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"
