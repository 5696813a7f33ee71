"""What a person may see, in one place per kind of thing."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from leads.models import Lead, User  # noqa: F401 - Lead is named in the parameter of a base class


class LeadQuerySet(models.QuerySet["Lead"]):
    def visible_to(self, user: "User") -> "LeadQuerySet":
        """All leads for marketing and heads, their teams' for managers, their own for reps, none for others."""
        if not user.is_active:
            return self.none()
        if user.has_perm("leads.see_all_leads"):
            return self
        if user.has_perm("leads.see_team_leads"):
            return self.filter(models.Q(owner=user) | models.Q(owner__in=team_mates(user)))
        if user.has_perm("leads.view_lead"):
            return self.filter(owner=user)
        return self.none()


def team_mates(manager: "User") -> "models.QuerySet[Any]":
    """Ids of the members of the teams `manager` manages."""
    from leads.models import TeamMember

    managed = TeamMember.objects.filter(user=manager, is_manager=True).values("team_id")
    return TeamMember.objects.filter(team_id__in=managed).values("user_id")
