from django.conf import settings
from django.db import models


class Job(models.Model):
    """Long work in batches that commit their position with their rows: progress, stop and resume after a kill are one thing."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    payload = models.JSONField(default=dict, blank=True)
    position = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True)
    progress_text = models.CharField(max_length=200, blank=True, default="")
    result = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True, default="")
    stop_asked = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (
            # The worker looking for something to do.
            models.Index(fields=("id",), condition=models.Q(state__in=("queued", "running")), name="job_open"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state="running") | models.Q(lease__isnull=True), name="job_lease_when_running"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("queued", "running", "stopped", "done", "failed")), name="job_state_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def is_open(self) -> bool:
        """Waits for the worker or is being worked on."""
        return self.state in (self.State.QUEUED, self.State.RUNNING)
