from django.conf import settings
from django.db import models


class Team(models.Model):
    """People of one side who share their work and see each other's."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="TeamMember", related_name="teams")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class TeamMember(models.Model):
    """A person's place in a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    is_manager = models.BooleanField("manages the team", default=False, help_text="Sees the team's leads and hears of breaches.")

    class Meta:
        ordering = ("team_id", "-is_manager", "user_id")
        constraints = (models.UniqueConstraint(fields=("team", "user"), name="teammember_once"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
