"""The model pages of Setup: who sees them, what they save, and that actions ask first."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from handoff.models import Leave, Rep
from leads.models import Campaign, Company, LeadField, LeadRevision, Product, Reason, Team, TeamMember, User, ValueList

USERS = "/setup/leads/user/"


def form_data(client, url):
    """What a browser would post back unchanged."""
    form = client.get(url).context["adminform"].form
    data = {}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        if hasattr(value, "__iter__") and not isinstance(value, str):
            value = [getattr(item, "pk", item) for item in value]
        if value is True:
            value = "on"
        if value not in (None, False):
            data |= {name: value, f"initial-{name}": value}
    for inline in client.get(url).context["inline_admin_formsets"]:
        management = inline.formset.management_form
        data |= {management.add_prefix(name): management[name].value() for name in management.fields}
        for row in inline.formset.initial_forms:
            data |= {row.add_prefix(name): row.initial.get(name, "") for name in ("team", "user")}
            data[row.add_prefix("id")] = row.instance.pk
    return data


@pytest.mark.parametrize("role", ["rep", "other_rep"])
def test_reps_have_no_setup(role, cast, client_of):
    client = client_of(getattr(cast, role))
    assert client.get(USERS).status_code == 403
    assert b"Setup" not in client.get("/preferences/").content


def test_setup_groups_models_by_what_they_are_for(cast, client_of):
    response = client_of(cast.admin).get("/setup/")
    names = [group["name"] for group in response.context["available_apps"]]
    assert names[:2] == ["People and teams", "Facts"]
    assert b"Authentication" not in response.content


def test_saving_a_person_writes_only_what_was_changed(cast, client_of):
    client = client_of(cast.admin)
    url = reverse("admin:leads_user_change", args=[cast.rep.pk])
    data = form_data(client, url)
    User.objects.filter(pk=cast.rep.pk).update(time_zone="Asia/Tokyo")
    response = client.post(url, data | {"full_name": "Rita Renamed"})
    assert response.status_code == 302
    cast.rep.refresh_from_db()
    assert cast.rep.full_name == "Rita Renamed"
    assert cast.rep.time_zone == "Asia/Tokyo", "changed by somebody else meanwhile"


def test_a_reason_stands_under_one_that_stands_by_itself(cast, client_of):
    client = client_of(cast.admin)
    top, below, alone = (Reason.objects.create(code=code, label=code, position=99) for code in ("top", "below", "alone"))
    Reason.objects.filter(pk=below.pk).update(parent=top)

    def put_under(reason, parent):
        url = reverse("admin:leads_reason_change", args=[reason.pk])
        return client.post(url, form_data(client, url) | {"parent": parent.pk})

    assert b"cannot stand under itself" in put_under(alone, alone).content
    assert "“below” stands under another reason itself".encode() in put_under(alone, below).content
    assert b"Others stand under this reason" in put_under(top, alone).content
    assert not Reason.objects.filter(pk__in=[top.pk, alone.pk], parent__isnull=False).exists()
    assert put_under(alone, top).status_code == 302
    assert Reason.objects.get(pk=alone.pk).parent == top


def test_the_database_keeps_no_reason_under_itself(db):
    reason = Reason.objects.create(code="alone", label="Alone")
    with pytest.raises(IntegrityError), transaction.atomic():
        Reason.objects.filter(pk=reason.pk).update(parent=reason.pk)


def test_nobody_signs_for_both_sides(cast, client_of):
    client = client_of(cast.admin)
    url = reverse("admin:leads_user_change", args=[cast.head_of_sales.pk])
    data = form_data(client, url)
    both = [*cast.head_of_sales.groups.values_list("pk", flat=True), *cast.head_of_marketing.groups.values_list("pk", flat=True)]
    response = client.post(url, data | {"groups": both})
    assert response.status_code == 200
    assert b"cannot sign for both sides" in response.content


def test_an_administrator_does_not_change_who_holds_all_rights(cast, client_of):
    root = User.objects.create_superuser("root@accord.test", "a long password", full_name="Root")
    client = client_of(cast.admin)
    url = reverse("admin:leads_user_change", args=[root.pk])
    assert client.post(url, {"full_name": "Root", "email": "mine@accord.test", "time_zone": "Europe/Berlin"}).status_code == 403
    for name in ("switch_off", "send_password_link"):
        client.post(USERS, {"action": name, "_selected_action": [root.pk], "confirmed": "yes"})
    root.refresh_from_db()
    assert (root.email, root.is_active, mail.outbox) == ("root@accord.test", True, [])
    own = form_data(client_of(root), url)
    assert client_of(root).post(url, own | {"full_name": "Root itself"}).status_code == 302


def test_nobody_chooses_the_own_roles(cast, client_of):
    client = client_of(cast.admin)
    url = reverse("admin:leads_user_change", args=[cast.admin.pk])
    data = form_data(client, url)
    assert "groups" not in data
    before = set(cast.admin.groups.values_list("name", flat=True))
    client.post(url, data | {"groups": list(cast.head_of_sales.groups.values_list("pk", flat=True))})
    assert set(cast.admin.groups.values_list("name", flat=True)) == before


def test_administrator_cannot_switch_off_themselves(cast, client_of):
    client = client_of(cast.admin)
    url = reverse("admin:leads_user_change", args=[cast.admin.pk])
    data = form_data(client, url)
    data.pop("is_active")
    client.post(url, data)
    cast.admin.refresh_from_db()
    assert cast.admin.is_active


def test_new_person_can_be_added_without_a_password_and_gets_a_link(cast, client_of):
    client = client_of(cast.admin)
    data = {"full_name": "Nora New", "email": "Nora@accord.test", "is_active": "on", "time_zone": "Europe/Berlin"}
    data |= {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    data["groups"] = list(cast.rep.groups.values_list("pk", flat=True))
    assert client.post(f"{USERS}add/", data).status_code == 302
    nora = User.objects.get(email="nora@accord.test")
    assert not nora.has_usable_password()
    assert nora.has_portal_role
    action = {"action": "send_password_link", "_selected_action": [nora.pk]}
    asked = client.post(USERS, action)
    assert b"Each of these people gets a mail" in asked.content
    assert mail.outbox == []
    client.post(USERS, action | {"confirmed": "yes"})
    assert [message.to for message in mail.outbox] == [["nora@accord.test"]]


def test_switching_off_asks_first_and_spares_oneself(cast, client_of):
    client = client_of(cast.admin)
    action = {"action": "switch_off", "_selected_action": [cast.rep.pk, cast.admin.pk]}
    asked = client.post(USERS, action)
    assert b"no longer sign in" in asked.content
    cast.rep.refresh_from_db()
    assert cast.rep.is_active
    client.post(USERS, action | {"confirmed": "yes"})
    assert set(User.objects.filter(is_active=False).values_list("pk", flat=True)) == {cast.rep.pk}
    client.post(USERS, {"action": "switch_on", "_selected_action": [cast.rep.pk], "confirmed": "yes"})
    cast.rep.refresh_from_db()
    assert cast.rep.is_active


def test_deleting_many_at_once_is_not_offered(cast, client_of):
    response = client_of(cast.admin).get(USERS)
    assert b"delete_selected" not in response.content


def test_people_can_be_found_by_role(cast, client_of):
    response = client_of(cast.admin).get(USERS, {"role": "rep"})
    assert {person.pk for person in response.context["cl"].result_list} == {cast.rep.pk, cast.other_rep.pk}


def test_inputs_in_a_list_have_labels(cast, client_of):
    Product.objects.create(key="flow", name="Flow")
    response = client_of(cast.marketing_ops).get("/setup/leads/product/")
    assert b'aria-label="Sales priority of Flow"' in response.content


def test_empty_list_says_what_to_do(cast, client_of):
    response = client_of(cast.marketing_ops).get("/setup/leads/leadfield/")
    assert b"No custom fields yet." in response.content
    assert b"The import makes them" in response.content
    nothing = client_of(cast.admin).get(USERS, {"q": "no such person"})
    assert b"Nothing matches." in nothing.content


def test_key_and_type_of_a_field_never_change(cast, client_of):
    field = LeadField.objects.create(key="size", label="Size", type="choice", choices=["small", "large"])
    client = client_of(cast.marketing_ops)
    url = reverse("admin:leads_leadfield_change", args=[field.pk])
    data = {"label": "Company size", "help": "", "key": "other", "type": "text", "choices": "small\n\nlarge\nlarge\nhuge"}
    data |= {"known": "intake", "position": "0", "active": "on"}
    assert client.post(url, data).status_code == 302
    field.refresh_from_db()
    assert (field.key, field.type, field.label, field.choices) == ("size", "choice", "Company size", ["small", "large", "huge"])


def test_list_field_needs_values(cast, client_of):
    data = {"label": "Size", "key": "size", "type": "choice", "choices": "", "known": "intake", "position": "0"}
    response = client_of(cast.marketing_ops).post("/setup/leads/leadfield/add/", data)
    assert b"A list needs at least one value." in response.content
    assert not LeadField.objects.exists()


def test_each_save_of_a_list_is_a_new_revision(cast, client_of):
    client = client_of(cast.marketing_ops)
    client.post("/setup/leads/valuelist/add/", {"label": "Targets", "key": "targets", "values": "Logistics\nRetail"})
    targets = ValueList.objects.get()
    url = reverse("admin:leads_valuelist_change", args=[targets.pk])
    empty = {"revisions-TOTAL_FORMS": 0, "revisions-INITIAL_FORMS": 0}
    client.post(url, {"label": "Target industries", "values": "Logistics\nRetail"} | empty)
    assert targets.revisions.count() == 1, "the values did not change"
    client.post(url, {"label": "Target industries", "values": "Logistics\nRetail\nRail"} | empty)
    assert list(targets.revisions.order_by("no").values_list("no", "values")) == [
        (1, ["Logistics", "Retail"]),
        (2, ["Logistics", "Retail", "Rail"]),
    ]
    assert b"Former and current content" in client.get(url).content


def test_changed_company_is_folded_and_its_leads_are_judged_again(cast, client_of, make):
    company = make.company("Northwind Freight", industry="Logistics")
    lead = make.lead(company=company)
    url = reverse("admin:leads_company_change", args=[company.pk])
    client = client_of(cast.marketing_ops)
    data = form_data(client, url)
    assert client.post(url, data | {"name": "Nordwind Ärzte", "industry": "Health-Care"}).status_code == 302
    company.refresh_from_db()
    assert company.name_key == "nordwind ärzte"
    assert company.folded["industry"] == " health care "
    assert LeadRevision.objects.get(lead=lead).rev == 2
    assert client.get("/setup/leads/company/", {"q": "Nordwind"}).context["cl"].result_count == 1


@pytest.mark.parametrize("who", ["marketing_ops", "head_of_marketing", "admin"])
def test_account_owner_is_chosen_from_the_active_people_of_sales(cast, client_of, make, who):
    cast.other_rep.is_active = False
    cast.other_rep.save()
    gone = make.user("gone@accord.test", "Gone Rep", "rep", is_active=False)
    company = make.company("Northwind", account_owner=gone)
    client, url = client_of(getattr(cast, who)), reverse("admin:leads_company_change", args=[company.pk])
    page = client.get(url)
    field = page.context["adminform"].form.fields["account_owner"]
    assert set(field.queryset) == {cast.rep, cast.manager, cast.head_of_sales, gone}
    assert b"admin-autocomplete" not in page.content
    assert client.post(url, form_data(client, url) | {"account_owner": cast.rep.pk}).status_code == 302
    company.refresh_from_db()
    assert company.account_owner == cast.rep


def test_companies_are_found_by_the_beginning_of_the_name_or_the_whole_domain(cast, client_of, make):
    make.company("Northwind Freight", domain="nordwind-freight.test")
    client = client_of(cast.marketing_ops)
    for text, found in {"north": 1, "Nordwind-Freight.test": 1, "freight": 0, "nordwind": 0, "…": 0}.items():
        assert client.get("/setup/leads/company/", {"q": text}).context["cl"].result_count == found, text


LONG = (
    "leads/submission", "leads/company", "leads/activity", "leads/leadevent", "leads/outbox",
    "handoff/handoff", "handoff/rejectionreview", "scoring/qualification",
)  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_lists_that_may_be_very_long_cost_the_same_at_any_length(cast, client_of, name):
    client = client_of(cast.admin)
    with CaptureQueriesContext(connection) as queries:
        changelist = client.get(f"/setup/{name}/").context["cl"]
    assert changelist.paginator.limit == 10_000
    assert changelist.full_result_count is None
    assert set(changelist.queryset.query.order_by) == {"-pk"}
    assert changelist.model_admin.get_sortable_by(None) == ()
    asked = [query["sql"] for query in queries]
    assert not any("SELECT DISTINCT" in sql and name.replace("/", "_") in sql for sql in asked)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/setup/{name}/", {"q": "ivy okafor"}).status_code == 200
    searched = [query["sql"] for query in queries if "ivy" in query["sql"]]
    assert not any("LIKE '%" in sql or "LIKE UPPER" in sql for sql in searched)


def test_leads_are_counted_for_the_campaigns_of_the_page(cast, client_of, make):
    fair = Campaign.objects.create(name="Spring fair")
    Campaign.objects.create(name="Nobody came")
    make.lead(first_campaign=fair)
    make.lead(first_campaign=fair)
    with CaptureQueriesContext(connection) as queries:
        page = client_of(cast.admin).get("/setup/leads/campaign/")
    assert {row.name: page.context["cl"].model_admin.lead_count(row) for row in page.context["cl"].result_list} == {
        "Spring fair": 2,
        "Nobody came": 0,
    }
    about = [query["sql"] for query in queries if '"leads_lead"' in query["sql"]]
    assert len(about) == 1
    assert "JOIN" not in about[0].replace('LEFT OUTER JOIN "leads_product"', "")


def test_company_can_be_added(cast, client_of):
    data = {"name": "Quillon Foods", "domain": "WWW.Quillon.test", "country": "nl"}
    assert client_of(cast.marketing_ops).post("/setup/leads/company/add/", data).status_code == 302
    company = Company.objects.get()
    assert (company.domain, company.country, company.name_key) == ("quillon.test", "NL", "quillon foods")


def test_reason_keeps_its_code(cast, client_of):
    reason = Reason.objects.create(code="tiny", label="Too small", field_keys=["company.employees"])
    url = reverse("admin:leads_reason_change", args=[reason.pk])
    data = {"label": "Far too small", "hint": "", "code": "x", "parent": "", "for_reject": "on", "position": "1", "active": "on"}
    client_of(cast.marketing_ops).post(url, data | {"field_keys": "company.employees\ncompany.revenue"})
    reason.refresh_from_db()
    assert (reason.code, reason.label) == ("tiny", "Far too small")
    assert reason.field_keys == ["company.employees", "company.revenue"]


def test_team_shows_its_managers_and_active_people(cast, client_of):
    User.objects.filter(pk=cast.other_rep.pk).update(is_active=False)
    response = client_of(cast.admin).get("/setup/leads/team/")
    assert b"Mona Manager" in response.content
    assert response.context["cl"].result_list[0].people == 2


def test_member_can_be_taken_out_of_a_team(cast, client_of):
    team = Team.objects.get()
    place = TeamMember.objects.get(user=cast.other_rep)
    data = {"name": team.name, "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1, "memberships-0-id": place.pk}
    data |= {"memberships-0-team": team.pk, "memberships-0-user": cast.other_rep.pk, "memberships-0-DELETE": "on"}
    client_of(cast.admin).post(reverse("admin:leads_team_change", args=[team.pk]), data)
    assert not TeamMember.objects.filter(pk=place.pk).exists()


def test_history_and_deleting_pages_are_in_the_same_look(cast, client_of, make):
    client = client_of(cast.admin)
    history = client.get(reverse("admin:leads_team_history", args=[cast.team.pk]))
    assert b"Who changed what in Sales north" in history.content
    app = client.get("/setup/leads/")
    assert app.status_code == 200


def test_deleting_asks_first_and_says_what_goes(cast, client_of):
    rep = Rep.objects.create(user=cast.rep, started_on=date(2026, 1, 1))
    start = datetime(2026, 6, 8, tzinfo=UTC)
    leave = Leave.objects.create(rep=rep, starts_at=start, ends_at=start + timedelta(days=5), reason="Holiday")
    client = client_of(cast.admin)
    url = reverse("admin:handoff_leave_delete", args=[leave.pk])
    assert b"Keep it" in client.get(url).content
    assert Leave.objects.exists()
    client.post(url, {"post": "yes"})
    assert not Leave.objects.exists()
