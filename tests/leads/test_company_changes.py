"""What a person changes about a company in Setup is told with old and new: in its history and on the pages of its leads."""

import pytest
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from leads import hooks
from leads.changes import changes_of
from leads.facts import facts_of
from leads.models import Campaign, LeadEvent, LeadRevision, Team, TeamMember
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(make):
    return make.company("Northwind", employees=480, country="NL")


@pytest.fixture
def change(client_of, cast):
    browser = client_of(cast.marketing_ops)

    def post(company, **changes):
        url = reverse("admin:leads_company_change", args=[company.pk])
        form = browser.get(url).context["adminform"].form
        drawn = {name: "" if (value := form.initial.get(name)) is None else value for name in form.fields}
        sent = {f"initial-{name}": value for name, value in drawn.items()} | drawn | changes
        response = browser.post(url, {name: value for name, value in sent.items() if value is not False})
        assert response.status_code == 302, response.context["adminform"].form.errors

    return post


def test_a_domain_is_kept_bare_and_what_is_none_is_refused(client_of, cast, company, change):
    url = reverse("admin:leads_company_change", args=[company.pk])
    browser = client_of(cast.marketing_ops)
    for given, words in (
        ("foo bar", "“foo bar” is not a domain"),
        ("northwind", "“northwind” is not a domain"),
        ("gmail.com", "At gmail.com anybody can have a mailbox"),
    ):
        answer = browser.post(url, {"name": company.name, "domain": given})
        assert answer.status_code == 200
        assert words in answer.context["adminform"].form.errors["domain"][0]
    change(company, domain="https://www.Northwind.com/about")
    company.refresh_from_db()
    assert (company.domain, company.folded["domain"]) == ("northwind.com", " northwind com ")
    change(company, domain="")
    company.refresh_from_db()
    assert company.domain == ""


def test_a_campaign_s_new_name_is_news_of_the_leads_that_came_by_it(client_of, cast, make):
    campaign, other = (Campaign.objects.create(name=name) for name in ("Spring fair", "Autumn fair"))
    theirs, others = make.lead(first_campaign=campaign), make.lead(first_campaign=other)
    browser = client_of(cast.marketing_ops)
    url = reverse("admin:leads_campaign_change", args=[campaign.pk])
    heard = []
    hooks.facts_changed.append(heard.append)
    try:
        for changes, revision in (({"cost": "500"}, 1), ({"cost": "500", "name": "Trade fair"}, 2)):
            form = browser.get(url).context["adminform"].form
            drawn = {name: "" if (value := form.initial.get(name)) is None else value for name in form.fields}
            with TestCase.captureOnCommitCallbacks(execute=True):
                answer = browser.post(url, {f"initial-{name}": value for name, value in drawn.items()} | drawn | changes)
            assert answer.status_code == 302, answer.context["adminform"].form.errors
            assert LeadRevision.objects.get(lead=theirs).rev == revision
    finally:
        hooks.facts_changed.remove(heard.append)
    assert LeadRevision.objects.get(lead=others).rev == 1
    assert heard == [(theirs.pk,)]
    assert facts_of([theirs.pk])[theirs.pk]["lead.first_campaign"] == "Trade fair"
    browser.post(reverse("admin:leads_campaign_add"), {"name": "New", "channel": "web", "cost": "0"})
    assert Campaign.objects.filter(name="New").exists()


def test_the_history_of_a_company_says_what_it_was_and_is(client_of, cast, company, change):
    change(company, employees="1200", account_owner=cast.rep.pk, is_customer="on")
    page = client_of(cast.marketing_ops).get(reverse("admin:leads_company_history", args=[company.pk])).content.decode()
    for words in ("Employees (480 → 1200)", "Account owner (– → Rita Rep)", "customer (no → yes)"):
        assert words in page


def test_a_lead_tells_what_was_changed_about_its_company(client_of, cast, make, company, change):
    lead = make.lead(company=company)
    change(company, employees="1200")
    (act,) = changes_of(lead, []).acts
    assert (act.by, [(fact.label, fact.old, fact.new) for fact in act.facts]) == (
        "Omar Ops",
        [("Employees", "480", "1200")],
    )
    page = client_of(cast.marketer).get(f"/leads/{lead.pk}/").content.decode()
    assert "<del" in page
    assert "1200" in page
    assert changes_of(make.lead(company=make.company()), []).acts == []
    assert changes_of(make.lead(), []).acts == []


def test_changes_of_lead_and_company_come_in_one_order_and_in_pages(make, company, change):
    lead = make.lead(company=company)
    for number in range(7):
        LeadEvent.objects.create(lead=lead, kind="updated", at=LONG_AGO, changes={"lead.country": ["", str(number)]})
        change(company, employees=str(500 + number))
    seen, after = [], None
    while True:
        page = changes_of(lead, [], after=after, limit=3)
        seen += [act.place for act in page.acts]
        after = page.after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 14
    assert seen == sorted(seen, reverse=True)


def test_the_changes_take_the_same_queries_whatever_there_is(make, company, change):
    lead = make.lead(company=company)

    def count():
        with CaptureQueriesContext(connection) as seen:
            changes_of(lead, [])
        return len(seen)

    change(company, employees="1")
    few = count()
    for number in range(5):
        change(company, employees=str(number + 2))
    assert count() == few == 2


def test_what_is_changed_within_a_form_is_told_as_well(client_of, cast):
    team = Team.objects.get(pk=cast.team.pk)
    place = TeamMember.objects.get(team=team, user=cast.rep)
    url = reverse("admin:leads_team_change", args=[team.pk])
    client_of(cast.admin).post(
        url,
        {
            "name": team.name, "initial-name": team.name, "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": place.pk, "memberships-0-team": team.pk, "memberships-0-user": cast.rep.pk,
            "memberships-0-is_manager": "on",
        },
    )  # fmt: skip
    page = client_of(cast.admin).get(reverse("admin:leads_team_history", args=[team.pk])).content.decode()
    assert "manager (no → yes)" in page.lower() or "manages the team (no → yes)" in page.lower()
