"""Exports: the same leads as the list, and no cell that a spreadsheet would run."""

import csv
import io
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from leads.choices import FieldType
from leads.export import LONGEST_CELL, cell_of, safe_text
from leads.models import LeadField

pytestmark = pytest.mark.django_db
DANGEROUS = ["=1+1", "+49 30 1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1", "\x00=1"]


def rows_of(response):
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def sheet_of(response):
    book = load_workbook(io.BytesIO(b"".join(response.streaming_content)))
    return [[cell.value for cell in row] for row in book.active.iter_rows()], book.active


@pytest.mark.parametrize("text", DANGEROUS)
def test_text_that_could_be_a_formula_is_quoted(text):
    assert safe_text(text).startswith("'")


def test_other_text_stays_as_it_is():
    for text in ("Ivy", "a=b", "1-2", "O'Neill", "“quoted”", "日本"):
        assert safe_text(text) == text
    assert len(safe_text("=" + "x" * 50_000)) <= LONGEST_CELL


def test_values_keep_their_kind():
    assert [cell_of(value, UTC) for value in (None, 5, -2.5, True, False, ["a", "=b"], "")] == [
        None,
        5,
        -2.5,
        "yes",
        "no",
        "a, =b",
        "",
    ]


@pytest.fixture
def leads(make):
    LeadField.objects.create(key="budget", label="=Budget", type=FieldType.NUMBER)
    LeadField.objects.create(key="words", label="Words", type=FieldType.TEXT)
    company = make.company("+Plus GmbH")
    make.lead(
        "b@x.test", first_name="=cmd|' /C calc'!A0", last_name="Zoë, \"the\" Boss\nline", phone="+49 30 123", company=company,
        first_source="@source", created_at=datetime(2026, 2, 1, 10, tzinfo=UTC), attributes={"budget": -5, "words": "-dash"},
    )  # fmt: skip
    make.lead("a@x.test", first_name="Ann", last_name="Able", created_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_csv_parses_back_with_every_formula_disarmed(cast, client_of, leads):
    response = client_of(cast.marketer).get("/leads/export/?format=csv")
    head, first, second = rows_of(response)
    row = dict(zip(head, first, strict=True))
    assert response["Content-Disposition"].startswith('attachment; filename="leads-')
    assert row["First name"] == "'=cmd|' /C calc'!A0"
    assert row["Last name"] == 'Zoë, "the" Boss\nline'
    assert (row["Phone"], row["Company"], row["Source"]) == ("'+49 30 123", "'+Plus GmbH", "'@source")
    assert (row["'=Budget"], row["Words"]) == ("-5", "'-dash")
    assert row["Came in"] == "2026-02-01 11:00:00"
    assert second[head.index("Last name")] == "Able"
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in first)


def test_csv_begins_with_the_mark_spreadsheets_know_utf8_by(cast, client_of, leads):
    response = client_of(cast.marketer).get("/leads/export/")
    assert b"".join(response.streaming_content).startswith(b"\xef\xbb\xbf")


def test_xlsx_parses_back_with_text_and_numbers(cast, client_of, leads):
    rows, sheet = sheet_of(client_of(cast.marketer).get("/leads/export/?format=xlsx"))
    row = dict(zip(rows[0], rows[1], strict=True))
    assert row["First name"] == "'=cmd|' /C calc'!A0"
    assert row["'=Budget"] == -5
    assert row["Came in"] == datetime(2026, 2, 1, 11)
    assert not any(cell.data_type == "f" for line in sheet.iter_rows() for cell in line)


def test_exports_follow_filters_and_sorting(cast, client_of, leads):
    rows = rows_of(client_of(cast.marketer).get("/leads/export/?q=able"))
    assert [row[2] for row in rows[1:]] == ["Able"]
    rows = rows_of(client_of(cast.marketer).get("/leads/export/?sort=created"))
    assert [row[2][:4] for row in rows[1:]] == ["Able", "Zoë,"]


def test_export_of_chosen_leads_holds_those_and_only_visible_ones(cast, client_of, make):
    mine, theirs = make.lead(owner=cast.rep), make.lead()
    response = client_of(cast.manager).post("/leads/export/", {"ids": [mine.pk, theirs.pk, "x"], "format": "csv"})
    assert [row[0] for row in rows_of(response)[1:]] == [str(mine.pk)]


@pytest.mark.parametrize("typed", ["²", "١", "--1", "9" * 19, "9" * 5000])
def test_what_is_no_number_chooses_nothing(cast, client_of, leads, typed):
    response = client_of(cast.marketer).post("/leads/export/", {"ids": [typed], "format": "csv"})
    assert (response.status_code, response["Location"]) == (302, "/leads/")


def test_the_log_of_an_export_holds_no_personal_data(cast, client_of, leads, caplog):
    caplog.set_level("INFO", logger="accord")
    client_of(cast.marketer).get("/leads/export/?q=secret@person.test&format=csv")
    (said,) = [record for record in caplog.records if record.name == "accord.export"]
    assert said.narrowed_by == ["format", "q"]
    assert not any("person.test" in str(record.__dict__) for record in caplog.records if record.name.startswith("accord"))


def test_nothing_chosen_leads_back_to_the_list(cast, client_of, leads):
    response = client_of(cast.marketer).post("/leads/export/", {"format": "csv"})
    assert (response.status_code, response["Location"]) == (302, "/leads/")


def test_an_export_with_a_filter_that_cannot_be_read_goes_to_the_list_that_says_so(cast, client_of, leads):
    response = client_of(cast.marketer).get("/leads/export/?stage=nonsense")
    assert response.status_code == 302
    assert "stage=nonsense" in response["Location"]


def test_unknown_formats_and_too_many_rows_are_refused_in_words(cast, client_of, leads, monkeypatch):
    assert client_of(cast.marketer).get("/leads/export/?format=pdf").status_code == 422
    monkeypatch.setattr("leads.views.leads.MOST_XLSX_ROWS", 1)
    response = client_of(cast.marketer).get("/leads/export/?format=xlsx")
    assert response.status_code == 422
    assert b"take the CSV" in response.content


def test_reps_may_not_export(cast, client_of, leads):
    assert client_of(cast.rep).get("/leads/export/").status_code == 403
    assert client_of(cast.rep).post("/leads/export/", {"ids": "1"}).status_code == 403


def test_an_export_reads_all_rows_in_one_query(cast, client_of, make, django_assert_max_num_queries):
    for _ in range(12):
        make.lead(company=make.company(), owner=cast.rep)
    browser = client_of(cast.marketer)
    browser.get("/leads/")
    with django_assert_max_num_queries(14):
        assert len(rows_of(browser.get("/leads/export/"))) == 13
