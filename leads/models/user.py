from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

from leads import clock
from leads.roles import BY_LABEL, Role, Side


def check_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone. Write it as in Europe/Berlin.")


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in with `email`; without a password they need a reset link first."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person of the company who works with the portal."""

    class Theme(models.TextChoices):
        AUTO = "auto", "As the device"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    email = models.EmailField("e-mail address", unique=True, help_text="The person signs in with it.")
    full_name = models.CharField("name", max_length=150)
    is_active = models.BooleanField(
        "may sign in",
        default=True,
        help_text="Switch off instead of deleting: history keeps the name. Nobody inactive gets a lead.",
    )
    time_zone = models.CharField(
        max_length=64, default="Europe/Berlin", validators=[check_time_zone], help_text="Times are shown in this zone."
    )
    theme = models.CharField(max_length=5, choices=Theme.choices, default=Theme.AUTO)
    mail_handoffs = models.BooleanField("mail about new leads", default=True)
    mail_reminders = models.BooleanField("mail reminders before a deadline", default=True)
    mail_urgent_any_time = models.BooleanField(
        "urgent mail at any hour", default=False, help_text="Otherwise mail waits for working hours."
    )
    single_key_shortcuts = models.BooleanField("single-key shortcuts", default=True)
    created_at = models.DateTimeField(editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ("full_name", "pk")
        constraints = (models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower"),)

    def __str__(self) -> str:
        return self.full_name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        # No field default: migrations would carry the portal's clock, and ask the database for the time to be made.
        if getattr(self, "created_at", None) is None:
            self.created_at = clock.now()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else self.email

    @cached_property
    def grants(self) -> dict[str, set[str]]:
        """The groups held, by name, each with its permissions ("app.codename"); one query, read once per request."""
        return _granted([self.pk])[self.pk]

    @staticmethod
    def read_grants(users: Iterable["User"]) -> None:
        """Read the grants of all these people with one query, in place of one for each when it is asked for."""
        people = {user.pk: user for user in users}
        for pk, granted in _granted(people).items():
            people[pk].grants = granted

    @cached_property
    def roles(self) -> list[Role]:
        """The portal roles held, read once per request."""
        return [BY_LABEL[name] for name in self.grants if name in BY_LABEL]

    @property
    def has_portal_role(self) -> bool:
        return self.is_superuser or bool(self.roles)

    @property
    def side(self) -> Side | None:
        """The side this person speaks for; None without one or with both."""
        sides = {role.side for role in self.roles if role.side is not None}
        return sides.pop() if len(sides) == 1 else None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def initials(self) -> str:
        words = self.full_name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def _granted(user_ids: Collection[int]) -> dict[int, dict[str, set[str]]]:
    """Of each person the groups held, by name, each with its permissions ("app.codename"). One query."""
    found: dict[int, dict[str, set[str]]] = {pk: {} for pk in user_ids}
    rows = User.objects.filter(pk__in=user_ids, groups__isnull=False).order_by("groups__name")
    for pk, name, app, codename in rows.values_list(
        "pk", "groups__name", "groups__permissions__content_type__app_label", "groups__permissions__codename"
    ):
        held = found[pk].setdefault(name, set())
        if codename:
            held.add(f"{app}.{codename}")
    return found
