from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from leads.models.user import check_time_zone


class WorkCalendar(models.Model):
    """Opening hours of a company or of some of its people. Never changes once used: an edit is a new version of the same key."""

    key = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=64, validators=[check_time_zone])
    weekly = models.JSONField(help_text="By weekday 0 (Monday) to 6: intervals in minutes, such as [[540, 1020]].")
    country = models.CharField(max_length=2, blank=True, default="")
    subdivision = models.CharField(max_length=20, blank=True, default="")
    effective_from = models.DateTimeField()

    class Meta:
        ordering = ("key", "-version")
        constraints = (models.UniqueConstraint(fields=("key", "version"), name="workcalendar_version_once"),)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class CalendarDay(models.Model):
    """A date with hours of its own: a holiday, a short day, an extra one. Replaces the whole date."""

    class Source(models.TextChoices):
        MANUAL = "manual", "By hand"
        HOLIDAYS = "holidays", "Public holidays"

    calendar = models.ForeignKey(WorkCalendar, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    intervals = models.JSONField(default=list, blank=True, help_text="Empty: closed.")
    reason = models.CharField(max_length=120, blank=True, default="")
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.MANUAL)

    class Meta:
        ordering = ("calendar_id", "date")
        constraints = (models.UniqueConstraint(fields=("calendar", "date"), name="calendarday_once"),)

    def __str__(self) -> str:
        return f"{self.date} {self.reason}"


class Rep(models.Model):
    """Someone who takes hand-offs: how many, when, and whether now."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="rep")
    takes_leads = models.BooleanField(default=True, help_text="Switch off to stop new hand-offs; give the reason.")
    off_reason = models.CharField(max_length=120, blank=True, default="")
    open_cap = models.PositiveSmallIntegerField(default=25, help_text="Open hand-offs at most, at any time.")
    weekly_capacity = models.PositiveSmallIntegerField(default=15, help_text="New hand-offs a week.")
    calendar_key = models.SlugField(max_length=40, blank=True, default="", help_text="Own opening hours; empty: the policy's.")
    started_on = models.DateField(null=True, blank=True)
    last_offered_at = models.DateTimeField(null=True, blank=True, help_text="Whose turn it is: the longest ago comes first.")

    class Meta:
        ordering = ("user_id",)

    def __str__(self) -> str:
        return str(self.user)


class Leave(models.Model):
    """Whole and half days a rep is away; nobody away is offered a lead. What came from a calendar file keeps the `uid` it has there."""

    class Source(models.TextChoices):
        MANUAL = "manual", "By hand"
        FILE = "file", "Calendar file"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="leave")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=120, blank=True, default="")
    cover = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Who stands in meanwhile.",
    )
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.MANUAL, editable=False)
    uid = models.CharField(max_length=255, blank=True, default="", editable=False)

    class Meta:
        verbose_name_plural = "leave"
        ordering = ("starts_at",)
        constraints = (
            models.UniqueConstraint(fields=("rep", "uid", "starts_at"), condition=~models.Q(uid=""), name="leave_of_file_once"),
            models.CheckConstraint(
                condition=models.Q(source="manual", uid="") | (models.Q(source="file") & ~models.Q(uid="")),
                name="leave_uid_of_file",
            ),
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="leave_ends_after_start"),
        )
        indexes = (
            # Routing: who is away now.
            models.Index(fields=("ends_at", "starts_at"), name="leave_now"),
        )

    def __str__(self) -> str:
        return f"{self.rep} {self.starts_at:%Y-%m-%d}"

    def clean(self) -> None:
        super().clean()
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": "A leave ends after it begins."})
