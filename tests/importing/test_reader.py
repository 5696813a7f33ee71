"""Files are read by what is in them, row by row, or refused with what is wrong and where."""

import csv
import datetime as dt
import io
import json
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.importing import reader
from leads.importing.limits import FileRefused
from tests.importing.samples import DATA, needs_data, text, workbook

SPECTRUM = sorted((DATA / "import_samples" / "csv_spectrum" / "csvs").glob("*.csv"))


def read(file, **given):
    layout = reader.inspect(file, **given)
    return layout, list(reader.rows(file, layout))


def cells(file, **given):
    return [row.cells for row in read(file, **given)[1]]


def survey(file, **given):
    return reader.survey(file, reader.inspect(file, **given))


def refusal(file, **given):
    with pytest.raises(FileRefused) as caught:
        survey(file, **given)
    return caught.value


@needs_data
@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.stem)
def test_csv_spectrum_reads_exactly_as_its_json_says(path):
    expected = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    with path.open("rb") as file:
        layout, rows = read(file)
    assert [dict(zip(layout.columns, row.cells, strict=True)) for row in rows] == expected


@needs_data
@pytest.mark.parametrize(
    ("name", "delimiter", "header_line", "columns", "count"),
    [
        ("simple.ssv", ";", 1, ("date", "temperature", "place"), 6),
        (
            "simple.psv",
            "|",
            1,
            ("Year", "New dwellings", "Other dwellings", "All dwellings", "First time buyers", "Former owner occupiers"),
            28,
        ),
        ("excel_pasting.csv", ",", 4, ("Year", "2000", "2001", "2002", "2003", "2004", "2005", "2006", "2007"), 16),
        ("null.csv", ",", 0, ("Column 1", "Column 2", "Column 3", "Column 4"), 10),
    ],
)
def test_dialects_are_told_apart(name, delimiter, header_line, columns, count):
    with (DATA / "import_samples" / "dialects" / name).open("rb") as file:
        layout, rows = read(file)
    assert (layout.delimiter, layout.header_line, layout.columns, len(rows)) == (delimiter, header_line, columns, count)


@needs_data
def test_byte_order_mark_is_no_part_of_the_first_name():
    with (DATA / "import_samples" / "dialects" / "utf8bom.csv").open("rb") as file:
        error = refusal(file)
    assert error.code == "header_only"
    assert "(kitten, win)" in error.message


@needs_data
def test_excel_pasting_keeps_quoted_thousands_and_the_lines_of_the_file():
    with (DATA / "import_samples" / "dialects" / "excel_pasting.csv").open("rb") as file:
        _, rows = read(file)
    assert rows[0].cells[:2] == ["Timber", "2,666"]
    machinery = next(row for row in rows if row.cells[0].startswith("Machinery"))
    assert machinery.cells[0] == "Machinery and \nequipment"
    assert [(row.number, row.line) for row in rows if row.cells[0] == "Total"] == [(14, 21)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_read(delimiter, end):
    lines = [["E-mail", "Company", "Since"], ["ivy@n.test", "Fern & Co", "2024-01-01"], ["ben@n.test", "Öl AG", "2024-02-01"]]
    layout, rows = read(text(end.join(delimiter.join(line) for line in lines)))
    assert layout.delimiter == delimiter
    assert [row.cells for row in rows] == lines[1:]


def test_decimal_commas_do_not_pass_for_delimiters():
    layout, rows = read(text("a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n"))
    assert layout.delimiter == ";"
    assert rows[0].cells == ["1,5", "2,5", "3,5"]


def test_hint_line_of_excel_names_the_delimiter():
    layout, rows = read(text("sep=;\nname;note\nA;x,y,z\nB;u,v,w\n"))
    assert (layout.delimiter, layout.header_line, layout.columns) == (";", 2, ("name", "note"))
    assert [row.line for row in rows] == [3, 4]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_common_encodings_are_recognised(encoding, found):
    names = ["Müller", "Çelik", "Ångström", "Peña", "naïve"]
    content = "Name,City\n" + "".join(f"{name},Zürich\n" for name in names) * 20
    layout, rows = read(text(content, encoding))
    assert layout.encoding == found
    assert rows[0].cells == ["Müller", "Zürich"]
    assert rows[-1].cells[0] == "naïve"


def test_western_quotes_and_euro_signs_are_windows_text():
    assert cells(text("note,price\n\u201cgood\u201d,\u20ac5\nb,\u20ac6\n", "cp1252"))[0] == ["\u201cgood\u201d", "\u20ac5"]


@pytest.mark.parametrize(
    ("encoding", "word"), [("cp1251", "Москва привет"), ("shift_jis", "東京都千代田区"), ("cp1253", "Αθήνα καλημέρα")]
)
def test_other_scripts_are_not_read_as_western(encoding, word):
    content = "Имя,Город\n" if encoding == "cp1251" else "name,city\n"
    assert cells(text(content + f"{word},{word}\n" * 30, encoding))[0] == [word, word]


def test_an_encoding_may_be_said():
    assert cells(text("a,b\nż,ł\n", "cp1250"), encoding="cp1250") == [["ż", "ł"]]


def test_newlines_in_cells_keep_the_line_numbers_of_the_file():
    _, rows = read(text('name,note\r\nA,"one\r\ntwo\r\nthree"\r\n\r\nB,x\r\n'))
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 6)]


