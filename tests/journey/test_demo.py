"""The year of the demonstration: the same for the same seed, told once, and consistent in every table."""

from datetime import UTC, datetime
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from config.demo.catalogue import create_catalogue
from config.demo.crowd import Crowd
from handoff.models import Handoff, SlaEvent, SlaTimer
from handoff.states import OPEN
from leads.models import Case, Lead, User
from scoring.models import LeadScore, ModelVersion, Qualification

NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)


def crowd(seed):
    return Crowd(Random(seed), size=120, start=datetime(2025, 11, 25, 6, tzinfo=UTC), now=NOW).people()


def test_the_same_seed_makes_the_same_people(db):
    create_catalogue(NOW.date())
    assert crowd(7) == crowd(7)
    assert crowd(7) != crowd(8)
    assert len({one.contact.email for one in crowd(7)}) == 120


@pytest.mark.slow
def test_a_year_is_told_on_every_page_and_only_once(db, freeze):
    freeze(NOW)
    call_command("demo", leads=150, verbosity=0)
    assert Lead.objects.count() == 150
    assert User.objects.filter(groups__name="Rep").count() == 6
    stages = {row["stage"] for row in Lead.objects.values("stage").annotate(n=Count("pk"))}
    assert {"prospect", "mql", "won", "lost", "rejected"} <= stages
    assert list(ModelVersion.objects.order_by("no").values_list("status", flat=True)) == ["retired", "active", "draft"]
    assert Handoff.objects.filter(state="rejected").exclude(reason=None).count() == Handoff.objects.filter(state="rejected").count()
    assert Handoff.objects.filter(state="offered").exists()
    assert SlaEvent.objects.filter(step="breach").exists()
    assert SlaTimer.objects.filter(state="met").exists()
    assert Case.objects.filter(outcome="won", kind="imported").exists()
    assert Case.objects.exclude(kind="imported").exists()
    # Nothing hangs in the air: an open hand-off has an open clock or was contacted, an MQL an open hand-off.
    clocked = set(SlaTimer.objects.filter(state__in=("running", "paused")).values_list("handoff_id", flat=True))
    for handoff in Handoff.objects.filter(state="offered"):
        assert handoff.pk in clocked
    in_hand = set(Handoff.objects.filter(state__in=OPEN).values_list("lead_id", flat=True))
    assert set(Lead.objects.filter(stage="mql").values_list("pk", flat=True)) <= in_hand
    assert LeadScore.objects.filter(version__status="active").count() == 150
    for qualification in Qualification.objects.all():
        assert sum(line["points"] for line in qualification.lines) == qualification.total
    with pytest.raises(CommandError, match="not empty"):
        call_command("demo", leads=150)
    assert Lead.objects.count() == 150
