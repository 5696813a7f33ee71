"""On the real leads: a card made of the product's own suggestions, entered through the page's form, ranks leads it has not seen."""

from random import Random
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse

from leads.errors import Invalid
from leads.models import Case, LeadField
from scoring.actions.criteria import add_criterion
from scoring.actions.versions import create_model
from scoring.column_cache import ColumnCache
from scoring.compiler import compile_version
from scoring.discovery import MOST, discover
from scoring.evaluate_numpy import evaluate
from scoring.regression import auc
from scoring.snapshot import building
from scoring.spec import Criterion, FieldClause
from scoring.vocabulary import load_registry
from tests.importing.samples import DATA, needs_data
from tests.scoring.samples import a_test, clause

pytestmark = [needs_data, pytest.mark.slow]

# Filled in by staff or by a score after the first contact, as the data's README says.
LEAKING = (
    "Tags", "Lead Quality", "Lead Profile", "Last Notable Activity", "Asymmetrique Activity Index", "Asymmetrique Profile Index",
    "Asymmetrique Activity Score", "Asymmetrique Profile Score",
)  # fmt: skip

# Not named there, but an answer to an SMS or a chat may already be contact, so a card has to do without it, too.
DOUBTFUL = ("Last Activity",)


@pytest.fixture
def imported(settings, tmp_path, db, capsys):
    settings.MEDIA_ROOT = tmp_path
    path = str(DATA / "lead_outcomes" / "x_education_leads.csv")
    call_command("import_leads", path, "--create-fields", "--json", "--outcome", "Converted:1=won,0=lost")
    assert LeadField.objects.filter(label__in=LEAKING).update(known="after") == len(LEAKING)


def typed(one: Criterion, rev: int) -> dict[str, Any]:
    """A criterion as somebody fills it into the form."""
    data: dict[str, Any] = {
        "rev": rev,
        "label": one.label,
        "dimension": one.dimension,
        "points": one.points,
        "group": "",
        "why": "",
    }
    assert one.when is not None
    (part,) = one.when.parts
    assert isinstance(part, FieldClause)
    clause = {"field": part.field, "op": part.op}
    match part.type:
        case "text":
            clause["text"] = ", ".join(part.values)
        case "choice" | "multi":
            clause["values"] = list(part.values)
        case "number":
            clause |= {name: end for name, end in (("low", part.low), ("high", part.high)) if end is not None}
        case "boolean":
            clause["value"] = "yes" if part.flag else "no"
    return data | {"when-rows": 1, "when-mode": "all"} | {f"when-0-{name}": value for name, value in clause.items()}


def test_cards_of_suggestions_rank_leads_they_have_not_seen(imported, cast, client_of, capsys):
    """What is known only after contact is neither taken nor suggested; once more without what may be."""
    draft = create_model("Leaks", actor=cast.marketer, start="empty")
    for label in LEAKING:
        key = f"custom.{LeadField.objects.get(label=label).key}"
        with pytest.raises(Invalid, match="only after"):
            add_criterion(draft, a_test("leak", 5, clause(key, "known")), actor=cast.marketer, rev=draft.rev)
    for name, doubtful in (("all that is known before", ()), ("without the last activity", DOUBTFUL)):
        LeadField.objects.filter(label__in=doubtful).update(known="after")
        found = cards(name, cast, client_of(cast.marketer))
        mean = sum(area for area, _ in found) / len(found)
        with capsys.disabled():
            each = ", ".join(f"{area:.4f} with {n}" for area, n in found)
            print(f"\nAUC of suggested cards on held-back halves, {name}: {mean:.4f} ({each})")
        assert mean >= 0.85, name


def cards(name, cast, browser):
    """For each of five splits: the AUC of a card made of one half on the other half, and how many criteria it has."""
    snapshot, registry, cache = building.refresh(), load_registry(), ColumnCache(2**27)
    assert snapshot.case_count == 9240
    leaking = {f"custom.{key}" for key in LeadField.objects.filter(known="after").values_list("key", flat=True)}
    found = []
    for seed in range(5):
        ids = np.array(sorted(Case.objects.values_list("pk", flat=True)))
        half = set(Random(seed).sample(ids.tolist(), len(ids) // 2))  # noqa: S311 - a split
        learnt = np.isin(ids, sorted(half))
        criteria, suggested = discover(
            snapshot, registry, cache=cache, only=lambda some, learnt=learnt, ids=ids: learnt[np.searchsorted(ids, some)]
        )
        assert not suggested.refusal
        assert len(criteria) <= MOST
        assert {clause.field for one in criteria for clause in one.when.clauses()}.isdisjoint(leaking)
        draft = create_model(f"Split {seed}, {name}", actor=cast.marketer, start="empty")
        for one in criteria:
            answer = browser.post(f"{reverse('admin:criterion-add', args=[draft.pk])}?shape=test", typed(one, draft.rev))
            assert answer.status_code == 302, answer.content.decode()
            draft.refresh_from_db()
        card = compile_version(draft)
        assert {(one.when, one.points) for one in card.criteria} == {(one.when, one.points) for one in criteria}
        scores, labels, unseen = [], [], []
        for some in snapshot.cases:
            result = evaluate(card, some.segment, cache=cache)
            scores.append(result.fit.astype(int) + result.engagement)
            labels.append(some.outcome == 4)
            unseen.append(~np.isin(some.segment.ids, sorted(half)))
        rest = np.concatenate(unseen)
        found.append((auc(np.concatenate(scores)[rest], np.concatenate(labels)[rest]), len(card.criteria)))
    return found
