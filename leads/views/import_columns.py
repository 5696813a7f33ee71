"""The second step of the import wizard: what a person sees of each column, and what they chose read back from the form."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.http import QueryDict

from leads.choices import FieldType, Known
from leads.importing import actions, mapping, targets
from leads.importing.batches import fields_for
from leads.importing.columns import Profile
from leads.importing.convert import Converted, Converter
from leads.importing.mapping import OUTCOME_VALUES, FileMapping, Goes, KnownField
from leads.importing.reader import Row
from leads.models import ImportRun

SHOWN = 120  # columns; what a form may carry, and more than anybody decides by hand
LISTS = (FieldType.CHOICE, FieldType.MULTI)
MEANINGS = (("", "Refuse these rows"), *((str(value), label) for value, label in OUTCOME_VALUES))


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One line of the table: a column, samples, where it goes, and what is odd about it."""

    index: int
    name: str
    samples: list[str]
    filled: int
    rows: int
    goes: Goes
    reads_dates: bool
    is_list: bool
    faults: int
    fault: str

    @property
    def is_new(self) -> bool:
        return self.goes.target == targets.NEW


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    index: int
    value: str
    count: int
    meaning: str


@dataclass(frozen=True, slots=True)
class ColumnsPage:
    rows: list[ColumnRow]
    hidden: int
    outcomes: list[OutcomeRow]
    outcome_column: str
    has_id: bool
    groups: list[tuple[str, list[tuple[str, str]]]]
    types: list[tuple[str, str]] = field(default_factory=lambda: [(str(key), str(label)) for key, label in FieldType.choices])
    known: list[tuple[str, str]] = field(default_factory=lambda: [(str(key), str(label)) for key, label in Known.choices])
    meanings: tuple[tuple[str, str], ...] = MEANINGS


def page_of(run: ImportRun) -> ColumnsPage:
    """Everything the columns step shows, from the run's row alone."""
    chosen = FileMapping.from_json(run.mapping)
    profiles = actions.profiles_of(run)
    faults = _faults(chosen, profiles)
    order = shown_columns(chosen)
    known = actions.known_fields()
    types = {f"custom.{one.key}": one.type for one in known}
    rows = [
        ColumnRow(
            index=index,
            name=profiles[index].name,
            samples=profiles[index].samples(),
            filled=profiles[index].filled,
            rows=profiles[index].rows,
            goes=chosen.goes[index],
            reads_dates=bool(chosen.goes[index].question),
            is_list=types.get(chosen.goes[index].target, "") in LISTS,
            faults=faults[index][0],
            fault=faults[index][1],
        )
        for index in order
    ]
    at = chosen.column_of("outcome")
    meant = {value.casefold(): meaning for value, meaning in chosen.outcomes.items()}
    outcomes = [
        OutcomeRow(place, value, count, meant.get(value.casefold(), ""))
        for place, (value, count) in enumerate(profiles[at].counts.most_common(100) if at >= 0 else ())
    ]
    return ColumnsPage(
        rows=rows,
        hidden=len(profiles) - len(order),
        outcomes=outcomes,
        outcome_column=profiles[at].name if at >= 0 else "",
        has_id=chosen.column_of("external_id") >= 0,
        groups=_groups(run.kind, known),
    )


def shown_columns(chosen: FileMapping) -> list[int]:
    """Which columns a form shows: all, or of very many those that go somewhere first."""
    order = list(range(len(chosen.goes)))
    if len(order) > SHOWN:
        order.sort(key=lambda index: (chosen.goes[index].target == targets.IGNORE, index))
    return sorted(order[:SHOWN])