def test_duplicate_blank_and_trailing_headers_all_get_a_name():
    layout, rows = read(text("Email, Email ,,Name,,\na@x.test,b@x.test,c,D,,\n"))
    assert layout.columns == ("Email", "Email (2)", "Column 3", "Name")
    assert rows[0].cells == ["a@x.test", "b@x.test", "c", "D"]


def test_short_rows_are_filled_and_long_ones_keep_what_is_too_much():
    assert cells(text("a,b,c\n1\n1,2,3,,\n1,2,3,4\n")) == [["1", "", ""], ["1", "2", "3"], ["1", "2", "3", "4"]]


def test_blank_rows_are_no_rows():
    assert cells(text("a,b\n,\n\n1,2\n  , \n")) == [["1", "2"]]


def test_titles_above_the_header_are_skipped_and_the_header_may_be_said():
    content = "Leads of May\nexported 2026-05-31\n\nname,mail,city\nIvy,ivy@n.test,Oslo\n"
    layout, _ = read(text(content))
    assert (layout.header_line, layout.columns) == (4, ("name", "mail", "city"))
    layout, rows = read(text(content), header_line=0)
    assert layout.header_line == 0
    assert len(rows) == 4


def test_reading_resumes_at_a_row():
    content = "n,m\n" + "".join(f"{n},x\n" for n in range(100))
    file = text(content)
    layout = reader.inspect(file)
    assert [row.cells[0] for row in reader.rows(file, layout, start=97)] == ["97", "98", "99"]
    assert next(reader.rows(file, layout, start=97)).number == 98


def test_layout_survives_being_stored():
    layout, _ = read(text("a;b\n1;2\n"))
    assert reader.Layout.from_json(json.loads(json.dumps(layout.as_json()))) == layout


def test_odd_quotes_within_a_line_are_read_as_meant():
    rows = cells(text('name,note\nA,"12" pipe"\nB,"say \\"hi\\", you"\nC,5" wide\n'))
    assert rows[0][0] == "A"
    assert rows[1] == ["B", 'say "hi", you']
    assert rows[2] == ["C", '5" wide']


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12), min_size=3, max_size=3).filter(
            lambda row: any(cell.strip() for cell in row)
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_was_written_as_csv_is_read_back(table):
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["first col", "second col", "third col"])
    writer.writerows(table)
    file = text(out.getvalue())
    layout = reader.inspect(file, delimiter=",", header_line=1)
    assert [row.cells for row in reader.rows(file, layout)] == table


