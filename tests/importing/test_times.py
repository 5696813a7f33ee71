"""No time is invented in silence: activities without one are refused, outcomes without one are said to count as of now."""

import json
from datetime import UTC
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from leads.models import Activity, Case, ImportRefusal, ImportRun
from tests.importing.test_wizard import form_of

WORDS = "No column says when it happened. Choose the one with the date or time of the activity."
NOW = "1 outcome has no time in the file: it counts as of the moment of the import."


@pytest.fixture
def ivy(make):
    return make.lead("ivy@fern.test")


@pytest.fixture
def command(tmp_path, settings, capsys):
    """The lines on standard output and on standard error."""
    settings.MEDIA_ROOT = tmp_path / "media"

    def run(content, *options):
        path = tmp_path / "given.csv"
        path.write_text(content)
        call_command("import_leads", str(path), *options)
        found = capsys.readouterr()
        return found.out.splitlines(), found.err.splitlines()

    return run


def test_times_under_a_natural_name_are_kept_as_they_are(ivy, command):
    out, _ = command(
        "Email,Kind,When\nivy@fern.test,chat,2020-01-05 10:00\nivy@fern.test,chat,2220-01-05\n", "--kind", "activities", "--json"
    )
    totals = json.loads(out[-1])
    assert (totals["received"], totals["created"], totals["refused"]) == (2, 1, 1)
    assert Activity.objects.get().occurred_at.isoformat() == "2020-01-05T09:00:00+00:00"
    assert "2220-01-05" in out[0]
    assert "time up to now" in out[0]


def test_an_activity_without_a_time_is_refused_and_no_time_invented(ivy, imported):
    run = imported("Email,Kind,When\nivy@fern.test,chat,2026-01-05\nivy@fern.test,call,\n", "activities")
    assert (run.received, run.created, run.refused) == (2, 1, 1)
    (problem,) = ImportRefusal.objects.get().problems
    assert problem["message"] == "The row does not say when it happened: column “When” is blank."
    assert (problem["code"], problem["field"]) == ("no_activity_time", "When")
    assert Activity.objects.get().kind == "chat"


@pytest.mark.parametrize("header", ["Email,Kind,Mystery", "Email,Kind"])
def test_activities_without_a_column_for_the_time_are_refused_by_the_command(ivy, command, header, tmp_path):
    cells = ",".join(["ivy@fern.test", "chat", "2020-01-05"][: header.count(",") + 1])
    with pytest.raises(CommandError) as refused:
        command(f"{header}\n{cells}\n", "--kind", "activities")
    assert str(refused.value) == f"{WORDS} [no_activity_time]"
    assert not ImportRun.objects.exists()
    assert not Activity.objects.exists()
    out, _ = command(
        "Email,Kind,Mystery\nivy@fern.test,chat,2020-01-05\n", "--kind", "activities", "--map", "Mystery=occurred_at"
    )
    assert Activity.objects.get().occurred_at.year == 2020


def test_activities_without_a_column_for_the_time_are_refused_at_the_columns_step(ivy, cast, client_of):
    browser = client_of(cast.marketing_ops)
    file = SimpleUploadedFile("a.csv", b"Email,Kind,Mystery\nivy@fern.test,chat,2020-01-05\n")
    browser.post(reverse("admin:import-create"), {"file": file, "kind": "activities"})
    run = ImportRun.objects.get()
    at = reverse("admin:import-columns", args=[run.pk])
    response = browser.post(at, {**form_of(run), "do": "check"})
    assert response.status_code == 422
    assert WORDS in unescape(response.content.decode())
    run.refresh_from_db()
    assert browser.post(at, {**form_of(run), "goes-2": "occurred_at", "do": "check"}).status_code == 302


OUTCOMES = "Email,Outcome,Decided\nivy@fern.test,won,\nben@fern.test,lost,2026-01-05\n"


def test_an_outcome_without_a_time_is_said_by_the_check_and_the_command(ivy, make, cast, client_of, work, command):
    ben = make.lead("ben@fern.test")
    browser = client_of(cast.marketing_ops)
    browser.post(reverse("admin:import-create"), {"file": SimpleUploadedFile("o.csv", OUTCOMES.encode()), "kind": "outcomes"})
    run = ImportRun.objects.get()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    shown = unescape(browser.get(reverse("admin:import-check", args=[run.pk])).content.decode())
    assert NOW in shown
    out, _ = command(OUTCOMES, "--kind", "outcomes", "--dry-run")
    assert NOW in out
    assert not Case.objects.exists()
    out, err = command(OUTCOMES, "--kind", "outcomes", "--json")
    assert NOW in err
    assert json.loads(out[-1])["cases"] == 2
    assert Case.objects.get(lead=ben).outcome_at.date().isoformat() == "2026-01-05"
    out, err = command(OUTCOMES, "--kind", "outcomes", "--json")
    assert NOW not in err  # known already: it keeps its time


def test_leads_with_outcomes_without_a_time_are_said_too(db, command):
    out, _ = command("Email,Converted\na@n.io,yes\nb@n.io,no\n")
    assert "2 outcomes have no time in the file: they count as of the moment of the import." in out


def test_the_command_says_which_columns_went_nowhere_and_which_names_were_doubled(db, command):
    content = "Email,City,email,Size\na@n.io,Oslo,b@n.io,3\n"
    lines = [
        "The header has these names more than once: “Email”. The first keeps its name, the next is “Email (2)” and so on.",
        "These columns go nowhere: “City”, “email (2)”, “Size”. Send them somewhere with --map or --create-fields.",
    ]
    out, err = command(content)
    assert (out[:2], err) == (lines, [])
    out, err = command(content, "--json")
    assert err == lines
    assert json.loads(out[-1])["received"] == 1
    assert len(out) == 1
    out, err = command(content, "--create-fields", "--json")
    assert err == lines[:1]
    out, err = command("Email\na@n.io\n", "--json")
    assert err == []


def test_times_without_a_zone_are_those_of_the_business_unless_another_is_said(ivy, command, settings):
    settings.BUSINESS_ZONE = "Europe/Berlin"
    content = "Email,Kind,When,Id\nivy@fern.test,chat,2026-07-01 10:00,{}\nivy@fern.test,chat,2026-07-01T10:00Z,{}z\n"
    for number, zone, hour in ((1, (), "08:00"), (2, ("--zone", "America/New_York"), "14:00"), (3, ("--zone", "UTC"), "10:00")):
        command(content.format(number, number), "--kind", "activities", "--map", "Id=activity.source_id", *zone)
        told = dict(Activity.objects.filter(source_id__startswith=str(number)).values_list("source_id", "occurred_at"))
        assert {key: f"{at.astimezone(UTC):%H:%M}" for key, at in told.items()} == {f"{number}": hour, f"{number}z": "10:00"}
    with pytest.raises(CommandError, match="Moon is not a time zone"):
        command(content, "--kind", "activities", "--zone", "Moon")
