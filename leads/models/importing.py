from django.conf import settings
from django.db import models

from leads.models.catalogue import Campaign
from leads.models.job import Job


class ImportRun(models.Model):
    """One file on its way in: uploaded, mapped, checked, run, perhaps undone. Its state survives everything."""

    class Kind(models.TextChoices):
        LEADS = "leads", "Leads"
        COMPANIES = "companies", "Companies"
        ACTIVITIES = "activities", "Activities"
        OUTCOMES = "outcomes", "Outcomes"

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Columns to map"
        MAPPED = "mapped", "To check"
        CHECKED = "checked", "Ready to run"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Undone"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.LEADS)
    state = models.CharField(max_length=8, choices=State.choices, default=State.UPLOADED)
    file = models.FileField(upload_to="imports/%Y/%m/", max_length=300)
    file_name = models.CharField(max_length=255)
    file_size = models.BigIntegerField()
    file_hash = models.CharField(max_length=64, db_index=True)  # the same file again is noticed
    dialect = models.JSONField(default=dict, blank=True)
    columns = models.JSONField(default=list, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    check_result = models.JSONField(default=dict, blank=True)
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=80, blank=True, default="")
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    received = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    attached = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    cases = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undo_result = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    received=models.F("created") + models.F("updated") + models.F("attached") + models.F("refused")
                ),
                name="importrun_adds_up",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("uploaded", "mapped", "checked", "running", "stopped", "done", "failed", "undone")),
                name="importrun_state_known",
            ),
        )

    def __str__(self) -> str:
        return self.file_name


class ImportRefusal(models.Model):
    """A row that was refused, with its line, content and reasons; can be corrected and run again."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="refusals", db_index=False)
    line = models.PositiveIntegerField()
    content = models.JSONField()
    problems = models.JSONField()
    corrected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("run_id", "line")
        constraints = (models.UniqueConstraint(fields=("run", "line"), name="importrefusal_once"),)

    def __str__(self) -> str:
        return f"line {self.line}"
