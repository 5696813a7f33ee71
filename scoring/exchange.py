"""A version for other systems and for other installations: as JSON that can be read in again, and as a scorecard for spreadsheets."""

import json
from collections.abc import Iterator
from typing import Any

from leads.errors import Invalid
from leads.export import csv_file
from leads.models import Asset, Campaign
from scoring.compiler import compile_version
from scoring.contradictions import refuse_contradictions, refuse_no_effect
from scoring.models import ModelVersion
from scoring.reading import At
from scoring.spec import EventClause, EventFilter, Spec
from scoring.spec_reader import read_spec
from scoring.vocabulary import load_registry, load_wording

KIND, FORMAT = "accord.criteria", 1
MOST_BYTES = 1_000_000
COLUMNS = ("Counts for", "Group", "Criterion", "Points", "What must be so", "Limits", "Why")


def version_document(version: ModelVersion) -> dict[str, Any]:
    """A version as JSON. A draft is compiled first: raises Invalid while something is wrong with it."""
    spec = compile_version(version)
    return {
        "kind": KIND,
        "format": FORMAT,
        "model": version.model.key,
        "name": version.model.name,
        "version": version.no,
        "status": version.status,
        "hash": spec.hash,
        "reason": version.reason,
        "in_force_since": version.activated_at,
        "spec": spec.as_json(),
    }


def read_document(content: bytes) -> Spec:
    """The spec of an exported version, as this installation understands it. Raises Invalid naming what it does not have."""
    if len(content) > MOST_BYTES:
        raise Invalid("The file is larger than 1 MB; a version is not.", code="too_large", field="file")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Invalid("The file is no JSON.", code="bad_json", field="file", expected="a version exported here") from error
    if not isinstance(data, dict) or data.get("kind") != KIND or not isinstance(data.get("spec"), dict):
        raise Invalid("The file is no exported version.", code="not_a_version", field="file", expected="a version exported here")
    if data.get("format") != FORMAT:
        raise Invalid(
            f"The file has format {data.get('format')}; this portal reads {FORMAT}.", code="unknown_format", field="file"
        )
    spec = read_spec(data["spec"], load_registry())
    _demand_known(spec)
    _refuse_nonsense(spec)
    return spec


def _refuse_nonsense(spec: Spec) -> None:
    """What no form would take is not read in either: what nobody or everybody meets, whatever the leads, and what gives nothing."""
    refuse_contradictions(At("The scope", "scope"), spec.scope)
    for one in spec.criteria:
        refuse_no_effect(At(f"The criterion “{one.label}”", ""), one)
    conditions = [(f"The criterion “{one.label}”", one.when) for one in spec.criteria]
    conditions += [(f"The gate “{one.label}”", one.when) for one in spec.gates]
    for words, when in conditions:
        if when is not None:
            refuse_contradictions(At(words, "when"), when)


def _demand_known(spec: Spec) -> None:
    """Assets and campaigns are named by number, so only those that are here mean anything."""
    events = [one.event for one in spec.criteria if one.event is not None]
    for condition in spec.conditions():
        events += [clause.event for clause in condition.clauses() if isinstance(clause, EventClause)]
    for what, wanted, rows in (("assets", _named(events, "assets"), Asset), ("campaigns", _named(events, "campaigns"), Campaign)):
        missing = wanted - set(rows._default_manager.filter(pk__in=wanted).values_list("pk", flat=True))
        if missing:
            raise Invalid(
                f"The version names {what} that are not here: {', '.join(map(str, sorted(missing)))}.",
                code="unknown_asset",
                field="file",
                value=sorted(missing),
            )


def _named(events: list[EventFilter], what: str) -> set[int]:
    return {number for event in events for number in getattr(event, what)}


def scorecard(version: ModelVersion) -> Iterator[str]:
    """The version as lines of a CSV file: one a criterion, then gates and what decides. No cell is ever run as a formula."""
    return csv_file(_scorecard(version))


def _scorecard(version: ModelVersion) -> Iterator[tuple[str | int, ...]]:
    spec, wording = compile_version(version), load_wording()
    groups = {group.key: group.label for group in spec.groups}

    yield COLUMNS
    for one in spec.criteria:
        limits = "; ".join(wording.terms(one))
        yield (
            one.dimension,
            groups.get(one.group or "", ""),
            one.label,
            one.points,
            wording.criterion(one),
            limits,
            one.why or "",
        )
    for gate in spec.gates:
        yield ("gate", "", gate.label, "", wording.condition(gate.when), "", "")
    for sentence in wording.decision(spec.decision):
        yield ("decision", "", "", "", sentence, "", "")
    yield ("scope", "", "", "", wording.condition(spec.scope), "", "")
