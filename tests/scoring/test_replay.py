"""The replay counts what the reference evaluator counts, week by week, over open leads and those decided since."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.urls import reverse

from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from leads.models import Case, Lead
from scoring.actions.criteria import set_points
from scoring.actions.versions import create_draft
from scoring.compiler import compile_version
from scoring.evaluate_python import evaluate
from scoring.facts import load_case_facts, load_facts
from scoring.preview.replay import REPLAYED, Replay
from scoring.snapshot.keeping import built_at_once
from tests.scoring.samples import a_tally, a_test, clause

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 10, 9, 30, tzinfo=UTC)  # a Wednesday
VP = a_test("vp", 10, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
PAPERS = a_tally("papers", 12, days=30, award="each", label="White papers", half_life=20)


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


def by_reference(spec, first_monday):
    """Entries a week, lead by lead, from the facts as the replay means them."""
    cases = {case.lead_id: case for case in Case.objects.all()}
    facts = load_facts(Lead.objects.exclude(pk__in=cases).values_list("pk", flat=True))
    of_cases = load_case_facts(cases.values())
    came = dict(Lead.objects.values_list("pk", "created_at"))

    def met(week):
        sunday = first_monday + timedelta(days=7 * week + 6)
        end = datetime.combine(sunday, time(23, 59, 59), UTC)
        found = {pk for pk, known in facts.items() if came[pk] <= end and evaluate(spec, known, end).mql}
        for pk, case in cases.items():
            if came[pk] <= end and case.decided_at.date() > sunday - timedelta(days=7):
                known = of_cases[case.pk]
                events = [one for one in known.events if one.occurred_at <= case.decided_at and one.known_at <= case.decided_at]
                known = type(known)(known.values, events, known.has_activity, known.engagement_from)
                if evaluate(spec, known, end).mql:
                    found.add(pk)
        return found

    weeks = [met(week) for week in range(-1, REPLAYED)]
    return [len(now - then) for then, now in zip(weeks, weeks[1:], strict=False)]


def test_each_week_counts_who_enters_as_the_reference_does(make, agree, cast, client):
    for number in range(30):
        lead = make.lead(job_title="VP Sales" if number % 3 == 0 else "Clerk")
        Lead.objects.filter(pk=lead.pk).update(created_at=NOW - timedelta(days=120 - 3 * number))
        lead.refresh_from_db()
        for event in range(number % 4):
            make.activity(lead, "whitepaper", NOW - timedelta(days=(number * 7 + event * 13) % 100, hours=event))
        if number % 5 == 0:
            decided = NOW - timedelta(days=5 + number)
            freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.WON, decided_at=decided)
            Lead.objects.filter(pk=lead.pk).update(stage="won", stage_since=NOW)
    live = agree(VP, PAPERS)
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    set_points(draft.criteria.select_related("version").get(key="papers"), 20, actor=cast.marketer, rev=1)
    replay = Replay(built_at_once())
    assert replay.first_week == datetime(2026, 3, 9).date()
    counted = {}
    for version in (live, draft):
        spec = compile_version(version)
        counted[version] = [replay.entries(spec, week) for week in range(REPLAYED)]
        assert counted[version] == by_reference(spec, replay.first_week)
        assert sum(counted[version]) > 5
    assert counted[live] != counted[draft]

    client.force_login(cast.marketer)
    url = reverse("admin:criteria-replay", args=[draft.pk])
    context = client.get(url).context
    assert (context["draft"], context["live"], context["done"]) == (counted[draft], counted[live], REPLAYED)


def test_a_long_replay_goes_on_where_the_page_is(make, agree, cast, client, monkeypatch):
    live = agree(VP)
    make.lead(job_title="VP Sales")
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    monkeypatch.setattr("scoring.views.replay.A_MOMENT_S", -1.0)
    client.force_login(cast.marketer)
    url, htmx = reverse("admin:criteria-replay", args=[draft.pk]), {"HX-Request": "true"}
    answer = client.get(url, headers=htmx)
    assert answer.context["done"] == 0
    assert 'hx-trigger="load"' in answer.content.decode()
    monkeypatch.setattr("scoring.views.replay.A_MOMENT_S", 60.0)
    so_far = {"same": answer.context["same"], "draft": "7,7,7", "live": "1,2,3"}
    answer = client.get(url, so_far, headers=htmx)
    assert (answer.context["draft"][:4], answer.context["live"][:4]) == ([7, 7, 7, 0], [1, 2, 3, 0])
    for wrong in ({"same": "another"}, {"draft": "7,x"}, {"live": "1"}):  # begun anew
        assert client.get(url, so_far | wrong, headers=htmx).context["draft"][:3] == [0, 0, 0]
