"""Signing for one of two sides over exact content, for whatever both sides must agree on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import models

from leads.models import User
from leads.roles import Side


class Role(models.TextChoices):
    DOER = "doer", "Doer"
    LEADER = "leader", "Leader"


class Verdict(models.TextChoices):
    AGREE = "agree", "Agrees"
    OBJECT = "object", "Objects"


class AbstractSignOff(models.Model):
    """A person's verdict, for one side, over the content that `subject_hash` names. Each signed thing has its own table."""

    side = models.CharField(max_length=9, choices=Side.choices)
    role = models.CharField(max_length=6, choices=Role.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=6, choices=Verdict.choices)
    subject_hash = models.CharField(max_length=64)
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        abstract = True


S = TypeVar("S", bound=AbstractSignOff)
MOST_NEEDED = 9
NOBODY: dict[str, dict[str, int]] = {side.value: {role.value: 0 for role in Role} for side in Side}
"""Signers of something that comes into force without signatures."""


def needed(signers: Mapping[str, Any]) -> dict[tuple[Side, Role], int]:
    """How many doers and leaders of each side have to sign; where nothing is said, one leader a side."""
    found = {}
    for side in Side:
        said = signers.get(side.value) or {}
        for role in Role:
            found[side, role] = max(0, int(said.get(role.value, 1 if role == Role.LEADER else 0)))
    return found


def sides_of(user: User) -> list[Side]:
    """The sides a person may speak for, by their roles."""
    held = {role.side for role in user.roles}
    return [side for side in Side if side in held]


def role_on(user: User, side: Side) -> Role:
    """Whether a person leads their side or does its work."""
    return Role.LEADER if any(role.side == side and role.leads_side for role in user.roles) else Role.DOER


@dataclass(frozen=True, slots=True)
class Seat(Generic[S]):
    """The signatures of one kind of person on one side: how many are needed, and those that are there."""

    side: Side
    role: Role
    needed: int
    signed: tuple[S, ...]

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.signed))

    @property
    def places(self) -> range:
        """One for each signature that is missing: lines on paper."""
        return range(self.missing)

    @property
    def words(self) -> str:
        """`one leader of sales`."""
        number = {1: "one", 2: "two", 3: "three"}.get(self.missing, str(self.missing))
        return f"{number} {self.role.label.lower()}{'' if self.missing == 1 else 's'} of {self.side.label.lower()}"


@dataclass(frozen=True, slots=True)
class Standing(Generic[S]):
    """Who signed, who objects, and what is still missing. Verdicts over other content than `subject_hash` do not count.

    `lapsed` are verdicts of people who were switched off since: nobody answers for them any more.
    """

    seats: tuple[Seat[S], ...]
    objections: tuple[S, ...]
    lapsed: tuple[S, ...] = ()

    @property
    def open_seats(self) -> list[Seat[S]]:
        return [seat for seat in self.seats if seat.missing]

    @property
    def is_complete(self) -> bool:
        return not self.objections and not self.open_seats

    @property
    def signed(self) -> int:
        return sum(min(len(seat.signed), seat.needed) for seat in self.seats)

    @property
    def wanted(self) -> int:
        return sum(seat.needed for seat in self.seats)

    def why_not(self) -> str:
        """What keeps it from coming into force, as the end of a sentence; "" when nothing does."""
        said = []
        if self.objections:
            said.append(f"{_names(self.objections)} asked for a change")
        if self.open_seats:
            said.append("the signature of " + " and ".join(seat.words for seat in self.open_seats) + " is missing")
            if self.lapsed:
                said[-1] += f" (that of {_names(self.lapsed)} no longer counts: switched off since)"
        return ", and ".join(said)


def _names(verdicts: Iterable[AbstractSignOff]) -> str:
    return " and ".join(str(verdict.user) for verdict in verdicts)


def standing(signers: Mapping[str, Any], verdicts: Iterable[S], subject_hash: str, *, is_open: bool = True) -> Standing[S]:
    """Where a subject stands with its signers.

    While it `is_open`, only people who still have an account count: who answers for it when it comes into force has to be there,
    and nobody else could take an objection back. What came into force keeps everybody's name.
    """
    over_this = [one for one in verdicts if one.subject_hash == subject_hash]
    valid = [one for one in over_this if one.user.is_active or not is_open]
    agreed = [one for one in valid if one.verdict == Verdict.AGREE]
    seats = tuple(
        Seat(side, role, number, tuple(one for one in agreed if (one.side, one.role) == (side, role)))
        for (side, role), number in needed(signers).items()
    )
    objections = tuple(one for one in valid if one.verdict == Verdict.OBJECT)
    return Standing(seats, objections, tuple(one for one in over_this if one not in valid))