def read_choices(run: ImportRun, posted: QueryDict) -> FileMapping:
    """The mapping a posted form says. What the form does not speak of stays as it is."""
    chosen = FileMapping.from_json(run.mapping)
    profiles = actions.profiles_of(run)
    fields = {known.key: known for known in actions.known_fields()}
    allowed = {key for _, options in _groups(run.kind, list(fields.values())) for key, _ in options}
    goes = list(chosen.goes)
    taken = set(fields) | {item.new.key for item in goes if item.target == targets.NEW and item.new}
    for index, profile in enumerate(profiles):
        target = posted.get(f"goes-{index}")
        if target is None or target not in allowed:
            continue
        goes[index] = _choice(goes[index], target, index, profile, posted, fields, taken)
    outcomes = dict(chosen.outcomes)
    at = next((index for index, item in enumerate(goes) if item.target == "outcome"), -1)
    if at != chosen.column_of("outcome"):
        outcomes = mapping.guess_outcomes(profiles[at].distinct) if at >= 0 else {}
    else:
        for place in range(100):
            value, meaning = posted.get(f"value-{place}"), posted.get(f"meaning-{place}")
            if value is None or meaning is None:
                continue
            outcomes = {known: meant for known, meant in outcomes.items() if known.casefold() != value.casefold()}
            if meaning in dict(MEANINGS) and meaning:
                outcomes[value] = meaning
    system = " ".join(posted.get("system", chosen.system).split())[:40].lower() or "import"
    return replace(chosen, goes=tuple(goes), outcomes=outcomes, system=system)


def _choice(
    old: Goes, target: str, index: int, profile: Profile, posted: QueryDict, fields: dict[str, KnownField], taken: set[str]
) -> Goes:
    if target == targets.NEW:
        kind = posted.get(f"type-{index}", "")
        if old.target != targets.NEW or old.new is None:
            new = mapping.propose_field(profile, taken)
        elif kind in FieldType.values and kind != old.new.type:
            new = mapping.propose_field(profile, taken - {old.new.key}, kind)
        else:
            new = old
        assert new.new is not None
        taken.add(new.new.key)
        label = " ".join(posted.get(f"label-{index}", new.new.label).split())[:80] or new.new.label
        known = posted.get(f"known-{index}", "")
        made = replace(
            new.new,
            label=label,
            key=new.new.key if label == new.new.label else mapping.free_key(label, taken - {new.new.key}),
            known=known if known in Known.values else new.new.known,
            personal=f"personal-{index}" in posted if f"label-{index}" in posted else new.new.personal,
        )
        taken.add(made.key)
        new = replace(new, new=made)
    elif target == old.target:
        new = replace(old, extend=f"extend-{index}" in posted) if f"list-{index}" in posted else old
    else:
        custom = fields.get(target.removeprefix("custom.")) if target.startswith("custom.") else None
        new = mapping.retarget(profile, target, custom.type if custom else "")
        new = replace(new, extend=custom is not None and custom.type in LISTS)
    order = posted.get(f"order-{index}")
    if new.question and order in ("dmy", "mdy", ""):
        new = replace(new, day_first={"dmy": True, "mdy": False}.get(order))
    return new


def _groups(kind: str, fields: Sequence[KnownField]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The options of every column's list, grouped."""
    groups: dict[str, list[tuple[str, str]]] = {"": [(targets.IGNORE, "Leave out")]}
    if kind == targets.LEADS:
        groups[""].append((targets.NEW, "New custom field"))
    if kind == targets.ACTIVITIES:
        groups[""].append(("property", "Detail of the activity"))
    for target in targets.of_kind(kind):
        groups.setdefault(target.group, []).append((target.key, target.label))
    if kind == targets.LEADS and fields:
        groups["Custom fields"] = [(f"custom.{known.key}", known.label) for known in fields]
    return list(groups.items())


def _faults(chosen: FileMapping, profiles: Sequence[Profile]) -> list[tuple[int, str]]:
    """For each column how many sampled cells cannot be read where it goes, and the first reason, by the import's own reading."""
    names = [profile.name for profile in profiles]
    found: list[tuple[int, str]] = []
    fields = fields_for(chosen, {})
    for index, goes in enumerate(chosen.goes):
        reads = targets.BY_KEY[goes.target].reads if goes.target in targets.BY_KEY else "custom"
        plain = (
            reads in ("text", "name", "full_name", "email", "phone") or goes.extend or goes.target in (targets.IGNORE, "property")
        )
        if plain or (
            goes.new and goes.target == targets.NEW and goes.new.type in (FieldType.TEXT, FieldType.CHOICE, FieldType.MULTI)
        ):
            found.append((0, ""))
            continue
        alone = replace(chosen, goes=tuple(item if at == index else Goes() for at, item in enumerate(chosen.goes)))
        converter = Converter(alone, names, fields)
        count, first = 0, ""
        for value, times in profiles[index].counts.items():
            cells = [""] * len(names)
            cells[index] = value
            answer: Converted = converter(Row(0, 0, cells))
            if answer.problems:
                count += times
                first = first or answer.problems[0].message
        found.append((count, first))
    return found
