"""The year of the demonstration: the same for the same seed, told once, and consistent in every table."""

from datetime import UTC, datetime
from random import Random
from statistics import mean

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from config.demo import world
from config.demo.catalogue import create_catalogue
from config.demo.crowd import Crowd
from handoff.models import Handoff, SlaEvent, SlaTimer
from handoff.states import OPEN
from leads.models import Case, Lead, User
from scoring.models import LeadScore, ModelVersion, Qualification

NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)


def make_crowd(seed, size=120):
    return Crowd(Random(seed), size=size, start=datetime(2025, 7, 22, 6, tzinfo=UTC), now=NOW)


def crowd(seed):
    return make_crowd(seed).people()


def test_the_same_seed_makes_the_same_people(db):
    create_catalogue(NOW.date())
    assert crowd(7) == crowd(7)
    assert crowd(7) != crowd(8)
    assert len({one.contact.email for one in crowd(7)}) == 120


def test_every_objection_has_its_cause_in_the_data(db):
    create_catalogue(NOW.date())
    makers = make_crowd(3, size=1500)
    said = {}
    for one in makers.people():
        reason = makers.objection(one)
        if reason:
            said.setdefault(reason[0], []).append(one)
    assert len(said) >= 7
    assert max(one.contact.firm.employees for one in said["too_small"]) < 100
    assert max(world.TITLES[one.contact.title][1] for one in said["wrong_person"]) < 0.32
    assert {one.contact.firm.industry for one in said["wrong_industry"]} == {
        "Healthcare",
        "Education",
        "Public sector",
        "Software",
    }
    assert {one.contact.firm.country for one in said["wrong_region"]} == {"US", "BR"}
    assert all(one.contact.firm.is_customer for one in said["known_already"])
    assert not any(one.contact.phone for one in said["unreachable"])
    assert all(one.horizon == "Just looking" or one.source.key == "Bought list" for one in said["no_need"])


def test_the_three_campaigns_differ_in_quality(db):
    create_catalogue(NOW.date())
    makers = make_crowd(3, size=1500)
    people = makers.people()
    taken, wanted = {}, {}
    for key in ("Trade show", "Paid search", "Bought list"):
        mine = [one for one in people if one.source.key == key]
        taken[key] = mean(makers.objection(one) is None for one in mine)
        wanted[key] = mean(makers.appetite(one) for one in mine)
    for figure in (taken, wanted):
        assert figure["Trade show"] > figure["Paid search"] + 0.05 > figure["Bought list"] + 0.1


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
