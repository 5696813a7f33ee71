"""Who stands behind the audience of a message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from leads.models import TeamMember, User
from leads.roles import BY_KEY


class People:
    """Who stands behind an audience, each read once per act or sweep; nobody inactive is ever told."""

    def __init__(self) -> None:
        self._users: dict[int, User] = {}
        self._managers: dict[int, list[int]] | None = None
        self._roles: dict[str, list[int]] = {}
        self._audiences: dict[tuple[tuple[str, ...], int | None], list[User]] = {}

    def read(self, ids: Iterable[int]) -> None:
        missing = set(ids) - self._users.keys()
        if missing:
            self._users.update(User.objects.in_bulk(missing))

    def name_of(self, user_id: int | None) -> str:
        """Inactive or not: history keeps the name."""
        if user_id is None:
            return ""
        if user_id not in self._users:
            self.read((user_id,))
        return str(self._users[user_id])

    def of(self, audience: Iterable[str], owner_id: int | None) -> list[User]:
        """The people of an audience: owner, manager (of the owner's teams), head, marketing."""
        key = tuple(audience), owner_id
        if key not in self._audiences:
            ids = list(dict.fromkeys(pk for part in key[0] for pk in self._part(part, owner_id)))
            self.read(ids)
            self._audiences[key] = [self._users[pk] for pk in ids if pk in self._users and self._users[pk].is_active]
        return self._audiences[key]

    def _part(self, part: str, owner_id: int | None) -> list[int]:
        if part == "owner":
            return [owner_id] if owner_id else []
        if part == "manager":
            return self.managers_of(owner_id)
        if part == "head":
            return self.holding("head_of_sales")
        return self.holding("marketing") if part == "marketing" else []

    def managers_of(self, owner_id: int | None) -> list[int]:
        """The managers of a person's teams; of every sales team when it is nobody's, and the head where there is none."""
        if self._managers is None:
            self._managers = self._read_managers()
        found = self._managers.get(owner_id or 0) or self._managers[0]
        return [pk for pk in found if pk != owner_id] or self.holding("head_of_sales")

    def _read_managers(self) -> dict[int, list[int]]:
        """By person; under 0 those of every sales team."""
        found: dict[int, list[int]] = defaultdict(list)
        teams: dict[int, list[int]] = defaultdict(list)
        members = list(TeamMember.objects.order_by("team_id", "user_id").values_list("team_id", "user_id", "is_manager"))
        for team_id, user_id, is_manager in members:
            if is_manager:
                teams[team_id].append(user_id)
        sales = set(self.holding("sales_manager"))
        found[0] = [user for managers in teams.values() for user in managers if user in sales]
        for team_id, user_id, _ in members:
            found[user_id] += teams[team_id]
        self.read(user for managers in teams.values() for user in managers)
        return found

    def holding(self, role: str) -> list[int]:
        if role not in self._roles:
            label = BY_KEY[role].label
            self._roles[role] = list(
                User.objects.filter(groups__name=label, is_active=True).order_by("pk").values_list("pk", flat=True)
            )
        return self._roles[role]
