"""List pages take the same number of queries for two rows and for eight, and the number is the one written down."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from handoff.actions.answering import reject_handoff
from leads import clock
from leads.models import Campaign, ImportRun, Reason, Team, TeamMember
from scoring.actions.versions import create_model
from tests.handoff.conftest import defaults, hands, work
from tests.house.one_of_each import one_of_each
from tests.house.query_counts import COUNTS
from tests.house.role_matrix import SETUP

__all__ = ["defaults", "hands", "work"]


@pytest.fixture
def more(work, make, cast):
    """`more(n)`: n more of everything a list shows."""
    reason = Reason.objects.filter(for_reject=True, active=True, children=None).first()

    def grow(n):
        for number in range(n):
            work.offered(lead=make.lead(company=make.company(), owner=None))
            reject_handoff(work.offered(), actor=cast.rep, reason=reason, note="Too small for us.")
            make.lead(owner=cast.rep, company=make.company())
            make.user("", "", "rep", "marketing")
            Campaign.objects.create(name=f"Campaign {Campaign.objects.count()}")
            create_model(f"Model {number} {Campaign.objects.count()}", actor=cast.head_of_marketing)
            ImportRun.objects.create(
                file="x.csv", file_name="x.csv", file_size=1, file_hash="0", created_by=cast.marketing_ops, created_at=clock.now()
            )

    return grow


def queries_of(client, url):
    with CaptureQueriesContext(connection) as seen:
        response = client.get(url)
    assert response.status_code in (200, 204)
    return len(seen), [query["sql"][:150] for query in seen]


def test_lists_take_the_same_queries_for_two_rows_and_for_eight(more, cast, client_of):
    clients = {who: client_of(getattr(cast, who)) for who in {who for who, _ in COUNTS.values()}}
    for who, client in clients.items():  # what is cached for good is cached now
        client.get(reverse("admin:preferences"))
        assert who
    measured = {}
    for size in (2, 6):
        more(size)
        for name, (who, _) in COUNTS.items():
            url = reverse(name)
            if size == 2:
                clients[who].get(url)
            measured.setdefault(name, []).append(queries_of(clients[who], url))
    wrong = []
    for name, (_, pinned) in COUNTS.items():
        (few, before), (many, after) = measured[name]
        if not few == many == pinned:
            extra = "".join(f"\n      {sql}" for sql in after if after.count(sql) > before.count(sql)) if few != many else ""
            wrong.append(f"{name}: {few} queries for two rows, {many} for eight, {pinned} written down{extra}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def counted(client_of, cast):
    """`counted(url)`: what an administrator's page takes, its counts and choices cached where they are cached for good."""
    client, seen = client_of(cast.admin), set()

    def count(url):
        if url not in seen:
            client.get(url)
            seen.add(url)
        return queries_of(client, url)

    return count


def test_every_list_of_set_up_takes_the_same_queries_for_few_rows_and_for_many(work, make, cast, counted):
    measured = {model: [] for model in SETUP}
    for size in (2, 4):
        for _ in range(size):
            one_of_each(work, make, cast)
        for model, found in measured.items():
            found.append(counted(reverse(f"admin:{model}_changelist")))
    wrong = []
    for model, ((few, before), (many, after)) in measured.items():
        if few != many:
            extra = "".join(f"\n      {sql}" for sql in dict.fromkeys(after) if after.count(sql) > before.count(sql))
            wrong.append(f"{model}: {few} queries for few rows, {many} for many{extra}")
    assert not wrong, "\n".join(wrong)


def test_a_team_takes_the_same_queries_however_many_are_in_it(make, cast, counted):
    person = make.user("", "", "rep")
    pages = [reverse("admin:leads_team_change", args=[cast.team.pk]), reverse("admin:leads_user_change", args=[person.pk])]
    TeamMember.objects.create(team=cast.team, user=person)
    few = [counted(page)[0] for page in pages]
    for number in range(9):
        TeamMember.objects.create(team=cast.team, user=make.user("", "", "rep"))
        TeamMember.objects.create(team=Team.objects.create(name=f"Team {number}"), user=person)
    assert [counted(page)[0] for page in pages] == few
