from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Webhook(models.Model):
    """Another system that is told what happens. Its address and its secrets can be used and not read: they are stored sealed."""

    class Form(models.TextChoices):
        GENERIC = "generic", "Signed JSON"
        SLACK = "slack", "Slack message"

    name = models.CharField(max_length=80, unique=True)
    form = models.CharField("sends", max_length=8, choices=Form.choices, default=Form.GENERIC)
    sealed_url = models.TextField(editable=False)
    shown_url = models.CharField("address", max_length=120, editable=False)
    sealed_secret = models.TextField(editable=False)
    sealed_old_secret = models.TextField(editable=False, blank=True, default="")
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    events = ArrayField(models.CharField(max_length=40), default=list)
    active = models.BooleanField(default=True, editable=False)
    off_reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    on_since = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ("name", "pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(sealed_old_secret="", old_secret_until=None)
                | (~models.Q(sealed_old_secret="") & models.Q(old_secret_until__isnull=False)),
                name="webhook_old_secret_ends",
            ),
            models.CheckConstraint(condition=models.Q(form__in=("generic", "slack")), name="webhook_form_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def lane(self) -> str:
        """The queue of its messages: one in flight at a time, and it rests alone when it fails."""
        return f"webhook:{self.pk}"
