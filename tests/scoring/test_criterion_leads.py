"""The list of the leads a criterion hits: whom it shows, to whom, and what it costs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.choices import Stage
from leads.models import Lead
from scoring import hit_leads
from scoring.actions.versions import create_draft
from scoring.snapshot import building, reading
from tests.conftest import MONDAY
from tests.scoring.conftest import DEMO
from tests.scoring.samples import a_test, clause, when

pytestmark = pytest.mark.django_db

SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")


def test_open_leads_in_scope_that_one_may_see_are_listed(
    freeze: Any, make: Any, cast: Any, agree: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze(MONDAY)
    version = agree(SIZE, DEMO, scope=when(clause("lead.country", "in", values=["de"])))
    large, small = make.company("Northwind", employees=300), make.company("Tiny", employees=3)
    make.lead(first_name="Hers", company=large, owner=cast.rep, country="DE")
    make.lead(first_name="Other", company=large, owner=cast.other_rep, country="DE")
    make.lead(first_name="Small", company=small, owner=cast.rep, country="DE")
    make.lead(first_name="Nowhere", company=None, owner=cast.rep, country="DE")
    make.lead(first_name="Abroad", company=large, owner=cast.rep, country="FR")
    make.lead(first_name="Done", company=large, owner=cast.rep, country="DE", stage=Stage.WON)
    asked = make.lead(first_name="Asked", company=small, owner=cast.rep, country="DE")
    make.activity(asked, "demo_request", MONDAY - timedelta(days=29))
    draft = create_draft(version.model, actor=None)
    names = ("Hers", "Other", "Small", "Nowhere", "Abroad", "Done", "Asked")

    def shown(user: Any, version: Any, key: str, query: str = "", **headers: str) -> list[str]:
        answer = client_of(user).get(f"/criteria/versions/{version.pk}/criteria/{key}/leads/{query}", headers=headers)
        assert answer.status_code == 200
        return [name for name in names if f"{name} Okafor" in answer.content.decode()]

    for one in (version, draft):
        assert shown(cast.marketer, one, "size") == ["Hers", "Other"]
        assert shown(cast.rep, one, "size") == ["Hers"]
        assert shown(cast.rep, one, "demo") == ["Asked"]
    building.rebuild()
    for changed in ([], [asked.pk]):
        with monkeypatch.context() as patch:  # events are counted in columns, of who changed since by the reference
            patch.setattr(reading, "changed_leads", lambda mark, changed=changed: changed)
            patch.setattr(hit_leads, "hits", None)
            assert shown(cast.rep, version, "demo") == ["Asked"]
            assert shown(cast.other_rep, version, "demo") == []
    make.activity(Lead.objects.get(first_name="Small"), "demo_request", MONDAY - timedelta(days=1))
    assert shown(cast.rep, version, "demo") == ["Small", "Asked"]
    assert shown(cast.marketer, draft, "size", "?q=other", **{"HX-Request": "true"}) == ["Other"]
    assert client_of(cast.marketer).get(f"/criteria/versions/{draft.pk}/criteria/gone/leads/").status_code == 404
    draft.criteria.filter(key="size").update(condition=when(clause("company.employees", "between", low=10_000)))
    address = f"/criteria/versions/{draft.pk}/criteria/size/leads/"
    browser = client_of(cast.marketer)
    with CaptureQueriesContext(connection) as none:
        assert "No open lead meets “Company size” now." in browser.get(address).content.decode()
    assert "Clear filters" in browser.get(f"{address}?q=x").content.decode()
    draft.criteria.filter(key="size").update(condition=when(clause("company.employees", "known")))
    counts = []
    for _ in range(2):
        for _ in range(3):
            make.lead(company=make.company(employees=9), owner=cast.rep, country="DE")
        with CaptureQueriesContext(connection) as seen:
            browser.get(address)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= len(none) + 4
