"""What an undo may not take: companies and campaigns somebody or something else had to do with since."""

from decimal import Decimal

import pytest

from leads.actions.company import save_company
from leads.importing import actions
from leads.importing.refused import correct
from leads.intake.batch import take_in, take_in_outcomes
from leads.intake.incoming import AboutLead, Incoming, IncomingOutcome, Who
from leads.models import Activity, Campaign, Case, Company, ImportRefusal, Lead, LeadEvent
from scoring.models import Criterion, ModelVersion, ScoringModel
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db
COMPANIES = "Company,Website,Industry\nNorthwind,northwind.test,Logistics\nPine,pine.test,Banking\n"
CAMPAIGNED = "Email,First name,Campaign\nann@one.test,Ann,Expo\nbob@two.test,Bob,Webinar\n"


@pytest.fixture
def undone(ops, work):
    def undo(run):
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert run.state == "undone"
        return run.undo_result

    return undo


def test_a_company_corrected_by_hand_stays_and_is_listed(imported, undone, cast):
    run = imported(COMPANIES, "companies")
    corrected = Company.objects.get(domain="northwind.test")
    corrected.employees = 480
    save_company(corrected, ["employees"], actor=cast.admin)
    result = undone(run)
    assert list(Company.objects.values_list("domain", "employees")) == [("northwind.test", 480)]
    assert (result["removed"], result["left"]) == (1, [{"name": "Northwind", "why": "it was changed since"}])


def test_a_company_another_source_knew_more_of_stays(imported, undone, freeze):
    run = imported("Email,Company,Website\nann@northwind.test,Northwind,northwind.test\n")
    take_in(
        [
            Incoming(
                kind="lead",
                values={"lead.email": "eve@northwind.test", "company.domain": "northwind.test", "company.industry": "Logistics"},
            )
        ],
        actor=None,
        channel="api",
        at=MONDAY,
    )
    Lead.objects.filter(email_key="eve@northwind.test").update(company=None)
    result = undone(run)
    assert Company.objects.get().industry == "Logistics"
    assert result["left"] == [{"name": "Northwind", "why": "it was changed since"}]


def test_a_company_filled_by_a_later_row_of_the_same_file_goes(imported, undone):
    run = imported("Email,Company,Website,Industry\nann@n.test,North,n.test,\nbob@n.test,North,n.test,Logistics\n")
    assert Company.objects.get().industry == "Logistics"
    undone(run)
    assert not Company.objects.exists()


def test_campaigns_the_run_made_go_with_it(imported, undone):
    run = imported(CAMPAIGNED, campaign="Spring fair")
    assert set(Campaign.objects.values_list("name", flat=True)) == {"Expo", "Webinar", "Spring fair"}
    result = undone(run)
    assert not Campaign.objects.exists()
    assert result["left_count"] == 0


def test_campaigns_that_were_there_stay_untold(imported, undone):
    Campaign.objects.create(name="expo", channel="event")
    result = undone(imported(CAMPAIGNED))
    assert list(Campaign.objects.values_list("name", flat=True)) == ["expo"]
    assert result["left_count"] == 0


def test_campaigns_somebody_described_used_or_counts_stay_and_are_listed(imported, undone, make):
    run = imported(CAMPAIGNED, campaign="Spring fair")
    Campaign.objects.filter(name="Expo").update(cost=Decimal(900))
    other = make.lead()
    Lead.objects.filter(pk=other.pk).update(first_campaign=Campaign.objects.get(name="Webinar"))
    model = ScoringModel.objects.create(key="m", name="M")
    version = ModelVersion.objects.create(model=model, no=1, created_at=MONDAY)
    event = {"kinds": ["visit"], "campaigns": [Campaign.objects.get(name="Spring fair").pk]}
    Criterion.objects.create(
        version=version, key="fair", label="Fair", dimension="engagement", shape="tally", event=event, window_days=30, points=5
    )
    result = undone(run)
    assert Campaign.objects.count() == 3
    assert {one["name"]: one["why"] for one in result["left"]} == {
        "Campaign Expo": "it was described since",
        "Campaign Webinar": "leads came by it",
        "Campaign Spring fair": "a criterion counts what came by it",
    }
    assert not Activity.objects.exists()


