from django.conf import settings
from django.db import models


class Outbox(models.Model):
    """A message or piece of work to be delivered after commit, at least once. In-app rows are the notification itself."""

    class Channel(models.TextChoices):
        INAPP = "inapp", "In the portal"
        MAIL = "mail", "Mail"
        WEBHOOK = "webhook", "Webhook"
        WORK = "work", "Work"

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        LEASED = "leased", "Being sent"
        SENT = "sent", "Sent"
        DEAD = "dead", "Could not be sent"
        DROPPED = "dropped", "No longer needed"

    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    lane = models.CharField(max_length=40)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    endpoint = models.CharField(max_length=40, blank=True, default="")
    # Plain numbers: a foreign key would make a sender wait for a person's row lock.
    handoff_id = models.BigIntegerField(null=True, blank=True)
    timer_id = models.BigIntegerField(null=True, blank=True)
    epoch = models.IntegerField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    urgent = models.BooleanField(default=False)
    digest_key = models.CharField(max_length=120, blank=True, default="")
    batch = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    acted_at = models.DateTimeField(null=True, blank=True)  # when who was told did what it asks for
    last_error = models.TextField(blank=True, default="")
    log = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = "message"
        ordering = ("-id",)
        constraints = (
            # Here and not at the field, which would add an index for beginnings of keys that nobody asks for.
            models.UniqueConstraint(fields=("key",), name="outbox_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=("pending", "leased"), next_attempt_at__isnull=False)
                | (~models.Q(state__in=("pending", "leased")) & models.Q(next_attempt_at__isnull=True)),
                name="outbox_next_while_open",
            ),
        )
        indexes = (
            # A sender claiming what is due in its lane.
            models.Index(
                fields=("lane", "next_attempt_at", "id"), condition=models.Q(next_attempt_at__isnull=False), name="outbox_due"
            ),
            # A digest gathering its messages.
            models.Index(fields=("digest_key",), condition=models.Q(state="pending"), name="outbox_digest"),
            # The bell: what a person has not seen.
            models.Index(
                fields=("recipient", "id"), condition=models.Q(channel="inapp", seen_at__isnull=True), name="outbox_unseen"
            ),
            # The bell: a person's newest messages, seen or not.
            models.Index(fields=("recipient", "-id"), condition=models.Q(channel="inapp"), name="outbox_bell"),
            # Health and the list of what could not be sent.
            models.Index(fields=("channel", "id"), condition=models.Q(state="dead"), name="outbox_dead"),
            # The delivery log of an endpoint.
            models.Index(fields=("endpoint", "-id"), condition=models.Q(channel="webhook"), name="outbox_endpoint"),
            # The messages about a hand-off, on its page.
            models.Index(fields=("handoff_id",), condition=models.Q(handoff_id__isnull=False), name="outbox_handoff"),
        )

    def __str__(self) -> str:
        return f"{self.get_channel_display()}, {self.get_state_display().lower()}, {self.created_at:%Y-%m-%d %H:%M}"


class Lane(models.Model):
    """A queue of messages to one destination; one is in flight at a time, and a failing destination is given a rest."""

    name = models.CharField(max_length=40, primary_key=True)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    served_at = models.DateTimeField(null=True, blank=True)
    fails = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When a process last said that it lives."""

    name = models.CharField(max_length=40)
    host = models.CharField(max_length=120, blank=True, default="")
    at = models.DateTimeField()
    busy_until = models.DateTimeField(null=True, blank=True)
    pgid = models.IntegerField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("name", "host"), name="heartbeat_once"),)

    def __str__(self) -> str:
        return f"{self.name} {self.host}"


class Incident(models.Model):
    """What went wrong in the worker and was healed by itself: a part started again, a step that would have fired twice."""

    class Kind(models.TextChoices):
        RESTART = "restart", "Started again"
        PREVENTED = "prevented", "Kept from firing twice"

    kind = models.CharField(max_length=9, choices=Kind.choices)
    name = models.CharField(max_length=40)
    host = models.CharField(max_length=120, blank=True, default="")
    at = models.DateTimeField()
    number = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            # Health: what happened lately.
            models.Index(fields=("at",), name="incident_at"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.get_kind_display().lower()}"
