"""The wizard in a browser's terms: what is posted, what comes back, who may, and that no state is lost on the way."""

import csv
import io
import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from leads import clock
from leads.importing.mapping import FileMapping
from leads.models import Campaign, Case, ImportRefusal, ImportRun, Job, Lead, LeadField, Submission
from tests.importing.samples import workbook

CSV = b"Email,First Name,City,Stage\na@n.test,Ivy,Oslo,Won\nb@n.test,Ben,Rome,Lost\nc@n.test,Eva,Rome,Snoozed\n"


@pytest.fixture
def browser(cast, client_of):
    return client_of(cast.marketing_ops)


@pytest.fixture
def upload(browser):
    def up(content=CSV, name="leads.csv", **more):
        data = {"file": SimpleUploadedFile(name, content), "kind": "leads", **more}
        response = browser.post(reverse("admin:import-create"), data)
        assert response.status_code == 302, response.content.decode()
        return ImportRun.objects.latest("pk")

    return up


def form_of(run):
    """What the columns form would post as it stands."""
    mapping = FileMapping.from_json(run.mapping)
    posted = {"system": mapping.system}
    for index, goes in enumerate(mapping.goes):
        posted[f"goes-{index}"] = goes.target
        if goes.new and goes.target == "new":
            posted |= {f"label-{index}": goes.new.label, f"type-{index}": goes.new.type, f"known-{index}": goes.new.known}
            if goes.new.personal:
                posted[f"personal-{index}"] = "on"
    at = mapping.column_of("outcome")
    for place, (value, _) in enumerate(run.columns[at]["counts"] if at >= 0 else ()):
        posted |= {f"value-{place}": value, f"meaning-{place}": mapping.outcomes.get(value, "")}
    return posted


def page(browser, name, run, **headers):
    response = browser.get(reverse(f"admin:import-{name}", args=[run.pk]), headers=headers)
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def test_the_whole_way_from_file_to_leads(browser, upload, work):
    run = upload(new_campaign="Spring fair", source="Fair 2026")
    assert (run.campaign, Campaign.objects.count()) == (None, 0)
    assert "Spring fair" in browser.get(reverse("admin:import-list")).content.decode()
    shown = page(browser, "columns", run)
    assert "Ivy" in shown
    assert "Where do the columns go?" in shown
    response = browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    assert response.url == reverse("admin:import-check", args=[run.pk])
    assert 'hx-trigger="every 1s"' in page(browser, "check", run)
    work()
    shown = page(browser, "check", run)
    assert "Import 2 rows" in shown
    assert "\u201cSnoozed\u201d in column \u201cStage\u201d" in shown
    assert Lead.objects.count() == 0
    response = browser.post(reverse("admin:import-check", args=[run.pk]), {"score_after": "on"})
    assert response.url == reverse("admin:import-detail", args=[run.pk])
    assert "Importing" in page(browser, "detail", run)
    work()
    shown = page(browser, "detail", run)
    assert "1 refused row" in shown
    assert "Undo" in shown
    run.refresh_from_db()
    assert (run.state, run.received, run.created, run.refused, run.cases) == ("done", 3, 2, 1, 2)
    assert run.campaign == Campaign.objects.get(name="Spring fair")
    assert run.options == {
        "campaign": "Spring fair", "score_after": True, "hand_over": False, "fields_made": ["city"],
        "campaigns_made": [run.campaign_id],
    }  # fmt: skip
    assert {lead.first_source for lead in Lead.objects.all()} == {"Fair 2026"}
    assert Case.objects.filter(outcome="won").count() == 1
    assert "leads.csv" in browser.get(reverse("admin:import-list")).content.decode()