def test_an_upload_that_cannot_be_kept_leaves_no_file(upload, ops, tmp_path, monkeypatch):
    monkeypatch.setattr("leads.models.ImportRun.save", lambda self, **how: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        upload("Email\nann@one.test\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_person_the_file_names_twice_goes_with_the_rest(imported, undone, ops):
    rows = "Email,First name,Own colour,Outcome\nann@one.test,Ann,red,Won\nann@one.test,Anna,blue,Lost\nbob@two.test,Bob,,\n"
    run = imported(rows)
    assert (run.created, run.updated) == (2, 1)
    result = undone(run)
    assert (result["removed"], result["left"], Lead.objects.count()) == (2, [], 0)


def test_what_is_left_is_counted_by_lead_and_fields_in_use_are_named(imported, undone, make, cast):
    known = make.lead("old@one.test")
    run = imported("Email,First name,Own colour\nold@one.test,Olga,red\nold@one.test,Olga,red\nnew@one.test,Nora,\n")
    result = undone(run)
    assert Lead.objects.get() == known
    left = {one["name"]: one["why"] for one in result["left"]}
    assert left["1 lead that was there before"] == "updated by the import; what it said stays"
    assert left["Field Own colour"] == "leads have a value in it"


def test_refused_rows_can_still_be_read_after_the_undo(imported, undone, ops, client_of):
    run = imported("Email,Employees\na@n.test,12\nb@n.test,13\nc@n.test,many\n")
    undone(run)
    html = client_of(ops).get(f"/leads/imports/{run.pk}/refused/").content.decode()
    assert "many" in html
    assert "Correct" not in html


def test_cases_go_once_with_their_stage_and_stay_where_others_spoke_of_them_since(imported, undone, make):
    for name in ("ann", "bob", "eve", "kim", "old"):
        make.lead(f"{name}@one.test")
    before = imported("Email,Outcome,Closed\nold@one.test,lost,2026-01-01\n", "outcomes")
    assert before.cases == 1
    rows = "ann@one.test,won,\nann@one.test,lost,\nbob@one.test,won,\neve@one.test,won,\nkim@one.test,won,\nold@one.test,lost,9\n"
    run = imported("Email,Outcome,Amount\n" + rows, "outcomes")
    assert (run.cases, run.refused) == (4, 0)

    def told(email, outcome, amount=None):
        about = AboutLead(Who(email=email), outcome=IncomingOutcome(outcome, amount=amount))
        return take_in_outcomes([about], actor=None, channel="api")[0].status

    assert [told("bob@one.test", "won", Decimal(5000)), told("eve@one.test", "won")] == ["updated", "attached"]
    result = undone(run)
    assert {case.lead.email: (case.outcome, case.amount) for case in Case.objects.select_related("lead")} == {
        "bob@one.test": ("won", Decimal(5000)),
        "eve@one.test": ("won", None),
        "old@one.test": ("lost", Decimal(9)),
    }
    assert dict(Lead.objects.values_list("email", "stage")) == {
        "ann@one.test": "prospect", "bob@one.test": "won", "eve@one.test": "won", "kim@one.test": "prospect", "old@one.test": "lost",
    }  # fmt: skip
    names = {lead.name: lead.email for lead in Lead.objects.all()}
    assert (result["removed"], {names[one["name"]]: one["why"] for one in result["left"]}) == (
        2,
        {
            "bob@one.test": "its case was changed since",
            "eve@one.test": "its outcome was told again since",
            "old@one.test": "its case was there before and keeps what the import added",
        },
    )


def test_activities_go_whatever_their_ids_look_like_and_those_gone_are_told(imported, undone, make):
    for name in ("ann", "bob", "eve"):
        make.lead(f"{name}@one.test")
    kept = make.activity(Lead.objects.get(email="ann@one.test"))
    rows = "ann@one.test,chat,2026-01-05,n/a\nbob@one.test,chat,2026-01-05,'=k\neve@one.test,chat,2026-01-05,ok\n"
    run = imported("Email,Activity type,Date,Event ID\n" + rows, "activities")
    assert set(Activity.objects.exclude(pk=kept.pk).values_list("source_id", flat=True)) == {
        f"{run.file_hash[:20]}:2", "=k", "ok",
    }  # fmt: skip
    Activity.objects.filter(source_id="ok").delete()
    result = undone(run)
    assert list(Activity.objects.all()) == [kept]
    assert result == {
        "removed": 2, "left_count": 1, "left": [{"name": "1 activity", "why": "no longer where the import put it"}],
    }  # fmt: skip


def test_rows_taken_in_late_are_whose_who_took_them_and_go_with_the_rest(imported, undone, ops, work, cast):
    run = imported("Email,First name,Employees\na@n.test,A,12\n,B,13\n,C,14\n")
    first, second = ImportRefusal.objects.order_by("line")
    correct(first, {**first.content, "Email": "b@n.test"}, actor=cast.admin)
    ImportRefusal.objects.filter(pk=second.pk).update(content={**second.content, "Email": "c@n.test"})
    run.refresh_from_db()
    actions.retry(run, actor=cast.admin)
    work()
    by = dict(LeadEvent.objects.filter(kind="created").values_list("lead__email", "actor__email"))
    assert by == {"a@n.test": ops.email, "b@n.test": cast.admin.email, "c@n.test": cast.admin.email}
    run.refresh_from_db()
    assert (run.created, run.refused) == (3, 0)
    result = undone(run)
    assert (result["removed"], result["left"], Lead.objects.count()) == (3, [], 0)


def test_companies_that_were_there_are_told_of(imported, undone, make):
    make.company(name="Northwind", domain="northwind.test", industry="Trade")
    result = undone(imported(COMPANIES, "companies"))
    assert list(Company.objects.values_list("domain", "industry")) == [("northwind.test", "Logistics")]
    left = {"name": "1 company that was there before", "why": "updated by the import; what it said stays"}
    assert result == {"removed": 1, "left_count": 1, "left": [left]}
