from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models

from leads.choices import Consent, ContactProblem, Department, Seniority, Stage
from leads.models.catalogue import Campaign, Product
from leads.models.company import Company
from leads.querysets import LeadQuerySet


class Lead(models.Model):
    """A person who may buy: who they are and where they stand. What they did are `Activity` rows.

    Written by `leads.actions` and the intake only; every change of a fact raises its `LeadRevision`.
    """

    first_name = models.CharField(max_length=120, blank=True, default="")
    last_name = models.CharField(max_length=120, blank=True, default="")
    email = models.CharField("e-mail", max_length=320, blank=True, default="", help_text="As it was given.")
    email_key = models.CharField(max_length=320, blank=True, default="", editable=False)
    email_domain = models.CharField(max_length=253, blank=True, default="", editable=False)
    email_usable = models.BooleanField(default=False, editable=False)
    phone = models.CharField(max_length=60, blank=True, default="", help_text="As it was given.")
    phone_e164 = models.CharField(max_length=16, blank=True, default="", editable=False)
    job_title = models.CharField(max_length=200, blank=True, default="")
    seniority = models.CharField(max_length=10, choices=Seniority.choices, blank=True, default="")
    department = models.CharField(max_length=12, choices=Department.choices, blank=True, default="")
    title_corrected = models.BooleanField(
        "seniority and department corrected", default=False, help_text="Set by a person: a new title does not change them."
    )
    country = models.CharField(max_length=2, blank=True, default="", help_text="Two letters, such as DE.")
    language = models.CharField(max_length=12, blank=True, default="")
    company = models.ForeignKey(Company, null=True, blank=True, on_delete=models.PROTECT, related_name="leads")
    first_source = models.CharField(max_length=80, blank=True, default="")
    first_campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="first_leads")
    product_interest = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="leads")
    consent = models.CharField(max_length=8, choices=Consent.choices, default=Consent.UNKNOWN)
    consent_at = models.DateTimeField(null=True, blank=True)
    contactable = models.BooleanField(default=False)
    contact_problem = models.CharField(max_length=16, choices=ContactProblem.choices, blank=True, default="")
    attributes = models.JSONField(default=dict, blank=True, help_text="The company's own fields by key.")
    field_times = models.JSONField(
        default=dict, blank=True, editable=False, help_text="When a fact was last said, by registry key."
    )

    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.INQUIRY)
    stage_since = models.DateTimeField()
    stage_reason = models.CharField(max_length=200, blank=True, default="")
    return_on = models.DateField(null=True, blank=True, help_text="When a recycled lead comes back.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_leads",
        help_text="The person responsible now.",
    )
    engagement_from = models.DateTimeField(null=True, blank=True, help_text="Activity before this no longer counts.")

    folded = models.JSONField(default=dict, editable=False)
    sort_name = models.CharField(max_length=250, blank=True, default="", editable=False)
    search = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = LeadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        permissions = (
            ("see_all_leads", "See every lead"),
            ("see_team_leads", "See the leads of the teams one manages"),
            ("import_leads", "Import files of leads"),
            ("export_leads", "Export lists of leads"),
            ("record_outcome", "Record won and lost"),
        )
        constraints = (
            # One person, one lead: two imports at once cannot double anybody.
            models.UniqueConstraint(fields=("email_key",), condition=~models.Q(email_key=""), name="lead_email_unique"),
            models.CheckConstraint(condition=models.Q(stage__in=Stage.values), name="lead_stage_known"),
            models.CheckConstraint(
                condition=models.Q(contactable=True) ^ ~models.Q(contact_problem=""), name="lead_contact_problem_named"
            ),
            models.CheckConstraint(
                condition=models.Q(contactable=True) | ~models.Q(stage__in=(Stage.PROSPECT, Stage.MQL)),
                name="lead_prospect_reachable",
            ),
        )
        indexes = (
            # The lead list, newest first, all and by stage; the month's figures of the home page read it alone.
            models.Index(fields=("-created_at", "-id"), include=("stage", "first_source"), name="lead_list_newest"),
            models.Index(fields=("stage", "-created_at", "-id"), name="lead_list_stage"),
            # A rep's leads, and a manager's team's.
            models.Index(fields=("owner", "-created_at", "-id"), name="lead_list_owner"),
            # Filters by country (and which countries there are), campaign and source.
            models.Index(fields=("country", "-created_at"), name="lead_list_country"),
            models.Index(fields=("first_campaign", "-created_at"), name="lead_list_campaign"),
            models.Index(fields=("first_source", "-created_at"), name="lead_list_source"),
            # Who cannot be reached, by reason.
            models.Index(
                fields=("contact_problem", "-created_at"), condition=~models.Q(contact_problem=""), name="lead_list_unreachable"
            ),
            # The list sorted by name.
            models.Index(fields=("sort_name", "id"), name="lead_list_name"),
            # The word search of the lead list.
            GinIndex(SearchVector("search", config="simple"), name="lead_search_words"),
            # Guards: the same number, the same company.
            models.Index(fields=("phone_e164",), condition=~models.Q(phone_e164=""), name="lead_phone"),
            # Filters and conversion tables by custom field.
            GinIndex(fields=("attributes",), opclasses=("jsonb_path_ops",), name="lead_attributes"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The best name there is to show."""
        return best_name(self.pk, self.first_name, self.last_name, self.email, self.phone)


def best_name(pk: int, first_name: str, last_name: str, email: str, phone: str) -> str:
    """What to call a lead of which only these columns were read."""
    return f"{first_name} {last_name}".strip() or email or phone or f"Lead {pk}"


class ExternalId(models.Model):
    """What another system calls a lead."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="external_ids")
    system = models.CharField(max_length=40)
    value = models.CharField(max_length=200)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("system", "value"), name="externalid_once"),)

    def __str__(self) -> str:
        return f"{self.system} {self.value}"


class LeadRevision(models.Model):
    """How often a lead's facts changed; whoever keeps something derived compares and catches up."""

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, related_name="revision")
    rev = models.BigIntegerField(default=1)
    txid = models.BigIntegerField()

    class Meta:
        indexes = (
            # Catching up: what was written in or after a transaction.
            models.Index(fields=("txid",), name="leadrevision_txid"),
        )

    def __str__(self) -> str:
        return f"{self.lead_id} rev {self.rev}"


class Deletion(models.Model):
    """A lead or case that is no more, noted by the database itself: whoever keeps something derived finds no other trace.

    Or, as `LATE`, a case whose history is another one: an activity from before its decision came in afterwards, or is no more.
    """

    class Kind(models.TextChoices):
        LEAD = "lead"
        CASE = "case"
        LATE = "late"

    kind = models.CharField(max_length=4, choices=Kind)
    row_id = models.BigIntegerField()
    txid = models.BigIntegerField()

    class Meta:
        indexes = (
            # Catching up: what was noted in or after a transaction.
            models.Index(fields=("txid",), name="deletion_txid"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"


class LeadNote(models.Model):
    """Something a person wrote about a lead."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=5000)
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return self.text[:60]
