from django.conf import settings
from django.db import models


class Company(models.Model):
    """A company leads work for: one row per domain, or per name where no domain is known."""

    name = models.CharField(max_length=200)
    name_key = models.CharField(max_length=200, blank=True, default="", editable=False, help_text="The folded name.")
    domain = models.CharField(
        max_length=253, blank=True, default="", help_text="Such as example.com: what its people's addresses end in."
    )
    industry = models.CharField(max_length=120, blank=True, default="")
    employees = models.PositiveIntegerField(null=True, blank=True)
    revenue = models.DecimalField("yearly revenue", max_digits=15, decimal_places=0, null=True, blank=True)
    country = models.CharField(max_length=2, blank=True, default="", help_text="Two letters, such as DE.")
    is_customer = models.BooleanField("is a customer", default=False)
    is_competitor = models.BooleanField("is a competitor", default=False)
    account_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts"
    )
    folded = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name_plural = "companies"
        ordering = ("name_key", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("domain",),
                condition=~models.Q(domain=""),
                name="company_domain_unique",
                violation_error_message="There is a company with this domain already.",
            ),
            models.UniqueConstraint(
                fields=("name_key",),
                condition=models.Q(domain="") & ~models.Q(name_key=""),
                name="company_name_unique_without_domain",
            ),
        )
        indexes = (
            # Intake: a company known by name only, and the admin's search by beginning.
            models.Index(fields=("name_key",), name="company_name_key", opclasses=("text_pattern_ops",)),
        )

    def __str__(self) -> str:
        return self.name or self.domain
