"""Real exports through the real wizard: every row is accounted for, and every refusal says something true."""

import json
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.urls import reverse

from leads.choices import FieldType
from leads.importing import actions
from leads.models import Campaign, Case, Company, ExternalId, ImportRefusal, ImportRun, Lead, LeadField
from tests.importing.samples import DATA, needs_data
from tests.importing.test_wizard import form_of

pytestmark = needs_data
SAMPLES = DATA / "import_samples"


@pytest.fixture
def wizard(cast, client_of, work):
    """Upload, accept the guesses, check, import: by the posts a browser sends."""
    browser = client_of(cast.marketing_ops)

    def through(path, kind="leads", **changes):
        file = SimpleUploadedFile(path.name, path.read_bytes())
        assert browser.post(reverse("admin:import-create"), {"file": file, "kind": kind}).status_code == 302
        run = ImportRun.objects.latest("pk")
        answer = browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), **changes, "do": "check"})
        assert answer.status_code == 302, answer.content.decode()
        work()
        run.refresh_from_db()
        assert run.state == "checked", run.error
        checked = dict(run.check_result)
        assert browser.post(reverse("admin:import-check", args=[run.pk]), {"score_after": "on"}).status_code == 302
        work()
        run.refresh_from_db()
        assert run.state == "done", run.error
        assert run.received == run.created + run.updated + run.attached + run.refused
        for name in ("received", "created", "refused", "cases"):
            assert getattr(run, name) == checked[name], name
        return run

    return through


def refusals(run):
    return {refusal.line: [problem["code"] for problem in refusal.problems] for refusal in ImportRefusal.objects.filter(run=run)}


@pytest.mark.parametrize(
    ("name", "received", "refused"),
    [
        ("hubspot_contacts.csv", 20, {}),
        # "sarah.miller" is no address and 555-111-2222 no number that can exist: she stays an inquiry that cannot be reached.
        ("contacts_messy.csv", 40, {}),
        ("salesforce_leads_scored.csv", 160, {}),
        ("salesforce_leads_uk.csv", 20, {}),
        ("facebook_lead_ads.csv", 8, {}),
        ("google_ads_leads.csv", 10, {}),
        ("agency_messy.csv", 5, {3: ["no_identity"], 6: ["no_identity"]}),
        ("agents_hard.csv", 4, {4: ["no_identity"]}),
        # A cell is missing in line 6, so its words stand where the outcome should.
        ("mixed_dates_leads.csv", 5, {6: ["outcome_not_mapped"]}),
    ],
)
def test_every_row_of_the_lead_samples_is_taken_or_refused_with_a_true_reason(wizard, name, received, refused):
    run = wizard(SAMPLES / name)
    assert run.received == received
    assert refusals(run) == refused
    assert run.created == Lead.objects.count()


def test_people_who_come_twice_in_a_messy_file_are_one(wizard):
    wizard(SAMPLES / "contacts_messy.csv")
    sarah = Lead.objects.get(email_key="sarah.johnson@acme-corp.com")
    assert (sarah.country, sarah.job_title, sarah.seniority) == ("US", "VP of Sales", "vp")
    assert Lead.objects.get(email_key="info@acme-corp.com").first_name == ""
    assert Lead.objects.filter(email_key="michael.chen@techflow.io").count() == 1


def test_companies_in_other_spellings_are_one_by_their_domain(wizard):
    run = wizard(SAMPLES / "accounts_messy.csv", "companies")
    assert (run.received, run.refused) == (20, 0)
    assert Company.objects.filter(domain="acme-corp.com").count() == 1
    assert run.created == Company.objects.count() == 18
    assert not Company.objects.values("domain").annotate(n=Count("pk")).filter(n__gt=1)


def test_salesforce_history_becomes_cases_with_amounts(wizard):
    run = wizard(SAMPLES / "salesforce_leads_scored.csv")
    won = Case.objects.filter(outcome="won")
    assert run.cases == won.count() == 78
    assert won.exclude(amount=None).exists()
    assert ExternalId.objects.filter(system="salesforce", value="SF001").exists()


@pytest.mark.parametrize("name", ["simple.ssv", "simple.psv", "excel_pasting.csv", "null.csv"])
def test_tables_that_are_no_leads_are_refused_with_the_question(wizard, cast, name):
    with (SAMPLES / "dialects" / name).open("rb") as file:
        run = actions.upload(file, name=name, kind="leads", actor=cast.marketing_ops)
    with pytest.raises(actions.Invalid) as caught:
        actions.validate(run)
    assert caught.value.code == "no_identity"


@pytest.mark.parametrize("name", ["google_ads_lead_form.json", "hubspot_contact.json", "hubspot_form_submission.json"])
def test_payloads_of_other_systems_are_sent_to_the_api(cast, client_of, settings, tmp_path, name):
    path = SAMPLES / "payloads" / name
    words = "This is JSON, not a table. Send JSON to the API"
    response = client_of(cast.marketing_ops).post(
        reverse("admin:import-create"), {"file": SimpleUploadedFile(name, path.read_bytes()), "kind": "leads"}
    )
    assert response.status_code == 422
    assert words in unescape(response.content.decode())
    with pytest.raises(CommandError, match=words):
        call_command("import_leads", str(path))
    assert not ImportRun.objects.exists()
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_each_sample_is_in_one_of_these_tests():
    """A new sample file asks for a line here, or where tables that are no leads are read (`test_reader.py`)."""
    spectrum = (
        "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "newlines", "newlines_crlf", "quotes_and_newlines",
        "simple", "simple_crlf", "utf8",
    )  # fmt: skip
    known = {
        "hubspot_contacts.csv", "contacts_messy.csv", "accounts_messy.csv", "salesforce_leads_scored.csv",
        "salesforce_leads_uk.csv", "facebook_lead_ads.csv", "google_ads_leads.csv", "agency_messy.csv", "agents_hard.csv",
        "mixed_dates_leads.csv",
        "dialects/simple.ssv", "dialects/simple.psv", "dialects/excel_pasting.csv", "dialects/null.csv", "dialects/utf8bom.csv",
        "payloads/google_ads_lead_form.json", "payloads/hubspot_contact.json", "payloads/hubspot_form_submission.json",
        *(f"csv_spectrum/csvs/{name}.csv" for name in spectrum),
        *(f"csv_spectrum/json/{name}.json" for name in spectrum),
    }  # fmt: skip
    assert {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()} == known


