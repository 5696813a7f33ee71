"""Past decisions as evidence, and the words reasons and lists are given in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func

from leads.choices import Basis, CaseKind, Outcome
from leads.models.lead import Lead


class Reason(models.Model):
    """Why a lead was rejected or lost, as a small tree. `field_keys` are the facts it speaks about."""

    code = models.SlugField(max_length=40, unique=True, help_text="Used in the API and imports; never changes.")
    label = models.CharField(max_length=80)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    field_keys = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="Facts this reason speaks about, such as company.employees.",
    )
    for_reject = models.BooleanField("offered when rejecting", default=True)
    for_lost = models.BooleanField("offered when lost", default=False)
    needs_words = models.BooleanField("needs words", default=False)
    hint = models.CharField(max_length=160, blank=True, default="", help_text="Shown under the reason to whoever chooses it.")
    active = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "label")
        constraints = (models.CheckConstraint(condition=~models.Q(parent=models.F("pk")), name="reason_not_its_own_parent"),)

    def __str__(self) -> str:
        return self.label

    def why_not_under(self, parent: "Reason | None") -> str:
        """Why this reason cannot stand under `parent`, "" when it can: there are two levels, menus show no more."""
        if parent is None:
            return ""
        if parent.pk == self.pk:
            return "A reason cannot stand under itself."
        if parent.parent_id is not None:
            return f"“{parent}” stands under another reason itself; choose one that does not."
        if self.pk is not None and self.children.exists():
            return "Others stand under this reason, so it cannot stand under one itself."
        return ""


class Case(models.Model):
    """One decision about a lead with the facts as they were then, and what became of it.

    Facts are frozen by a trigger: only the outcome, its time and its reason may change, and keys may leave `facts`
    when a person's data is erased.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="cases", db_index=False)
    kind = models.CharField(max_length=8, choices=CaseKind.choices)
    decided_at = models.DateTimeField()
    facts = models.JSONField(help_text="Core, company and custom facts by registry key.")
    engagement_from = models.DateTimeField(null=True, blank=True)
    basis = models.CharField(max_length=8, choices=Basis.choices, default=Basis.DECISION)
    has_activity = models.BooleanField(default=True)
    score = models.JSONField(null=True, blank=True, help_text="Model, version, fit, engagement and tier at the decision.")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.UNKNOWN)
    outcome_at = models.DateTimeField(null=True, blank=True)
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    txid = models.BigIntegerField(db_default=Func(function="txid_current"), editable=False)

    class Meta:
        ordering = ("-decided_at", "-pk")
        indexes = (
            # A lead's cases in order; its latest one.
            models.Index(fields=("lead", "decided_at"), name="case_lead"),
            # Catching up: what was written in or after a transaction.
            models.Index(fields=("txid",), name="case_txid"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="case_amount_not_negative"),
            models.CheckConstraint(condition=models.Q(kind__in=CaseKind.values), name="case_kind_known"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="case_outcome_known"),
            models.CheckConstraint(condition=models.Q(basis__in=Basis.values), name="case_basis_known"),
        )

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} {self.decided_at:%Y-%m-%d}"


class ValueList(models.Model):
    """A named list of values that criteria refer to: free mail domains, competitors, target industries."""

    key = models.SlugField(max_length=40, unique=True)
    label = models.CharField(max_length=80)

    class Meta:
        ordering = ("label",)

    def __str__(self) -> str:
        return self.label


class ValueListRevision(models.Model):
    """The content of a list at one time. Never changes; an edit is a new revision."""

    list = models.ForeignKey(ValueList, on_delete=models.CASCADE, related_name="revisions")
    no = models.PositiveIntegerField()
    values = ArrayField(models.CharField(max_length=200))
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("list_id", "-no")
        constraints = (models.UniqueConstraint(fields=("list", "no"), name="valuelistrevision_once"),)

    def __str__(self) -> str:
        return f"{self.list} r{self.no}"
