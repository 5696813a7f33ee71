"""How soon what happens is judged: by the instants that are stored, with the worker as it runs in production."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client

from config.bench.data import incoming
from leads import clock
from leads.intake.batch import take_in
from leads.intake.keys import create_key
from leads.models import Activity, ApiKey, Lead
from leads.revisions import touch_revisions
from scoring.actions.criteria import add_criterion
from scoring.actions.parts import set_decision
from scoring.actions.versions import create_model
from scoring.activation import activate_here
from scoring.models import LeadScore, LeadState, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from tests.importing.test_kill import wait_for
from tests.worker import running_worker

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
DEMO = {"kinds": ["demo_request"], "assets": [], "campaigns": []}
THOUSAND = 1000


@pytest.fixture
def model(cast):
    """In force: whoever asks for a demo qualifies."""
    version = create_model("Standard", actor=cast.head_of_sales, start="empty", signers=NOBODY)
    demo = {
        "key": "demo", "label": "Requested a demo", "dimension": "engagement", "shape": "tally", "points": 60, "event": DEMO,
        "days": 30, "award": "once", "freq_min": 1,
    }  # fmt: skip
    add_criterion(version, demo, actor=cast.head_of_sales, rev=version.rev)
    decision = {"kind": "total", "tiers": ["B", "A"], "edges": [50], "mql_from": "A"}
    set_decision(version, decision, actor=cast.head_of_sales, rev=version.rev)
    activate_here(version, actor=cast.head_of_sales, reason="Agreed in the kick-off.")


@pytest.fixture
def worker(settings, tmp_path):
    with running_worker(var_dir=tmp_path, secret_key=settings.SECRET_KEY) as process:
        yield process


@pytest.fixture
def post():
    _, secret = create_key("Website", list(ApiKey.Scope.values), actor=None, source="Website")

    def post(path, body):
        answer = Client().post(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return post


def test_who_crosses_by_a_new_activity_is_qualified_within_two_seconds(model, post, worker):
    ids = [post("leads", {"email": f"ivy{n}@okafor-werke.de", "first_name": "Ivy"})["lead_id"] for n in range(3)]
    wait_for(
        lambda: LeadScore.objects.filter(lead_id__in=ids).count() == len(ids)
    )  # so the worker is up, and has nothing left to do
    for pk in ids:
        time.sleep(0.7)  # not in step with the worker's rounds
        at = clock.now() - timedelta(minutes=5)
        post("activities", {"lead": {"id": pk}, "kind": "demo_request", "occurred_at": at.isoformat()})
        wait_for(lambda pk=pk: Qualification.objects.filter(lead_id=pk).exists(), seconds=30)
    for pk in ids:
        posted, qualified = Activity.objects.get(lead_id=pk), Qualification.objects.get(lead_id=pk)
        assert timedelta(0) <= qualified.at - posted.recorded_at < timedelta(seconds=2)
        assert LeadScore.objects.get(lead_id=pk).engagement == 60


def test_a_thousand_changed_leads_are_a_second_of_work(model):
    take_in(incoming(0, THOUSAND, clock.now(), each=5), actor=None, channel="api")
    while score_dirty():
        pass
    with transaction.atomic():
        touch_revisions(list(Lead.objects.values_list("pk", flat=True)))
    before = worked()
    assert score_dirty() == THOUSAND
    taken = worked() - before
    assert LeadState.objects.count() == THOUSAND
    assert taken < 1.0


def worked():
    """Seconds of work done so far by this process and, on the same machine, by the database for it: not of waiting for a turn."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    words = stat.read_text() if stat.exists() else ""
    if not words.partition("(")[2].startswith("postgres"):
        return time.process_time()
    user, system = words.rpartition(")")[2].split()[11:13]
    return time.process_time() + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
