"""What the forms of a criterion offer: the values leads really have, and what they did, with how many leads there are for each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from psycopg import sql

from leads.choices import FieldType
from leads.facts import CORE_FIELDS
from leads.models import Asset, Campaign, Lead
from scoring.picking import Choices, Picks
from scoring.questions import Question, ask
from scoring.registry import Field, Registry, plain_tag

OFFERED_FROM = 2_000  # leads whose values are offered
MOST_OFFERED = 14
_PATHS = {one.key: one.path for one in CORE_FIELDS}
_DOERS = sql.SQL("""
WITH did AS (SELECT lead_id, kind, asset_id, campaign_id FROM leads_activity WHERE lead_id = ANY(%s))
SELECT 'kinds', kind, count(DISTINCT lead_id) FROM did GROUP BY kind
UNION ALL SELECT 'assets', asset_id::text, count(DISTINCT lead_id) FROM did WHERE asset_id IS NOT NULL GROUP BY asset_id
UNION ALL SELECT 'campaigns', campaign_id::text, count(DISTINCT lead_id) FROM did WHERE campaign_id IS NOT NULL GROUP BY campaign_id
UNION ALL SELECT 'tags', tag, count(DISTINCT lead_id) FROM did JOIN leads_asset a ON a.id = asset_id, unnest(a.tags) tag GROUP BY tag
""")


@dataclass(slots=True)
class Offer:
    """What a field holds among the newest leads: its most frequent values with counts, or the spread of its numbers."""

    known: int
    rows: int
    values: list[tuple[str, int]] = field(default_factory=list)
    spread: tuple[Any, Any, Any, Any] | None = None  # least, lower quarter, upper quarter, most

    @property
    def words(self) -> str:
        text = f"Known for {self.known:,} of {self.rows:,}"
        if self.spread and self.known:
            least, low, high, most = (f"{one:,}" if isinstance(one, int | float) else one for one in self.spread)
            text += f": from {least} to {most}, half between {low} and {high}"
        return f"{text}."


class Offers:
    """Offers for the fields a form shows; each field is read once, by one query."""

    def __init__(self) -> None:
        self._ids: list[int] | None = None
        self._held: dict[str, Offer] = {}

    @property
    def ids(self) -> list[int]:
        if self._ids is None:
            self._ids = list(Lead.objects.order_by("-pk").values_list("pk", flat=True)[:OFFERED_FROM])
        return self._ids

    def of(self, asked: Field) -> Offer:
        if asked.key not in self._held:
            found = _offer(asked, self._values(asked))
            # Whoever writes criteria may not see everybody's personal facts: how many have one is all that is told.
            self._held[asked.key] = Offer(found.known, found.rows) if asked.personal else found
        return self._held[asked.key]

    def _values(self, asked: Field) -> list[Any]:
        rows = Lead.objects.filter(pk__in=self.ids).order_by()
        path = _PATHS.get(asked.key) or f"attributes__{asked.name}"
        return list(rows.values_list(path, flat=True))

    def doers(self, what: str) -> Mapping[str, int]:
        """For each kind, tag, asset or campaign (`what`, in the plural) the leads among the newest that did something of it."""
        return self._doers[what]

    @cached_property
    def _doers(self) -> Mapping[str, Mapping[str, int]]:
        return ask(Question(_DOERS, [self.ids], _read_doers))


def _read_doers(rows: list[tuple[Any, ...]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {name: Counter() for name in EVENT_PICKS}
    for what, value, count in rows:
        found[what][plain_tag(value) if what == "tags" else value] += count
    return found


def _offer(asked: Field, values: list[Any]) -> Offer:
    known = [value for value in values if value is not None and value != ""]
    if asked.type in (FieldType.NUMBER, FieldType.DATE):
        plain = sorted(_plain(value) for value in known)
        quarters = [plain[len(plain) * place // 4] for place in (1, 3)] if plain else []
        return Offer(len(known), len(values), spread=(plain[0], *quarters, plain[-1]) if plain else None)
    counted: Counter[str] = Counter()
    for value in known:
        several: Iterable[Any] = value if isinstance(value, list) else [value]
        counted.update({"yes": value is True, "no": value is False} if isinstance(value, bool) else map(str, several))
    most = None if asked.type in (FieldType.CHOICE, FieldType.MULTI) else MOST_OFFERED  # what can be chosen is all shown
    return Offer(len(known), len(values), values=[pair for pair in counted.most_common(most) if pair[1]])


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[:10]
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10]
    return int(value) if value == int(value) else float(value)


# --- What leads did -----------------------------------------------------------------------------------------------------

EVENT_PICKS = {
    "kinds": "Activities",
    "tags": "Any asset tagged",
    "assets": "Any of these assets",
    "campaigns": "From these campaigns",
}
NOTHING_PICKED = "Choose at least one activity, tag, asset or campaign."


class Shown:
    """What rows may be made of: fields, what leads did, and the values leads really have. Each is read when it is first needed."""

    def __init__(self, registry: Registry, offers: Offers) -> None:
        self.registry, self.offers = registry, offers

    @cached_property
    def _named(self) -> dict[str, Sequence[tuple[str, str]]]:
        return {
            "kinds": list(self.registry.kinds.items()),
            "tags": [(tag, tag) for tag in self.registry.tagged or ()],
            "assets": [(str(pk), name) for pk, name in Asset.objects.values_list("pk", "name")],
            "campaigns": [(str(pk), name) for pk, name in Campaign.objects.values_list("pk", "name")],
        }

    def event_picks(self, held: Mapping[str, Any]) -> dict[str, Picks]:
        """The fields that say which activities count; one of which there is nothing to choose is left out."""
        found = {}
        for name, label in EVENT_PICKS.items():
            chosen = [str(one) for one in held.get(name) or ()]
            if self._named[name] or chosen:
                offered = Choices(self._named[name], partial(self.offers.doers, name))
                found[name] = Picks(label, offered, chosen)
        return found


def event_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Which activities count, as in a spec, of what was chosen."""
    found = {name: given.get(name) or [] for name in EVENT_PICKS}
    found |= {name: list(map(int, found[name])) for name in ("assets", "campaigns")}
    return {name: some for name, some in found.items() if some}
