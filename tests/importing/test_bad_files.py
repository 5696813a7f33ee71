"""Bad files by both ways in, the wizard's addresses and the command: true words, right status, right totals, nothing half written."""

import json
import threading
import zipfile
from datetime import UTC, datetime
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from leads import jobs
from leads.importing import run as running
from leads.models import Case, ImportRefusal, ImportRun, Job, Lead, LeadField, Submission
from tests.importing.samples import LEADS, lines, workbook
from tests.importing.test_wizard import form_of

TOTALS = ("received", "created", "updated", "attached", "refused", "cases")


class Wizard:
    """A person with a browser."""

    def __init__(self, browser, work):
        self.browser, self.work = browser, work

    def post(self, name, run, **data):
        return self.browser.post(reverse(f"admin:import-{name}", args=[run.pk]), data)

    def page(self, name, run):
        return unescape(self.browser.get(reverse(f"admin:import-{name}", args=[run.pk])).content.decode())

    def upload(self, content, name, kind):
        response = self.browser.post(
            reverse("admin:import-create"), {"file": SimpleUploadedFile(name, content), "kind": kind, "source": "Fair"}
        )
        if response.status_code == 302:
            return ImportRun.objects.latest("pk")
        assert response.status_code == 422
        return unescape(response.content.decode())

    def check(self, run):
        return self.browser.post(reverse("admin:import-columns", args=[run.pk]), {**form_of(run), "do": "check"})

    def refused(self, content, name="leads.csv", kind="leads"):
        """The page that refuses a file at once, or its columns; the upload that waits for an answer is discarded."""
        run = self.upload(content, name, kind)
        if isinstance(run, str):
            return run
        response = self.check(run)
        if response.status_code == 302:
            self.work()
            said = self.page("check", run)
            assert "The file could not be checked." in said
        else:
            assert response.status_code == 422
            said = unescape(response.content.decode())
        assert self.post("discard", run).status_code == 302
        return said

    def start(self, content, name="leads.csv", kind="leads"):
        run = self.upload(content, name, kind)
        assert self.check(run).status_code == 302
        self.work()
        run.refresh_from_db()
        assert run.state == "checked", run.error
        assert not Submission.objects.filter(import_run=run).exists()
        assert self.post("check", run, score_after="on").status_code == 302
        return run

    def takes(self, content, name="leads.csv", kind="leads"):
        run = self.start(content, name, kind)
        checked = {name: run.check_result[name] for name in TOTALS}
        self.work()
        run.refresh_from_db()
        assert run.state == "done", run.error
        totals = {name: getattr(run, name) for name in TOTALS}
        assert totals == checked
        shown = self.page("detail", run)
        assert f"{totals['refused']} refused row" in shown or not totals["refused"]
        return totals


