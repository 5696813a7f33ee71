from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


class ApiKey(models.Model):
    """A key another system signs its requests with. Only its SHA-256 is stored; the key is shown once."""

    class Scope(models.TextChoices):
        LEADS_WRITE = "leads:write", "Send leads"
        ACTIVITIES_WRITE = "activities:write", "Send activities"
        OUTCOMES_WRITE = "outcomes:write", "Send outcomes"
        LEADS_READ = "leads:read", "Read leads and scores"

    label = models.CharField(max_length=80, help_text="Which system uses it.")
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), default=list)
    rate_per_minute = models.PositiveIntegerField(default=6000, help_text="Requests a minute before the key is told to wait.")
    source = models.CharField(max_length=80, blank=True, default="", help_text="Source of leads that name none.")
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ("label", "pk")

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"


class RateBucket(models.Model):
    """A key's requests in one window; shared by all processes."""

    api_key = models.OneToOneField(ApiKey, primary_key=True, on_delete=models.CASCADE, related_name="bucket")
    tokens = models.FloatField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.api_key_id}: {self.tokens:.0f}"


class IdempotentAnswer(models.Model):
    """The answer once given to a request with an Idempotency-Key, given again to a repeat of it."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("api_key", "key"), name="idempotentanswer_once"),)
        indexes = (
            # The purge of what is older than a day.
            models.Index(fields=("created_at",), name="idempotentanswer_age"),
        )

    def __str__(self) -> str:
        return self.key
