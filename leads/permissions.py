"""What a person may do: the permissions of their roles, read in one query with the roles themselves."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from leads.models import User


class RoleBackend(ModelBackend):
    """Signs people in by password and grants what their groups grant; nobody holds a permission of their own."""

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if _is_plain(user_obj, obj):
            return set()
        return super().get_user_permissions(user_obj, obj)

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if _is_plain(user_obj, obj):
            return set().union(*user_obj.grants.values())
        return super().get_group_permissions(user_obj, obj)


def _is_plain(user: Any, obj: Any) -> bool:
    """Active, no superuser, and asked about permissions in general: the others are Django's to answer."""
    return isinstance(user, User) and user.is_active and not user.is_superuser and obj is None