class Command:
    """A person at the command line."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys

    def call(self, content, name, kind, *options):
        path = self.folder / name
        path.write_bytes(content)
        call_command("import_leads", str(path), "--kind", kind, "--create-fields", "--source", "Fair", *options)

    def refused(self, content, name="leads.csv", kind="leads"):
        said = []
        for options in (["--dry-run"], ["--json"]):
            with pytest.raises(CommandError) as refused:
                self.call(content, name, kind, *options)
            said.append(str(refused.value))
        assert [words.partition(" (import ")[0] for words in said] == [said[0].partition(" (import ")[0]] * 2
        return said[0]

    def takes(self, content, name="leads.csv", kind="leads"):
        self.capsys.readouterr()
        self.call(content, name, kind, "--json")
        totals = json.loads(self.capsys.readouterr().out.splitlines()[-1])
        assert totals.pop("seconds") >= 0
        assert ImportRun.objects.latest("pk").state == "done"
        return totals


@pytest.fixture(params=["wizard", "command"])
def way(request, cast, client_of, work, tmp_path, capsys, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    if request.param == "wizard":
        return Wizard(client_of(cast.marketing_ops), work)
    folder = tmp_path / "given"
    folder.mkdir()
    return Command(folder, capsys)


@pytest.fixture
def kept(tmp_path):
    """The uploaded files that are kept."""
    return lambda: [path for path in (tmp_path / "media").rglob("*") if path.is_file()]


def nothing_is_left():
    assert not ImportRun.objects.exclude(state="failed").exists()
    assert not Job.objects.filter(state__in=("queued", "running")).exists()
    for model in (Lead, Case, Submission, LeadField):
        assert not model.objects.exists(), model


def counted(received, created=0, updated=0, attached=0, refused=0, cases=0):
    assert received == created + updated + attached + refused
    return dict(zip(TOTALS, (received, created, updated, attached, refused, cases), strict=True))


def bomb():
    file = workbook(["Email"], ["a@n.io"])
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b"0" * 10_000_000)
    return file.getvalue()


QUOTE = "A quote opened in line {} is never closed, so the rest of the file cannot be told apart."
BAD = {
    "an empty file": ("leads.csv", b"", "The file is empty: it holds no bytes at all."),
    "blank lines only": ("leads.csv", b"\n \r\n\n", "The file is empty: all its lines are blank."),
    "text named as a workbook": (
        "leads.xlsx", b"hello not a zip\n",
        "The file is named .xlsx but is no Excel workbook, and what it holds is no table either. Export it again as XLSX or CSV.",
    ),  # fmt: skip
    "a header only": ("leads.csv", b"Email,Name\n", "The file has a header in line 1 (Email, Name) and no row below it."),
    "5,000 columns": (
        "leads.csv",
        ("Email," + ",".join(f"c{n}" for n in range(4999)) + "\na@n.io" + ",1" * 4999 + "\n").encode(),
        "Line 1 has 5,000 columns; at most 2,000 can be imported.",
    ),
    "a cell of 20 MB": (
        "leads.csv",
        b"Email,Note\na@n.io,x\nb@n.io," + b"x" * 20_000_000 + b"\n",
        "Line 3 holds a cell of more than 131,072 characters.",
    ),
    "an unclosed quote": ("leads.csv", b'Email,Name\na@n.io,Ivy\nb@n.io,"Ben\nc@n.io,Eva\n', QUOTE.format(3)),
    "an unclosed quote far down": (
        "leads.csv",
        b"Email,Name\n" + b"".join(b"a%d@n.io,Ivy\n" % n for n in range(10_500)) + b'b@n.io,"Ben\nc@n.io,Eva\n',
        QUOTE.format(10_502),
    ),
    "NUL bytes": (
        "leads.csv",
        b"Email,Name\na@n.io,Ivy\nb@n.io,B\0n\n",
        "Line 3 holds a NUL byte, which no text has. The file is damaged or not a text file.",
    ),
    "bytes of two encodings": (
        "leads.csv",
        "Email,City\na@n.io,Köln\nb@n.io,Zürich\n".encode() + b"c@n.io,Bj\xf6rk\n",
        "Line 4 holds bytes that are not UTF-8. Save the file again as UTF-8, or choose its encoding.",
    ),
    "a zip bomb": ("leads.xlsx", bomb(), "The workbook is refused before unpacking: xl/worksheets/sheet9.xml unpacks to "),
    "a damaged workbook": ("leads.csv", b"PK\x03\x04rubbish", "The workbook is damaged and cannot be unpacked"),
    "a picture": ("leads.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "Line 3 holds a NUL byte, which no text has."),
    "JSON": ("leads.csv", b'[{"email": "a@n.io"}]', "This is JSON, not a table. Send JSON to the API"),
    "no column for the e-mail": (
        "leads.csv",
        b"City,Size\nOslo,3\n",
        "No column says who a lead is. Choose the one with the e-mail address, the phone number or the id of another system.",
    ),
    "dates that tell neither day nor month": (
        "leads.csv",
        b"Email,Created\na@n.io,03/04/2026\n",
        "Column “Created”: is 03/04/2026 day/month/year or month/day/year? The file does not tell.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_with_true_words_and_leaves_nothing(way, kept, what):
    name, content, words = BAD[what]
    assert words in way.refused(content, name)
    nothing_is_left()
    # What failed while it ran is kept to be looked at; all else is gone with its file.
    assert len(kept()) == ImportRun.objects.filter(state="failed").count() <= 1


def test_an_outcome_column_that_nobody_explained_is_refused(way, kept, make):
    make.lead("ivy@fern.test")
    said = way.refused(b"Email,Outcome\nivy@fern.test,X1\n", kind="outcomes")
    assert "Column “Outcome”: say what its values mean, such as “X1”." in said
    assert (ImportRun.objects.count(), Case.objects.count(), Submission.objects.count(), kept()) == (0, 0, 0, [])


TABLE = "Email,First Name,City\njuergen@n.io,Jürgen,Köln\nzoe@n.io,Zoë,Besançon\n"
ODD = {
    "UTF-16": ("leads.csv", TABLE.encode("utf-16")),
    "UTF-16 without its mark": ("leads.csv", TABLE.encode("utf-16-le")),
    "Latin-1": ("leads.csv", TABLE.encode("latin-1")),
    "UTF-8 with mark": ("leads.csv", TABLE.encode("utf-8-sig")),
    "a workbook named .csv": ("leads.csv", workbook(*(line.split(",") for line in TABLE.splitlines())).getvalue()),
    "text named .xlsx": ("leads.xlsx", TABLE.encode()),
}


@pytest.mark.parametrize("what", ODD)
def test_a_file_of_another_kind_is_read_for_what_it_is(way, kept, what):
    name, content = ODD[what]
    assert way.takes(content, name) == counted(2, created=2)
    found = {lead.email: (lead.first_name, lead.attributes, lead.first_source) for lead in Lead.objects.all()}
    assert found == {
        "juergen@n.io": ("Jürgen", {"city": "Köln"}, "Fair"),
        "zoe@n.io": ("Zoë", {"city": "Besançon"}, "Fair"),
    }
    assert (len(kept()), Submission.objects.count()) == (1, 2)


def test_of_two_columns_of_one_name_the_first_is_the_field(way):
    content = b"Email,First Name,email,Email\nfirst@n.io,Ivy,second@n.io,third@n.io\n"
    assert way.takes(content) == counted(1, created=1)
    lead = Lead.objects.get()
    assert (lead.email, lead.first_name) == ("first@n.io", "Ivy")
    assert lead.attributes == {"email_2": "second@n.io", "email_3": "third@n.io"}


def test_doubled_names_are_said_on_the_columns_page(cast, client_of, work):
    wizard = Wizard(client_of(cast.marketing_ops), work)
    run = wizard.upload(b"Email,City,email\na@n.io,Oslo,b@n.io\n", "leads.csv", "leads")
    assert "“Email” more than once" in " ".join(wizard.page("columns", run).replace("<bdi>", "").replace("</bdi>", "").split())
    assert "Email (2)" in " ".join(column["name"].capitalize() for column in run.columns)


DATES = {
    "2026-01-05": datetime(2026, 1, 5, tzinfo=UTC),
    "13/02/2026": datetime(2026, 2, 13, tzinfo=UTC),
    "03.02.2026": datetime(2026, 2, 3, tzinfo=UTC),
    "5 Mar 2026": datetime(2026, 3, 5, tzinfo=UTC),
    '"April 6, 2026"': datetime(2026, 4, 6, tzinfo=UTC),
    "2026-05-08T10:30:00+02:00": datetime(2026, 5, 8, 8, 30, tzinfo=UTC),
    "20260209": datetime(2026, 2, 9, tzinfo=UTC),
}


def test_dates_in_all_usual_ways_are_the_same_days_and_what_is_none_is_refused(way):
    content = "Email,Created\n" + "".join(f"a{n}@n.io,{date}\n" for n, date in enumerate(DATES)) + "bad@n.io,31.02.2026\n"
    assert way.takes(content.encode()) == counted(len(DATES) + 1, created=len(DATES), refused=1)
    assert list(Lead.objects.order_by("email").values_list("created_at", flat=True)) == list(DATES.values())
    refusal = ImportRefusal.objects.get()
    assert (refusal.line, refusal.content) == (len(DATES) + 2, {"Email": "bad@n.io", "Created": "31.02.2026"})
    assert refusal.problems[0]["message"] == "“31.02.2026” in column “Created” is not a day that exists."


def test_an_outcome_value_that_is_not_mapped_refuses_its_row_alone(way):
    content = b"Email,Stage,Closed date\na@n.io,Won,2026-01-05\nb@n.io,Snoozed,2026-01-06\nc@n.io,Lost,2026-01-07\n"
    assert way.takes(content) == counted(3, created=2, refused=1, cases=2)
    assert set(Lead.objects.values_list("email", "stage")) == {("a@n.io", "won"), ("c@n.io", "lost")}
    refusal = ImportRefusal.objects.get()
    assert refusal.line == 3
    assert refusal.problems[0]["message"] == "“Snoozed” in column “Stage” is not mapped to won, lost, rejected or open."


def facts():
    """All there is of the leads but when it was said last."""
    return [{name: value for name, value in row.items() if name != "field_times"} for row in Lead.objects.order_by("pk").values()]


def test_the_same_file_again_changes_nothing(way):
    content = (LEADS + lines(3)).encode()
    assert way.takes(content) == counted(3, created=3)
    before = facts()
    assert way.takes(content) == counted(3, attached=3)
    assert facts() == before
    if isinstance(way, Wizard):
        assert "This very file was imported before" in way.page("columns", way.upload(content, "leads.csv", "leads"))


@pytest.fixture
def stopped_by(monkeypatch):
    """Batches of ten rows, and `stop` called while the second one is taken in."""

    def arrange(stop):
        monkeypatch.setattr("leads.importing.run.SIZE", 10)
        monkeypatch.setattr("leads.importing.batches.pieces.__defaults__", (10,))
        real, batches = running.keep, []

        def keep(run, *args):
            counts = real(run, *args)
            batches.append(run.pk)
            if len(batches) == 2:
                stop(run)
            return counts

        monkeypatch.setattr("leads.importing.run.keep", keep)

    return arrange


def test_an_import_stopped_in_the_middle_goes_on_without_doubling(way, cast, client_of, work, stopped_by):
    wizard = Wizard(client_of(cast.marketing_ops), work)
    answers = []
    stopped_by(lambda run: answers.append(wizard.post("stop", run).status_code))
    content = (LEADS + lines(35)).encode()
    if isinstance(way, Wizard):
        way.start(content)
        way.work()
    else:
        with pytest.raises(CommandError, match="stopped"):
            way.call(content, "leads.csv", "leads", "--json")
    run = ImportRun.objects.get()
    assert (answers, run.state) == ([302], "stopped")
    assert (run.received, run.created, run.refused) == (20, 20, 0)
    assert Lead.objects.count() == Submission.objects.count() == 20
    assert "Stopped after row 20 of 35" in " ".join(wizard.page("detail", run).split())
    assert wizard.post("resume", run).status_code == 302
    work()
    run.refresh_from_db()
    assert (run.state, run.received, run.created) == ("done", 35, 35)
    assert Lead.objects.count() == Submission.objects.count() == 35
    assert set(Submission.objects.values_list("line", flat=True)) == set(range(2, 37))


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_by_both_ways_double_nobody(make, client_of, settings, tmp_path, capsys):
    settings.MEDIA_ROOT = tmp_path / "media"
    browser = client_of(make.user("ops@accord.test", "Ops", "marketing_ops"))

    def work():
        while jobs.run_once():
            pass

    rows = (LEADS + lines(300)).splitlines()
    content = "\n".join(f"{row},{('won', 'lost')[at % 2] if at else 'Outcome'}" for at, row in enumerate(rows)).encode()
    run = Wizard(browser, work).start(content)
    command = Command(tmp_path, capsys)
    gate, faults = threading.Barrier(2), []

    def at_once(act):
        try:
            gate.wait(30)
            act()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=at_once, args=[act])
        for act in (work, lambda: command.call(content, "leads.csv", "leads", "--json"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    other = ImportRun.objects.exclude(pk=run.pk).get()
    run.refresh_from_db()
    for one in (run, other):
        assert (one.state, one.received, one.refused) == ("done", 300, 0)
        assert one.received == one.created + one.updated + one.attached
    assert Lead.objects.count() == run.created + other.created == 300
    assert Submission.objects.count() == 600
    assert Case.objects.count() == run.cases + other.cases == 300
