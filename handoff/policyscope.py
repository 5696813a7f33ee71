"""Which policy a hand-off follows: the first, in the order of Setup, whose conditions all hold; the fallback asks nothing and is last.

A policy is chosen when a hand-off is opened, and again whenever it is offered to somebody: only then is a team known, and what
joined it meanwhile may have raised its tier. Clocks that run already keep the promise they were started with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from handoff.models import Handoff, SlaPolicy
from leads.models import Lead, Product, Team, TeamMember

# What a policy may ask of a hand-off, in the order it is told.
KINDS = ("tier", "source", "product", "team")
LABELS = {"tier": "Tier", "source": "Source", "product": "Product", "team": "Team"}
NO_OTHER = "no other policy fits"

Facts = Mapping[str, Any]
Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy and why it is this one, in words: "tier A and source webinar"."""

    policy: SlaPolicy | None
    why: str = ""


class Names:
    """Products and teams by what a scope keeps of them, read when first asked for."""

    def __init__(self) -> None:
        self._read: dict[str, dict[Any, str]] = {}

    def of(self, kind: str, value: Any) -> str:
        if kind not in ("product", "team"):
            return str(value)
        if kind not in self._read:
            rows = Product.objects.values_list("key", "name") if kind == "product" else Team.objects.values_list("pk", "name")
            self._read[kind] = dict(rows)
        return self._read[kind].get(value, "one that is gone")


def facts_of(lead: Lead, tier: str | None, teams: Iterable[int] = ()) -> dict[str, Any]:
    """What policies ask about: the tier in words, the lead's first source, its product by key, the teams of whoever has it."""
    product = lead.product_interest
    return {"tier": tier, "source": lead.first_source, "product": product.key if product else None, "team": list(teams)}


def tier_word(tiers: object, tier: int | None) -> str | None:
    """A tier in the words of the version that gave it."""
    return str(tiers[tier]) if isinstance(tiers, list) and tier is not None and 0 <= tier < len(tiers) else None


def unmet(scope: Scope, facts: Facts) -> list[str]:
    """The conditions of a scope that do not hold, by kind; of several values of a kind one is enough."""
    return [kind for kind, allowed in scope.items() if not set(_several(allowed)) & set(_several(facts.get(kind)))]


def matched_words(scope: Scope, facts: Facts, names: Names) -> str:
    """What of the facts a scope asks for: "tier A and source webinar"; of the fallback that no other fits."""
    parts = []
    for kind in (kind for kind in KINDS if kind in scope):
        held = [value for value in _several(facts.get(kind)) if value in _several(scope[kind])]
        parts.append(f"{kind} {names.of(kind, held[0])}")
    return " and ".join(parts) or NO_OTHER


def scope_words(scope: Scope, names: Names) -> str:
    """What a scope asks: "Tier A or B, source webinar"; of one that asks nothing "Everything else"."""
    parts = [
        f"{kind} {' or '.join(names.of(kind, value) for value in _several(scope[kind]))}" for kind in KINDS if scope.get(kind)
    ]
    words = ", ".join(parts)
    return words[:1].upper() + words[1:] if words else "Everything else"


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def facts_with(owners: Sequence[tuple[Handoff, int]]) -> dict[int, dict[str, Any]]:
    """The facts of hand-offs as they are offered to these people, by hand-off; two queries for any number."""
    teams: dict[int, list[int]] = defaultdict(list)
    members = TeamMember.objects.filter(user_id__in={owner for _, owner in owners}).order_by("team_id")
    for user_id, team_id in members.values_list("user_id", "team_id"):
        teams[user_id].append(team_id)
    known = Handoff.objects.filter(pk__in=[handoff.pk for handoff, _ in owners]).annotate(
        tiers=F("qualification__version__decision__tiers")
    )
    told = {pk: rest for pk, *rest in known.values_list("pk", "tiers", "lead__first_source", "lead__product_interest__key")}
    found = {}
    for handoff, owner in owners:
        tiers, source, product = told.get(handoff.pk, (None, "", None))
        found[handoff.pk] = {
            "tier": tier_word(tiers, handoff.tier), "source": source, "product": product, "team": teams[owner]
        }  # fmt: skip
    return found
