"""The year of the demonstration: the same for the same seed, told once, consistent in every table, and true in what it says."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import mean

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.models import Count

from config.demo import world
from config.demo.catalogue import create_catalogue
from config.demo.crowd import Crowd
from handoff.desk import Desk
from handoff.models import Attempt, Handoff, HandoffEvent, Packet, RejectionReview, SlaEvent, SlaTimer
from handoff.rejections import rejections
from handoff.states import OPEN
from leads.choices import Stage
from leads.models import Activity, Case, Company, Lead, LeadEvent, Outbox, Submission, User
from scoring.models import Activation, LeadScore, ModelVersion, Qualification

# A Tuesday, 11:20 in Berlin, and a Saturday night.
NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 22, 40, tzinfo=UTC)
MAIN = (
    Company, Lead, LeadEvent, Activity, Submission, Case, Qualification, LeadScore, ModelVersion, Activation, Handoff, HandoffEvent,
    Packet, SlaTimer, SlaEvent, Attempt, RejectionReview, Outbox,
)  # fmt: skip


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


def rows_of(model):
    """All rows without their keys; left out what is made by chance on purpose (UUIDs), and which snapshot on disk was read."""
    fields = [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and not isinstance(field, models.UUIDField) and field.name != "generation"
    ]
    rows = model.objects.values_list(*(field.attname for field in fields))
    return Counter(repr(dict(zip((field.attname for field in fields), row, strict=True))) for row in rows)


def begin_counting_anew():
    """Every empty table gives its first row the key 1: keys that are part of other rows' contents are the same in each run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_serial_sequence(quote_ident(table_name), column_name), table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND is_identity = 'YES'"
        )
        for sequence, table in cursor.fetchall():
            cursor.execute(f'SELECT NOT EXISTS (SELECT FROM "{table}")')
            if cursor.fetchone()[0]:
                cursor.execute(f"ALTER SEQUENCE {sequence} RESTART")


@pytest.mark.slow
def test_the_same_seed_tells_the_same_year_and_a_promise_ran_out_before_the_weekend(db, freeze, settings, tmp_path):
    freeze(SATURDAY)
    told = []
    for number in range(2):
        settings.SCORING_SNAPSHOT_DIR = tmp_path / str(number)  # leads that were taken back left no mark by which it would know
        with transaction.atomic():
            begin_counting_anew()
            call_command("demo", leads=60, seed=5, verbosity=0)
            told.append({model.__name__: rows_of(model) for model in MAIN})
            desk = Desk(User.objects.get(email="ben@harborline.example"), SATURDAY)
            assert desk.figures.overdue >= 1
            late = next(face for face in desk.faces.values() if face.state == "overdue")
            assert timedelta(days=1) < SATURDAY - late.due_at < timedelta(days=2)  # on Friday, before the end of office hours
            transaction.set_rollback(True)
        assert not Lead.objects.exists()
    first, second = told
    for name in first:
        assert first[name] or name == "RejectionReview", name  # so few are rejected that none may be old enough for a verdict
        assert first[name] == second[name], name


@pytest.mark.slow
def test_a_year_is_told_on_every_page_and_only_once(db, freeze):
    freeze(NOW)
    call_command("demo", leads=150, verbosity=0)
    assert Lead.objects.count() == 150
    assert User.objects.filter(groups__name="Rep").count() == 6
    stages = {row["stage"] for row in Lead.objects.values("stage").annotate(n=Count("pk"))}
    assert {"prospect", "mql", "won", "lost", "rejected"} <= stages
    assert list(ModelVersion.objects.order_by("no").values_list("status", flat=True)) == ["retired", "active", "draft"]
    assert (
        Handoff.objects.filter(state="rejected").exclude(reason=None).count() == Handoff.objects.filter(state="rejected").count()
    )
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
    # A year of hand-offs, not of everybody, and hardly one that nobody ever answered.
    months = {(handoff.opened_at.year, handoff.opened_at.month) for handoff in Handoff.objects.all()}
    assert len(months) >= 8
    assert 0.1 < Qualification.objects.values("lead").distinct().count() / 150 < 0.4
    unworked = Handoff.objects.filter(state__in=("recycled", "closed"), answered_at=None).count()
    assert unworked <= Handoff.objects.count() / 10
    # The reason for the second version is what its authors could count that day.
    second = Activation.objects.order_by("at").last()
    before = rejections(User.objects.get(email="maya@harborline.example")).filter(answered_at__lt=second.at)
    small = before.filter(reason__code="too_small").count()
    assert second.reason.startswith(f"{small} of {before.count()} rejections said too small" if small else "Both sides want")
    # In office hours the rep who is shown first has one promise that ran out and one about to.
    desk = Desk(User.objects.get(email="ben@harborline.example"), NOW)
    assert desk.figures.overdue == 1
    assert desk.figures.soon >= 1
    assert Lead.objects.filter(stage=Stage.MQL, owner=desk.user).count() >= 2
    with pytest.raises(CommandError, match="not empty"):
        call_command("demo", leads=150)
    assert Lead.objects.count() == 150
