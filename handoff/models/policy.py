from django.db import models

from handoff.states import ClockKind


class SlaPolicy(models.Model):
    """What is promised about time, for the hand-offs its scope names. Never changes once published.

    `position` and `retired_at` say whether and when it is asked; they are of all versions of a key.
    """

    FALLBACK = "standard"

    class OnLeave(models.TextChoices):
        HAND_OVER = "hand_over", "Goes to somebody else"
        PAUSE = "pause", "Is on hold until they are back"

    key = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=80)
    scope = models.JSONField(default=dict, blank=True, help_text="Which hand-offs: tier, source, product, team. Empty: all.")
    position = models.PositiveSmallIntegerField(default=0, help_text="Which is asked first.")
    calendar_key = models.SlugField(max_length=40, default="standard")
    effective_from = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    reassign_cap = models.PositiveSmallIntegerField(default=2)
    on_leave = models.CharField(max_length=9, choices=OnLeave.choices, default=OnLeave.HAND_OVER)

    class Meta:
        verbose_name = "SLA policy"
        verbose_name_plural = "SLA policies"
        ordering = ("key", "-version")
        constraints = (
            models.UniqueConstraint(fields=("key", "version"), name="slapolicy_version_once"),
            # Whatever comes, one policy fits.
            models.CheckConstraint(
                condition=~models.Q(key="standard") | models.Q(scope={}, retired_at__isnull=True),
                name="slapolicy_fallback_fits_all",
            ),
        )

    @property
    def is_fallback(self) -> bool:
        return self.key == self.FALLBACK

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class SlaTarget(models.Model):
    """How long one promise may take, and on which clock."""

    class Clock(models.TextChoices):
        ELAPSED = "elapsed", "Elapsed time"
        BUSINESS = "business", "Working time"

    class CalendarFrom(models.TextChoices):
        POLICY = "policy", "The policy's"
        OWNER = "owner", "The owner's"

    policy = models.ForeignKey(SlaPolicy, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=14, choices=ClockKind.choices)
    clock = models.CharField(max_length=8, choices=Clock.choices, default=Clock.BUSINESS)
    duration_us = models.BigIntegerField()
    calendar_from = models.CharField(max_length=6, choices=CalendarFrom.choices, default=CalendarFrom.OWNER)
    pause_cap_us = models.BigIntegerField(null=True, blank=True)
    backdate_us = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "SLA target"
        ordering = ("policy_id", "pk")
        constraints = (
            models.UniqueConstraint(fields=("policy", "kind"), name="slatarget_kind_once"),
            models.CheckConstraint(condition=models.Q(duration_us__gt=0), name="slatarget_positive"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.duration_us / 3_600_000_000:g} h"


class SlaStep(models.Model):
    """What happens at one point of a promise's time: at a percentage of it, or some time past due."""

    class Action(models.TextChoices):
        REMIND = "remind", "Remind"
        BREACH = "breach", "Breach"
        ESCALATE = "escalate", "Tell the manager"
        REASSIGN = "reassign", "Give to another rep"
        RECYCLE = "recycle", "Back to nurture"

    target = models.ForeignKey(SlaTarget, on_delete=models.CASCADE, related_name="steps")
    code = models.SlugField(max_length=40)
    percent = models.PositiveSmallIntegerField(null=True, blank=True)
    after_us = models.BigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=8, choices=Action.choices)
    audience = models.JSONField(default=list, help_text="owner, manager, head, marketing")
    channels = models.JSONField(default=list, help_text="inapp, mail")
    digest_s = models.PositiveIntegerField(default=0)
    urgent = models.BooleanField(default=False)

    class Meta:
        verbose_name = "SLA step"
        ordering = ("target_id", "percent", "after_us")
        constraints = (
            models.UniqueConstraint(fields=("target", "code"), name="slastep_code_once"),
            models.UniqueConstraint(fields=("target",), condition=models.Q(action="breach"), name="slastep_one_breach"),
            models.CheckConstraint(
                condition=models.Q(percent__range=(1, 100), after_us__isnull=True)
                | models.Q(percent__isnull=True, after_us__isnull=False),
                name="slastep_percent_or_after",
            ),
            models.CheckConstraint(condition=~models.Q(action="breach") | models.Q(percent=100), name="slastep_breach_at_due"),
        )

    def __str__(self) -> str:
        return self.code
