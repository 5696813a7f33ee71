from django.conf import settings
from django.db import models

from handoff.models.calendar import WorkCalendar
from handoff.models.handoff import Handoff
from handoff.models.policy import SlaTarget
from handoff.states import ClockKind


class SlaTimer(models.Model):
    """A running promise. `plan` holds what is still to fire, `next_fire_at` its earliest instant; the sweep needs nothing else."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        MET = "met", "Met"
        CANCELLED = "cancelled", "Cancelled"

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="timers")
    kind = models.CharField(max_length=14, choices=ClockKind.choices)
    target = models.ForeignKey(SlaTarget, on_delete=models.PROTECT, related_name="timers", db_index=False)
    calendar = models.ForeignKey(
        WorkCalendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Empty: elapsed time.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    epoch = models.PositiveIntegerField(default=1)
    target_us = models.BigIntegerField()
    consumed_us = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    running_since = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    plan = models.JSONField(default=list)
    next_fire_at = models.DateTimeField(null=True, blank=True)
    met_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True, help_text="When a hold ends by itself.")
    pause_reason = models.CharField(max_length=120, blank=True, default="")
    fails = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("handoff", "kind"), condition=models.Q(state__in=("running", "paused")), name="slatimer_one_open"
            ),
            models.CheckConstraint(
                condition=models.Q(state="running", running_since__isnull=False)
                | (~models.Q(state="running") & models.Q(running_since__isnull=True)),
                name="slatimer_running_since",
            ),
            models.CheckConstraint(
                condition=models.Q(state="paused", paused_until__isnull=False)
                | (~models.Q(state="paused") & models.Q(paused_until__isnull=True)),
                name="slatimer_paused_until",
            ),
            models.CheckConstraint(
                condition=models.Q(state="met", met_at__isnull=False) | (~models.Q(state="met") & models.Q(met_at__isnull=True)),
                name="slatimer_met_at",
            ),
            models.CheckConstraint(
                condition=models.Q(plan=[], next_fire_at__isnull=True)
                | (~models.Q(plan=[]) & models.Q(next_fire_at__isnull=False)),
                name="slatimer_armed_by_plan",
            ),
            models.CheckConstraint(
                condition=models.Q(next_fire_at__isnull=True) | models.Q(state__in=("running", "paused")),
                name="slatimer_armed_while_open",
            ),
        )
        indexes = (
            # The sweep: what is due.
            models.Index(fields=("next_fire_at", "id"), condition=models.Q(next_fire_at__isnull=False), name="slatimer_due"),
            # How a person kept the promise to answer.
            models.Index(fields=("owner", "due_at"), condition=models.Q(kind="accept"), name="slatimer_answers"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.handoff_id}"


class SlaEvent(models.Model):
    """A step of a promise that happened: when it was due and when it was noticed. Append only, no foreign key."""

    class Outcome(models.TextChoices):
        FIRED = "fired", "Fired"
        SKIPPED = "skipped", "Skipped"
        RECORDED = "recorded", "Recorded"
        WITHDRAWN = "withdrawn", "Withdrawn"

    # Plain numbers: a foreign key would make the sweep wait for a person's row lock.
    timer_id = models.BigIntegerField()
    handoff_id = models.BigIntegerField()
    epoch = models.PositiveIntegerField()
    step = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField()
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    actor_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("fired_at", "pk")
        constraints = (models.UniqueConstraint(fields=("timer_id", "epoch", "step"), name="slaevent_once"),)
        indexes = (
            # The clock history of a hand-off.
            models.Index(fields=("handoff_id", "fired_at"), name="slaevent_handoff"),
        )

    def __str__(self) -> str:
        return f"{self.step} {self.outcome}"
