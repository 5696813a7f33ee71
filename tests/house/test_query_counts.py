"""List pages take the same number of queries for two rows and for twelve, and the number is the one written down."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from handoff.actions.answering import reject_handoff
from leads import clock
from leads.models import Campaign, ImportRun, Reason
from scoring.actions.versions import create_model
from tests.handoff.conftest import defaults, hands, work
from tests.house.query_counts import COUNTS

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


def test_lists_take_the_same_queries_for_two_rows_and_for_twelve(more, cast, client_of):
    clients = {who: client_of(getattr(cast, who)) for who in {who for who, _ in COUNTS.values()}}
    for who, client in clients.items():  # what is cached for good is cached now
        client.get(reverse("admin:preferences"))
        assert who
    measured = {}
    for size in (2, 10):
        more(size)
        for name, (who, _) in COUNTS.items():
            url = reverse(name)
            clients[who].get(url)
            measured.setdefault(name, []).append(queries_of(clients[who], url))
    wrong = []
    for name, (_, pinned) in COUNTS.items():
        (few, before), (many, after) = measured[name]
        if not few == many == pinned:
            extra = "".join(f"\n      {sql}" for sql in after if after.count(sql) > before.count(sql)) if few != many else ""
            wrong.append(f"{name}: {few} queries for two rows, {many} for twelve, {pinned} written down{extra}")
    assert not wrong, "\n".join(wrong)