class TestRefusals:
    def test_empty_file(self):
        assert refusal(text(b"")).code == "empty_file"
        assert refusal(text(b"\n \r\n\n")).code == "empty_file"

    def test_header_only(self):
        error = refusal(text("name,mail\n"))
        assert (error.code, error.line) == ("header_only", 1)
        assert refusal(workbook(["name", "mail"])).code == "header_only"

    def test_five_thousand_columns(self):
        error = refusal(text(",".join(f"c{n}" for n in range(5000)) + "\n" + ",".join("1" * 5000) + "\n"))
        assert error.code == "too_many_columns"
        assert "5,000" in error.message
        assert "2,000" in error.message
        assert refusal(workbook([f"c{n}" for n in range(5000)], list(range(5000)))).code == "too_many_columns"

    def test_one_cell_of_twenty_megabytes(self, monkeypatch):
        error = refusal(text(b"a,b\n1," + b"x" * 20_000_000 + b"\n"))
        assert (error.code, error.line) == ("cell_too_large", 2)
        assert refusal(text(b'a,b\n1,"' + b"x" * 300_000 + b'"\n')).code == "cell_too_large"
        monkeypatch.setattr("leads.importing.workbook.MAX_CELL", 1000)
        assert refusal(workbook(["a", "b"], ["1", "y" * 1001])).code == "cell_too_large"

    def test_unclosed_quote_names_the_line_it_was_opened_in(self):
        error = refusal(text('a,b\n1,2\n3,"open\n5,6\n7,8\n'))
        assert (error.code, error.line) == ("unclosed_quote", 3)
        error = refusal(text('a,b\n1,2\n3,"open\n5,"x"\n7,8\n'))
        assert (error.code, error.line) == ("unclosed_quote", 3)
        error = refusal(text('a,b\n3,"open\n' + "5,6\n" * 100_000))
        assert (error.code, error.line) == ("unclosed_quote", 2)

    def test_nul_bytes_name_their_line(self):
        error = refusal(text(b"name,mail\nIvy,ivy@n.test\nBen\0,ben@n.test\n"))
        assert (error.code, error.line) == ("nul_bytes", 3)

    def test_bytes_of_another_encoding_in_utf8_name_their_line(self):
        error = refusal(text("name,city\nMüller,Köln\nÖzil,Zürich\n".encode() + b"Bj\xf6rk,x\n"))
        assert (error.code, error.line) == ("undecodable", 4)
        assert refusal(text(b"name,city\nJos\xe9,x\n"), encoding="utf-8").code == "undecodable"

    def test_broken_last_character_is_found(self):
        assert refusal(text("name,city\nMüller,Köln\nZoë,".encode() + b"\xc3")).code == "undecodable"

    def test_archives_and_pages_are_called_what_they_are(self):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("leads.csv", "a,b\n1,2\n")
        assert refusal(packed).code == "not_a_workbook"
        assert refusal(text(b"\x1f\x8b\x08\0rest")).code == "not_a_table"
        assert refusal(text(b"<html><table><tr><td>1</td></tr></table></html>")).code == "not_a_table"
        assert refusal(text(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)).code == "old_workbook"
        assert (
            refusal(text(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))).code
            == "encrypted_workbook"
        )

    @pytest.mark.parametrize(
        "content",
        [
            '{"email": "a@n.test"}',
            '\n [\n  {"email": "a@n.test"}\n]',
            "[]",
            "[1, 2]",
            '["a", "b"]\n["c", "d"]',
            "{'a': 1}\n{'a': 2}\n",
        ],
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_json_is_called_what_it_is_and_sent_to_the_api(self, content, encoding):
        error = refusal(text(content, encoding))
        assert error.code == "not_a_table"
        assert error.message.startswith("This is JSON, not a table. Send JSON to the API")

    def test_names_in_brackets_are_a_header(self):
        assert reader.inspect(text("[Email],[Name]\na@n.test,Ivy\n")).columns == ("[Email]", "[Name]")

    def test_too_large_a_file(self, monkeypatch):
        monkeypatch.setattr(reader, "MAX_BYTES", 10)
        assert refusal(text("a,b\n1,2\n3,4\n")).code == "file_too_large"

    def test_too_many_rows_are_known_before_any_is_stored(self, monkeypatch):
        monkeypatch.setattr(reader, "MAX_ROWS", 3)
        error = refusal(text("a,b\n" + "1,2\n" * 4))
        assert (error.code, error.line) == ("too_many_rows", 5)


class TestWorkbooks:
    def test_values_become_the_text_people_see(self):
        file = workbook(
            ["Name", "Employees", "Share", "Since", "At", "Customer"],
            ["Ivy", 480.0, 0.25, dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 1, 9, 30), True],
            ["Ben", 12, None, None, None, False],
        )
        layout, rows = read(file)
        assert (layout.format, layout.sheet) == ("xlsx", "Leads")
        assert rows[0].cells == ["Ivy", "480", "0.25", "2026-03-01", "2026-03-01 09:30:00", "TRUE"]
        assert rows[1].cells == ["Ben", "12", "", "", "", "FALSE"]

    def test_titles_and_blank_rows_keep_the_sheet_lines(self):
        layout, rows = read(workbook(["Report"], [], ["Name", "Mail"], ["Ivy", "i@n.test"], [], ["Ben", "b@n.test"]))
        assert layout.header_line == 3
        assert [(row.number, row.line) for row in rows] == [(1, 4), (2, 6)]

    def test_workbook_is_read_whatever_its_name_and_text_named_xlsx_as_text(self):
        assert reader.inspect(workbook(["a", "b"], [1, 2])).format == "xlsx"
        assert reader.inspect(text("a,b\n1,2\n")).format == "text"

    def test_zip_bomb_is_refused_before_it_is_unpacked(self):
        bomb = workbook(["a", "b"], [1, 2])
        with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet9.xml", b"0" * 60_000_000)
        tracemalloc.start()
        error = refusal(bomb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert error.code == "zip_bomb"
        assert peak < 20_000_000

    def test_declared_sizes_that_lie_are_found(self):
        content = bytearray(workbook(["a", "b"], *[[n, "x" * 50] for n in range(200)]).getvalue())
        at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"xl/worksheets/sheet1.xml"))
        content[at + 24 : at + 28] = (100).to_bytes(4, "little")
        assert refusal(text(bytes(content))).code in ("damaged_workbook", "zip_bomb")

    def test_entities_are_refused(self):
        source = workbook(["a", "b"], [1, 2])
        out = io.BytesIO()
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
            for part in old.infolist():
                data = old.read(part)
                if part.filename == "xl/workbook.xml":
                    data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + data
                new.writestr(part.filename, data)
        assert refusal(out).code == "unsafe_workbook"

    def test_damaged_archive(self):
        whole = workbook(["a", "b"], *[[n, f"text {n}"] for n in range(500)]).getvalue()
        assert refusal(text(whole[: len(whole) // 2])).code == "damaged_workbook"
        middle = bytearray(whole)
        for at in range(len(whole) // 3, len(whole) // 3 + 200):
            middle[at] ^= 0x5A
        assert refusal(text(bytes(middle))).code == "damaged_workbook"

    def test_sheet_can_be_chosen_and_an_unknown_one_is_refused(self):
        assert refusal(workbook(["a", "b"], [1, 2]), sheet="Other").code == "no_such_sheet"

    def test_empty_workbook(self):
        assert refusal(workbook()).code == "empty_file"


@pytest.mark.slow
def test_a_large_file_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("email,name,company,note\n")
        line = ",Ivy Okafor,Northwind Freight," + "n" * 60 + "\n"
        out.writelines(f"lead{n}@company{n % 999}.test{line}" for n in range(300_000))
    tracemalloc.start()
    with path.open("rb") as file:
        layout = reader.inspect(file)
        count = reader.survey(file, layout)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300_000
    assert peak < 30_000_000
