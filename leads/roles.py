"""The portal's roles as data. A role is a Django group; what it may do is granted by the apps in their `ready()`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models, transaction


class Side(models.TextChoices):
    """The two parties of the agreement."""

    MARKETING = "marketing", "Marketing"
    SALES = "sales", "Sales"


@dataclass(frozen=True, slots=True)
class Role:
    key: str
    label: str
    side: Side | None
    leads_side: bool = False


ROLES = (
    Role("rep", "Rep", Side.SALES),
    Role("sales_manager", "Sales manager", Side.SALES),
    Role("head_of_sales", "Head of sales", Side.SALES, leads_side=True),
    Role("marketing", "Marketing manager", Side.MARKETING),
    Role("marketing_ops", "Marketing operations", Side.MARKETING),
    Role("head_of_marketing", "Head of marketing", Side.MARKETING, leads_side=True),
    Role("administrator", "Administrator", None),
)
BY_KEY = {role.key: role for role in ROLES}
BY_LABEL = {role.label: role for role in ROLES}
EVERYONE = tuple(BY_KEY)
SALES = tuple(role.key for role in ROLES if role.side == Side.SALES)
MARKETING = tuple(role.key for role in ROLES if role.side == Side.MARKETING)
HEADS = tuple(role.key for role in ROLES if role.leads_side)

_grants: dict[str, set[str]] = defaultdict(set)


def grant(roles: Iterable[str], permissions: Iterable[str]) -> None:
    """Give each of `roles` (keys) these permissions ("app.codename"); takes effect with `sync_roles`."""
    names = tuple(permissions)
    for key in roles:
        _grants[BY_KEY[key].key].update(names)


@transaction.atomic
def sync_roles() -> dict[str, int]:
    """Make the groups say what the code says; returns the number of permissions by role label.

    Permissions added to a group by hand are taken away: what a role may do is one list, in code. Raises LookupError
    when a granted permission does not exist.
    """
    from django.contrib.auth.models import Group, Permission

    known = {f"{p.content_type.app_label}.{p.codename}": p for p in Permission.objects.select_related("content_type")}
    counts = {}
    for role in ROLES:
        missing = _grants[role.key] - known.keys()
        if missing:
            raise LookupError(f"role {role.label}: no such permission: {', '.join(sorted(missing))}")
        group, _ = Group.objects.get_or_create(name=role.label)
        group.permissions.set([known[name] for name in _grants[role.key]])
        counts[role.label] = len(_grants[role.key])
    return counts
