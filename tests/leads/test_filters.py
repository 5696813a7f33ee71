"""The filters of the lead list: each narrows to what it says, whatever the address holds."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from leads.choices import FieldType, Stage
from leads.filters import LeadFilter
from leads.models import Campaign, ImportRun, LeadField, Submission
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def names(cast):
    def of(query, user=None):
        filterset = LeadFilter(QueryDict(query), user=user or cast.marketer)
        return sorted(filterset.qs.values_list("first_name", flat=True))

    return of


@pytest.fixture
def field(db):
    def make_field(key, type_, choices=(), **options):
        return LeadField.objects.create(key=key, label=key.title(), type=type_, choices=list(choices), **options)

    return make_field


def test_stage_one_or_by_whose_turn_it_is(make, names):
    for stage in Stage:
        make.lead(first_name=stage.value, stage=stage)
    assert names("stage=mql") == ["mql"]
    assert names("stage=with-sales") == ["mql", "sal", "sql"]
    assert names("stage=with-marketing") == ["inquiry", "prospect", "recycled", "rejected"]


def test_owner_somebody_nobody_or_me(cast, make, names):
    make.lead(first_name="mine", owner=cast.rep)
    make.lead(first_name="theirs", owner=cast.other_rep)
    make.lead(first_name="free")
    assert names(f"owner={cast.rep.pk}") == ["mine"]
    assert names("owner=nobody") == ["free"]
    assert names("owner=me", cast.head_of_sales) == []


def test_a_rep_has_no_owner_filter_and_a_manager_only_the_team(cast):
    assert "owner" not in LeadFilter(QueryDict(""), user=cast.rep).filters
    offered = LeadFilter(QueryDict(""), user=cast.manager).form["owner"].field.choices
    assert {str(key) for key, _ in offered} == {"", "me", *(str(p.pk) for p in (cast.rep, cast.other_rep, cast.manager))}


def test_a_rep_is_offered_the_sources_and_countries_of_the_own_leads_alone(make, cast):
    make.lead(first_source="Secret partner", country="CH")
    make.lead(first_source="Webinar", country="DE", owner=cast.rep)
    form = LeadFilter(QueryDict(""), user=cast.rep).form
    assert [key for key, _ in form["source"].field.choices] == ["", "Webinar"]
    assert [key for key, _ in form["country"].field.choices] == ["", "DE"]


def test_source_country_and_campaign_offer_what_leads_have(make, names, cast):
    campaign = Campaign.objects.create(name="Spring fair")
    make.lead(first_name="a", first_source="Webinar", country="DE", first_campaign=campaign)
    make.lead(first_name="b", first_source="Partner", country="NL")
    make.lead(first_name="c")
    form = LeadFilter(QueryDict(""), user=cast.marketer).form
    assert [key for key, _ in form["source"].field.choices] == ["", "Partner", "Webinar"]
    assert [key for key, _ in form["country"].field.choices] == ["", "DE", "NL"]
    assert names("source=Webinar") == ["a"]
    assert names("country=NL") == ["b"]
    assert names(f"campaign={campaign.pk}") == ["a"]


def test_created_in_a_range_of_days_of_the_reader(make, names, cast):
    make.lead(first_name="before", created_at=datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    make.lead(first_name="in", created_at=datetime(2026, 3, 2, 0, 0, tzinfo=UTC))
    make.lead(first_name="last", created_at=datetime(2026, 3, 3, 23, 59, tzinfo=UTC))
    assert names("created_after=2026-03-02&created_before=2026-03-03") == ["in", "last"]
    assert names("created_before=2026-03-01") == ["before"]


def test_contact_usable_unusable_or_one_reason(make, names):
    make.lead(first_name="ok")
    make.lead("", first_name="bad", contactable=False, contact_problem="bad_phone", stage=Stage.INQUIRY)
    make.lead("", first_name="none", contactable=False, contact_problem="no_contact", stage=Stage.INQUIRY)
    assert names("contact=usable") == ["ok"]
    assert names("contact=unusable") == ["bad", "none"]
    assert names("contact=bad_phone") == ["bad"]


def test_own_fields_by_type(make, names, field):
    field("plan", FieldType.CHOICE, ["Basic", "Team"])
    field("tools", FieldType.MULTI, ["SAP", "HubSpot"])
    field("budget", FieldType.BOOLEAN)
    field("seats", FieldType.NUMBER)
    field("renewal", FieldType.DATE)
    field("said", FieldType.TEXT)
    make.lead(
        first_name="a",
        attributes={"plan": "Team", "tools": ["SAP", "HubSpot"], "budget": True, "seats": 20, "renewal": "2026-05-01"},
    )
    make.lead(
        first_name="b", attributes={"plan": "Basic", "tools": ["SAP"], "budget": False, "seats": 9.5, "said": "100 % sure_"}
    )
    make.lead(first_name="c")
    assert names("x_plan=Team") == ["a"]
    assert names("x_tools=SAP") == ["a", "b"]
    assert names("x_tools=HubSpot") == ["a"]
    assert names("x_budget=yes") == ["a"]
    assert names("x_budget=no") == ["b"]
    assert names("x_seats_min=9.5&x_seats_max=10") == ["b"]
    assert names("x_seats_min=10") == ["a"]
    assert names("x_renewal_after=2026-05-01&x_renewal_before=2026-05-01") == ["a"]
    assert names("x_said=SURE_") == ["b"]
    assert names("x_said=%25") == ["b"]


def test_a_field_named_like_an_operator_of_the_database_is_only_a_name(make, names, field):
    for key in ("contains", "isnull", "gte"):
        field(key, FieldType.NUMBER)
    make.lead(first_name="a", attributes={"contains": 5, "isnull": 1})
    assert names("x_contains_min=5") == ["a"]
    assert names("x_isnull_max=0") == []
    assert names("x_gte_min=1") == []


def test_inactive_fields_are_not_offered(field, cast):
    field("old", FieldType.TEXT, active=False)
    assert "x_old" not in LeadFilter(QueryDict(""), user=cast.marketer).filters


@pytest.mark.parametrize(
    "query",
    [
        "stage=nonsense",
        "owner=99999999999999999999",
        "owner=1%27--",
        "campaign=x",
        "created_after=0001-01-01",
        "created_before=9999-12-31",
        "created_after=yesterday",
        "x_seats_min=1e400",
        "x_seats_max=-1e400",
        "x_seats_min=NaN",
        "q=%00",
        "country=%F0%9F%98%80",
    ],
)
def test_no_address_breaks_the_list(make, names, field, query):
    field("seats", FieldType.NUMBER)
    make.lead(first_name="a", attributes={"seats": 3})
    assert names(query) in ([], ["a"])


def test_filters_never_widen_what_a_person_may_see(cast, make, names):
    make.lead(first_name="mine", owner=cast.rep)
    make.lead(first_name="theirs", owner=cast.other_rep)
    for query in ("", f"owner={cast.other_rep.pk}", "owner=nobody", "stage=prospect", "q=ivy"):
        assert set(names(query, cast.rep)) <= {"mine"}
    assert names("", cast.outsider) == []


def test_the_leads_of_an_import_are_listed_as_a_set(make, cast, names):
    run = ImportRun.objects.create(
        kind="leads", file_name="fair.csv", file_size=1, created_at=MONDAY, finished_at=MONDAY, state="done"
    )
    mine, refused = make.lead(first_name="a"), make.lead(first_name="b")
    for lead, status in ((mine, "created"), (refused, "refused")):
        Submission.objects.create(
            channel="import", kind="lead", lead=lead, received_at=MONDAY, raw={}, status=status, import_run=run, line=2
        )
    assert names(f"import={run.pk}") == ["a"]
    form = LeadFilter(QueryDict(""), user=cast.marketer).form
    assert ("fair.csv, 08 Jun 2026") in dict(form["import"].field.choices).values()
    assert "import" not in LeadFilter(QueryDict(""), user=cast.rep).filters