def test_what_a_person_chooses_is_kept_at_once_and_over_reloads(browser, upload):
    run = upload()
    at = reverse("admin:import-columns", args=[run.pk])
    posted = form_of(run) | {
        "goes-2": "new",
        "type-2": "choice",
        "label-2": "Home town",
        "known-2": "decision",
        "personal-2": "on",
    }
    response = browser.post(at, posted, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert b"<html" not in response.content
    assert "HX-Request" in response["Vary"]
    run.refresh_from_db()
    new = FileMapping.from_json(run.mapping).goes[2].new
    assert (new.label, new.key, new.type, new.known, new.personal, new.choices) == (
        "Home town",
        "home_town",
        "choice",
        "decision",
        True,
        ("Oslo", "Rome"),
    )
    shown = page(browser, "columns", run)
    assert 'value="Home town"' in shown
    browser.post(at, form_of(run) | {"goes-3": "ignore"}, headers={"HX-Request": "true"})
    assert "What became of them" not in page(browser, "columns", run)
    browser.post(at, form_of(ImportRun.objects.get(pk=run.pk)) | {"goes-3": "outcome"}, headers={"HX-Request": "true"})
    run.refresh_from_db()
    assert run.mapping["outcomes"] == {"Won": "won", "Lost": "lost"}
    browser.post(at, form_of(run) | {"meaning-2": "open"})
    run.refresh_from_db()
    assert run.mapping["outcomes"]["Snoozed"] == "open"


def test_a_mapping_that_cannot_work_is_said_on_the_page(browser, upload):
    run = upload(b"City,When\nOslo,03/04/2026\nRome,05/06/2026\n")
    at = reverse("admin:import-columns", args=[run.pk])
    response = browser.post(at, {**form_of(run), "do": "check"})
    assert response.status_code == 422
    said = "Column “When”: is 03/04/2026 day/month/year or month/day/year? The file does not tell."
    assert said in unescape(response.content.decode())
    assert not Job.objects.exists()
    shown = page(browser, "columns", run)
    assert "day or month first?" in shown
    run.refresh_from_db()
    response = browser.post(at, {**form_of(run), "order-1": "dmy", "do": "check"})
    assert (response.status_code, Job.objects.count()) == (422, 0)
    assert "No column says who a lead is." in unescape(response.content.decode())
    run.refresh_from_db()
    response = browser.post(at, {**form_of(run), "order-1": "dmy", "goes-0": "external_id", "do": "check"})
    assert response.status_code == 302
    run.refresh_from_db()
    assert run.mapping["goes"][1]["day_first"] is True


@pytest.mark.parametrize("content", [CSV, workbook(["Email", "City"], ["a@n.io", "Oslo"]).getvalue()], ids=["text", "workbook"])
def test_large_uploads_come_from_the_disk(browser, upload, work, settings, content):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    run = upload(content)
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    run.refresh_from_db()
    assert run.state == "checked"
    assert run.file_size == len(content)


def test_a_form_without_a_file_asks_for_one(browser):
    response = browser.post(reverse("admin:import-create"), {"kind": "leads"})
    assert response.status_code == 422
    assert "Choose a file first" in response.content.decode()


def test_hostile_names_and_cells_are_only_text(browser, upload, work):
    evil = '<img src=x onerror="alert(1)">'
    quoted = evil.replace('"', '""')
    content = f'Email,"{quoted}",Note\na@n.test,"{quoted}",=1+1\nbad,"x",-2\n'
    run = upload(content.encode(), name="a'\"><svg onload=alert(1)>.csv")
    work()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    for name in ("columns", "check", "refused"):
        shown = browser.get(reverse(f"admin:import-{name}", args=[run.pk])).content.decode()
        assert evil not in shown
        assert "<svg onload" not in shown
    download = browser.get(reverse("admin:import-refused-download", args=[run.pk]))
    rows = list(csv.reader(io.StringIO(b"".join(download.streaming_content).decode("utf-8-sig"))))
    assert rows[0] == ["Line in file", "Why refused", "Email", evil, "Note"]
    assert rows[1][0] == "3"
    assert rows[1][-1] == "'-2"
    assert "<" not in download["Content-Disposition"]


def test_reading_the_file_another_way(browser, upload):
    run = upload("a;b;mail\n1;\u017c;x@n.test\n".encode("cp1250"))
    response = browser.post(
        reverse("admin:import-reread", args=[run.pk]), {"encoding": "cp1250", "delimiter": ";", "header_line": "0"}
    )
    assert response.status_code == 302
    run.refresh_from_db()
    assert run.dialect["encoding"] == "cp1250"
    assert [column["name"] for column in run.columns] == ["Column 1", "Column 2", "Column 3"]
    response = browser.post(reverse("admin:import-reread", args=[run.pk]), {"encoding": "klingon"})
    assert response.status_code == 422
    book = upload(workbook(["Email"], ["a@n.test"]).getvalue(), name="x.xlsx")
    assert "sheet \u201cLeads\u201d" in page(browser, "columns", book)


def test_refused_rows_are_corrected_in_the_browser(browser, upload, work):
    run = upload(b"Email,Employees\na@n.test,12\nb@n.test,13\nc@n.test,many\n")
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    browser.post(reverse("admin:import-check", args=[run.pk]))
    work()
    assert "many" in page(browser, "refused", run)
    at = reverse("admin:import-refused-correct", args=[run.pk, 4])
    assert 'value="many"' in browser.get(at).content.decode()
    response = browser.post(at, {"cell-0": "c@n.test", "cell-1": "a lot"})
    assert response.status_code == 422
    assert "a lot" in response.content.decode()
    response = browser.post(at, {"cell-0": "c@n.test", "cell-1": "1,400"})
    assert response.url == reverse("admin:import-refused", args=[run.pk])
    assert "No refused row waits" in page(browser, "refused", run)
    run.refresh_from_db()
    assert (run.received, run.created, run.refused) == (3, 3, 0)
    back = browser.get(at, follow=True)  # the browser's back button
    assert back.redirect_chain == [(reverse("admin:import-refused", args=[run.pk]), 302)]
    assert "Line 4 was taken in already" in back.content.decode()
    assert browser.post(at, {"cell-0": "c@n.test", "cell-1": "9"}).status_code == 409
    assert browser.get(reverse("admin:import-refused-correct", args=[run.pk, 3])).status_code == 404


def test_cells_beyond_the_last_column_are_kept_until_a_person_placed_them(browser, upload, work):
    run = upload(b"E-mail;Company;Title;Country\na@n.test;Acme;CEO;DE\nb@n.test;Smith; Inc;CEO;DE\n")
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    assert "a semicolon without quotes is likely" in page(browser, "check", run)
    browser.post(reverse("admin:import-check", args=[run.pk]))
    work()
    browser.post(reverse("admin:import-retry", args=[run.pk]))
    work()
    run.refresh_from_db()
    assert (run.created, run.refused) == (1, 1)
    shown = page(browser, "refused", run)
    assert "5 cells" in shown
    assert "CEO · DE" in shown
    download = browser.get(reverse("admin:import-refused-download", args=[run.pk]))
    assert b"".join(download.streaming_content).decode().splitlines()[1].endswith("b@n.test,Smith, Inc,CEO,DE")
    at = reverse("admin:import-refused-correct", args=[run.pk, 3])
    form = browser.get(at).content.decode()
    assert re.findall(r'name="cell-\d+"[^>]* value="([^"]*)"', form) == ["b@n.test", "Smith", " Inc", "CEO", "DE"]
    assert "beyond the last column" in form
    assert browser.post(at, {}).status_code == 422
    cells = {"cell-1": "Smith, Inc", "cell-2": "CEO", "cell-3": "DE", "cell-4": ""}
    assert browser.post(at, cells).status_code == 302
    lead = Lead.objects.select_related("company").get(email="b@n.test")
    assert (lead.company.name, lead.job_title, lead.country) == ("Smith, Inc", "CEO", "DE")


def test_a_check_that_runs_says_so_and_can_be_stopped(browser, upload, work, monkeypatch):
    run = upload()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    Job.objects.update(position=2_000, total=300_000)
    listed = browser.get(reverse("admin:import-list")).content.decode()
    assert "2,000 of 300,000" in listed
    assert "Checking" in listed
    assert "To check" not in listed
    begun = clock.now() - timedelta(seconds=10)
    Job.objects.update(state="running", lease=uuid4(), lease_until=clock.now() + timedelta(hours=1), started_at=begun)
    checking = page(browser, "check", run)
    assert re.search(r"Trying each row, about 2\dm left", checking)
    assert reverse("admin:import-stop", args=[run.pk]) in checking
    Job.objects.update(state="queued", lease=None, lease_until=None)
    stopped = browser.post(reverse("admin:import-stop", args=[run.pk]), follow=True)
    assert stopped.redirect_chain[-1][0] == reverse("admin:import-columns", args=[run.pk])
    assert "To check" in browser.get(reverse("admin:import-list")).content.decode()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    assert "Import " in page(browser, "check", run)


def test_stop_resume_undo_retry_and_discard_are_posts(browser, upload, work):
    run = upload()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    browser.post(reverse("admin:import-check", args=[run.pk]))
    for name in ("stop", "resume", "undo", "retry", "discard"):
        assert browser.get(reverse(f"admin:import-{name}", args=[run.pk])).status_code == 405
    assert browser.post(reverse("admin:import-stop", args=[run.pk])).status_code == 302
    assert "Stopped after row 0" in page(browser, "detail", run)
    assert browser.post(reverse("admin:import-resume", args=[run.pk])).status_code == 302
    work()
    assert browser.post(reverse("admin:import-retry", args=[run.pk])).status_code == 302
    work()
    assert browser.post(reverse("admin:import-discard", args=[run.pk])).status_code == 409
    assert browser.post(reverse("admin:import-undo", args=[run.pk])).status_code == 302
    work()
    assert "Nothing is left of it" in page(browser, "detail", run)
    assert (Lead.objects.count(), LeadField.objects.count(), ImportRefusal.objects.count()) == (0, 0, 1)
    other = upload()
    assert browser.post(reverse("admin:import-discard", args=[other.pk])).url == reverse("admin:import-list")


def test_every_step_leads_to_where_the_run_stands(browser, upload, work):
    run = upload()
    detail, columns, check = (reverse(f"admin:import-{name}", args=[run.pk]) for name in ("detail", "columns", "check"))
    assert browser.get(detail).url == columns
    assert browser.get(check).url == columns
    browser.post(columns, {**form_of(run), "do": "check"})
    assert browser.get(detail).url == check
    work()
    browser.post(check)
    assert browser.get(columns).url == detail
    assert browser.post(check).status_code == 302
    assert Job.objects.filter(kind="import_run").count() == 1


def test_two_tabs_starting_the_same_import_start_it_once(browser, upload, work, monkeypatch):
    run = upload()
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    stale = ImportRun.objects.select_related("job", "campaign", "created_by").get(pk=run.pk)
    browser.post(reverse("admin:import-check", args=[run.pk]))
    monkeypatch.setattr("leads.views.imports._run", lambda pk: stale)
    assert browser.post(reverse("admin:import-check", args=[run.pk])).status_code == 409


def test_very_wide_files_stay_within_what_a_form_can_carry(browser, upload):
    names = ["Email", *(f"c{n}" for n in range(1500))]
    run = upload((",".join(names) + "\n" + ",".join(["a@n.test", *"1" * 1500]) + "\n").encode())
    shown = page(browser, "columns", run)
    assert "1,381 further columns are left out" in shown
    assert shown.count("<select") < 200


def test_leads_kept_back_are_handed_over_from_the_imports_page(browser, upload, work, client_of, cast):
    from scoring.actions.versions import create_model
    from scoring.activation import activate_here
    from scoring.models import Qualification
    from scoring.signoff import NOBODY

    run = upload(b"Email,City\na@n.io,Oslo\n")
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    browser.post(reverse("admin:import-check", args=[run.pk]))
    work()
    version = create_model("Main", actor=None, signers=NOBODY)
    activate_here(version, actor=None, reason="Agreed", wave="none")
    waiting = Qualification.objects.create(
        lead=Lead.objects.get(), model=version.model, version=version, kind="mql", cause="import", at=run.created_at,
        fit=50, engagement=20, lines=[],
    )  # fmt: skip
    assert "1 qualified lead kept back" in page(browser, "detail", run)
    assert client_of(cast.rep).post(reverse("admin:import-release", args=[run.pk])).status_code == 403
    assert browser.post(reverse("admin:import-release", args=[run.pk])).status_code == 302
    waiting.refresh_from_db()
    assert waiting.release_at is not None
    assert "kept back" not in page(browser, "detail", run)


@pytest.mark.parametrize("who", ["rep", "manager", "outsider"])
def test_who_may_not_import_sees_none_of_it(cast, client_of, browser, upload, who):
    run = upload()
    other = client_of(getattr(cast, who))
    names = ["list", "create"]
    for name in names:
        assert other.get(reverse(f"admin:import-{name}")).status_code in (302, 403)
    for name in ("detail", "columns", "check", "refused", "refused-download"):
        assert other.get(reverse(f"admin:import-{name}", args=[run.pk])).status_code in (302, 403)
    assert other.post(reverse("admin:import-discard", args=[run.pk])).status_code in (302, 403)
    assert ImportRun.objects.filter(pk=run.pk).exists()


def test_list_pages_cost_the_same_for_many_runs(browser, upload, django_assert_max_num_queries):
    for _ in range(3):
        upload()
    browser.get(reverse("admin:import-list"))
    with django_assert_max_num_queries(20):
        assert browser.get(reverse("admin:import-list")).status_code == 200


def test_correcting_a_row_of_many_columns_keeps_what_the_page_does_not_show(browser, upload, work):
    names = [f"Own {n}" for n in range(150)]
    rows = [
        ["Email", *names, "Employees"],
        *([f"{who}@n.test", *["yes"] * 150, size] for who, size in zip("abc", ("12", "13", "many"), strict=True)),
    ]
    run = upload("\n".join(",".join(row) for row in rows).encode())
    browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})
    work()
    browser.post(reverse("admin:import-check", args=[run.pk]))
    work()
    at = reverse("admin:import-refused-correct", args=[run.pk, 4])
    html = browser.get(at).content.decode()
    shown = {int(number): value for number, value in re.findall(r'name="cell-(\d+)"[^>]* value="([^"]*)"', html)}
    assert (len(shown), shown[151]) == (120, "many")  # the one it was refused for is there, last as it stands
    assert (
        browser.post(at, {**{f"cell-{n}": value for n, value in shown.items()}, "cell-151": "1,400", "cell-3": ""}).status_code
        == 302
    )
    raw = Submission.objects.get(import_run=run, lead__email="c@n.test").raw
    assert len(raw) == 151  # all but the one that was emptied
    assert (raw["Employees"], raw["Own 149"], "Own 2" in raw) == ("1,400", "yes", False)
