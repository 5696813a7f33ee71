"""What the company sells and says: products, campaigns, assets."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models

from leads.choices import BuyingStage


class Product(models.Model):
    key = models.SlugField(max_length=40, unique=True, help_text="Used in imports and the API; never changes.")
    name = models.CharField(max_length=80)
    sales_priority = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1)], help_text="1 is what sales wants most this quarter."
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("sales_priority", "name")

    def __str__(self) -> str:
        return self.name


class Campaign(models.Model):
    """A marketing effort with a cost, by which leads come in."""

    class Channel(models.TextChoices):
        WEB = "web", "Website"
        SEARCH = "search", "Paid search"
        SOCIAL = "social", "Social media"
        EMAIL = "email", "E-mail"
        EVENT = "event", "Event"
        WEBINAR = "webinar", "Webinar"
        PARTNER = "partner", "Partner"
        LIST = "list", "Bought list"
        OTHER = "other", "Other"

    name = models.CharField(max_length=120, unique=True)
    channel = models.CharField(max_length=12, choices=Channel.choices, default=Channel.OTHER)
    cost = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="What it cost in all, in the company's currency."
    )
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns")

    class Meta:
        ordering = ("-starts_on", "name")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")),
                name="campaign_ends_after_start",
                violation_error_message="A campaign ends on or after the day it starts.",
            ),
            models.CheckConstraint(
                condition=models.Q(cost__gte=0),
                name="campaign_cost_not_negative",
                violation_error_message="A campaign costs nothing or more, never less.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_described(self) -> bool:
        """Whether anything is known of it but its name."""
        return self.channel != self.Channel.OTHER or bool(self.cost or self.starts_on or self.ends_on or self.product_id)


class Asset(models.Model):
    """Something people download, watch or read, and what it tells a rep about them."""

    key = models.SlugField(max_length=60, unique=True, help_text="Used in imports and the API; never changes.")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40, help_text="The kind of activity it makes, such as whitepaper or webinar_attended.")
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.PROTECT, related_name="assets")
    buying_stage = models.CharField(max_length=14, choices=BuyingStage.choices, default=BuyingStage.AWARENESS)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    pain_points = models.TextField(blank=True, help_text="Which pain it addresses, in words a rep can use.")
    talk_track = models.TextField(blank=True, help_text="How a rep may open the conversation with someone who took it.")
    url = models.URLField(blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