def test_damaged_people_are_told_apart_by_what_tells_them_apart(wizard):
    run = wizard(DATA / "dedupe" / "fake_1000_people.csv")
    assert run.received == 1000
    assert run.refused == 0


@pytest.mark.slow
def test_nine_thousand_leads_with_their_outcomes(wizard):
    run = wizard(DATA / "lead_outcomes" / "x_education_leads.csv")
    assert (run.received, run.created, run.refused, run.cases) == (9240, 9240, 0, 9240)
    assert Case.objects.filter(outcome="won").count() == 3561
    assert Case.objects.filter(basis="import").count() == 9240
    types = dict(LeadField.objects.values_list("label", "type"))
    assert types["TotalVisits"] == types["Total Time Spent on Website"] == types["Page Views Per Visit"] == FieldType.NUMBER
    assert types["Lead Origin"] == types["City"] == types["What is your current occupation"] == FieldType.CHOICE
    assert types["Search"] == types["Do Not Call"] == FieldType.BOOLEAN
    specialization = LeadField.objects.get(label="Specialization")
    assert "Select" not in specialization.choices
    filled = Lead.objects.filter(attributes__has_key=specialization.key).count()
    assert filled == 9240 - 1438 - 1942
    visits = LeadField.objects.get(label="TotalVisits").key
    assert Lead.objects.filter(attributes__has_key=visits).count() == 9103
    origin = LeadField.objects.get(label="Lead Origin").key
    table = Case.objects.values(f"facts__custom.{origin}").annotate(n=Count("pk")).order_by("-n")
    assert [row["n"] for row in table] == [4886, 3580, 718, 55, 1]
    sources = dict(Case.objects.values_list("facts__lead.first_source").annotate(n=Count("pk")))
    assert (sources["Google"], sources["google"], sources[None]) == (2868, 5, 36)
    lead = ExternalId.objects.get(value="7927b2df-8bba-4d29-b9a2-b6e0beafe620").lead
    assert (lead.first_source, lead.attributes[visits], lead.attributes[origin]) == ("Olark Chat", 0, "API")
    assert json.dumps(lead.attributes)


def test_a_dry_run_of_the_command_stores_nothing(tmp_path, settings, db, capsys):
    settings.MEDIA_ROOT = tmp_path
    call_command("import_leads", str(SAMPLES / "agency_messy.csv"), "--campaign", "Spring fair", "--dry-run", "--json")
    totals = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert totals["received"] == 5 == totals["created"] + totals["updated"] + totals["attached"] + totals["refused"]
    assert (ImportRun.objects.count(), Lead.objects.count(), Campaign.objects.count()) == (0, 0, 0)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--map", "Nope=lead.email"], "no column"),
        (["--map", "E-mail=lead.shoe_size"], "no field"),
        (["--outcome", "Lead Stage:Won=maybe"], "cannot mean"),
        (["--map", "E-mail"], "name=value"),
        (["--map", "E-mail=ignore", "--map", "Phone No.=ignore"], "who a lead is"),
    ],
)
def test_the_command_refuses_what_it_cannot_do_and_leaves_nothing(tmp_path, settings, db, arguments, words):
    settings.MEDIA_ROOT = tmp_path
    with pytest.raises(CommandError, match=words):
        call_command("import_leads", str(SAMPLES / "agency_messy.csv"), *arguments)
    assert not ImportRun.objects.exists()


def test_the_command_takes_columns_ids_and_campaign_from_its_options(tmp_path, settings, db, capsys):
    settings.MEDIA_ROOT = tmp_path
    path = tmp_path / "given.csv"
    path.write_text("Kunde,Wann,Nr,Groesse\na@n.io,03/04/2026,7,big\nb@n.io,05/06/2026,8,small\n")
    call_command(
        "import_leads", str(path), "--map", "Kunde=lead.email", "--map", "Wann=occurred_at:dmy", "--id-column", "Nr",
        "--map", "Groesse=new:choice", "--campaign", "Spring fair", "--id-system", "crm", "--json",
    )  # fmt: skip
    lead = Lead.objects.get(email="a@n.io")
    assert (lead.created_at.month, lead.first_campaign.name, lead.attributes) == (4, "Spring fair", {"groesse": "big"})
    assert (lead.external_ids.get().system, lead.external_ids.get().value) == ("crm", "7")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["created"] == 2


@pytest.mark.slow
def test_the_command_gives_the_same_totals(tmp_path, settings, db, capsys):
    settings.MEDIA_ROOT = tmp_path
    call_command(
        "import_leads",
        str(SAMPLES / "salesforce_leads_scored.csv"),
        "--create-fields",
        "--json",
        "--outcome",
        "stage:Closed Won=won,Opportunity=open,Lead=open",
    )
    totals = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert totals.pop("seconds") > 0
    assert totals == {"received": 160, "created": 160, "updated": 0, "attached": 0, "refused": 0, "cases": 78}
