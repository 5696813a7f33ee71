"""The 9,240 real leads on the whole way: imported, judged by a model over their own columns, and counted as the data's README counts."""

import re

import pytest
from django.core.management import call_command
from django.urls import reverse

from leads.models import Case, Lead, LeadField
from scoring.actions.criteria import add_criterion
from scoring.actions.parts import set_decision
from scoring.actions.versions import create_model
from scoring.activation import activate_here
from scoring.lift import conversion_by_field, conversion_total
from scoring.models import LeadScore, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from scoring.vocabulary import load_registry
from tests.importing.samples import DATA, needs_data

pytestmark = [needs_data, pytest.mark.slow]


def table_of(column: str) -> dict[str | None, tuple[int, int]]:
    """Rows and positive rows by value as the data's README prints them for a column."""
    text = (DATA / "README.md").read_text()
    part = text[text.index(f"| {column} | rows | positive | rate |") :].splitlines()[2:]
    found: dict[str | None, tuple[int, int]] = {}
    for line in part:
        cells = re.fullmatch(r"\| (.+) \| (\d+) \| (\d+) \| [\d.]+% \|", line)
        if not cells:
            break
        found[None if cells[1] == "(blank)" else cells[1]] = (int(cells[2]), int(cells[3]))
    assert len(found) > 3
    return found


@pytest.fixture
def imported(settings, tmp_path, db, capsys):
    settings.MEDIA_ROOT = tmp_path
    call_command(
        "import_leads",
        str(DATA / "lead_outcomes" / "x_education_leads.csv"),
        "--create-fields",
        "--json",
        "--outcome",
        "Converted:1=won,0=lost",
    )
    assert Lead.objects.count() == Case.objects.count() == 9240


def key_of(label: str) -> str:
    return f"custom.{LeadField.objects.get(label=label).key}"


def test_conversion_equals_the_tables_to_the_row_and_a_model_over_the_columns_judges_everybody(imported, cast, client_of):
    total = conversion_total()
    assert (total.rows, total.positive) == (9240, 3561)
    registry = load_registry()
    for column, key in (
        ("Lead Origin", key_of("Lead Origin")),
        ("Lead Source", "lead.first_source"),
        ("What is your current occupation", key_of("What is your current occupation")),
    ):
        rates = {rate.value: (rate.rows, rate.positive) for rate in conversion_by_field(registry.fields[key])}
        assert rates == table_of(column), column

    version = create_model("Education", actor=cast.head_of_sales, start="empty", signers=NOBODY)
    for key, label, points, field, values in (
        ("form", "Came by the add form", 40, key_of("Lead Origin"), ["Lead Add Form"]),
        ("professional", "Works already", 35, key_of("What is your current occupation"), ["Working Professional"]),
        ("reference", "Was referred", 20, "lead.first_source", ["Reference", "Welingak Website"]),
    ):
        when = {"all": [{"field": field, "op": "in", "values": values}]}
        data = {"key": key, "label": label, "dimension": "fit", "shape": "test", "points": points, "when": when}
        add_criterion(version, data, actor=cast.head_of_sales, rev=version.rev)
    decision = {"kind": "total", "tiers": ["B", "A"], "edges": [40], "mql_from": "A"}
    set_decision(version, decision, actor=cast.head_of_sales, rev=version.rev)
    activate_here(version, actor=cast.head_of_sales, reason="The first model.", wave="none")
    while score_dirty():
        pass
    scores = dict(LeadScore.objects.filter(version=version).values_list("lead_id", "fit"))
    assert len(scores) == 9240
    origin, occupation = key_of("Lead Origin").partition(".")[2], key_of("What is your current occupation").partition(".")[2]
    for lead in Lead.objects.iterator(chunk_size=2000):
        expected = 40 * (lead.attributes.get(origin) == "Lead Add Form") + 35 * (
            lead.attributes.get(occupation) == "Working Professional"
        )
        expected += 20 * (lead.first_source in ("Reference", "Welingak Website"))
        assert scores[lead.pk] == expected, lead.pk
    qualified = sum(fit >= 40 for fit in scores.values())
    assert 718 <= qualified <= 1500
    # Decided already, and with nothing to reach them by: nobody of them is handed over.
    assert Qualification.objects.filter(release_at__isnull=False).count() == 0

    page = client_of(cast.marketer).get(reverse("admin:criteria-conversion"), {"field": key_of("Lead Origin")})
    assert page.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))
    assert "Lead Add Form" in text
    assert "718" in text
    assert "664" in text
