"""Cells become values in the spellings that exports use."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.importing import values
from leads.importing.values import Misfit


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("480", ".", "480"),
        ("1,200", ".", "1200"),
        ("1.200", ",", "1200"),
        ("1.200", ".", "1.200"),
        ("1,200", ",", "1.200"),
        ("1,234,567.89", ".", "1234567.89"),
        ("1.234.567,89", ",", "1234567.89"),
        ("1'234'567", ".", "1234567"),
        ("1 234,5", ",", "1234.5"),
        ("3,5", ".", "3.5"),
        ("₹450", ".", "450"),
        ("€ 1.250,00", ",", "1250.00"),
        ("$1,250.00", ".", "1250.00"),
        ("1250 EUR", ".", "1250"),
        ("USD 75,000", ".", "75000"),
        ("12 %", ".", "12"),
        ("(300)", ".", "-300"),
        ("-7", ".", "-7"),
        ("\u22127", ".", "-7"),
        ("1e5", ".", "1e5"),
        (" 42 ", ".", "42"),
    ],
)
def test_numbers_are_read_with_their_separators_and_signs(text, decimal, expected):
    assert values.number(text, decimal) == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["", "abc", "11-50", "1,2,3", "12 people", "Ivy 7", "1.2.3", "--5", "500+", "5M", "1234567890123456"]
)
def test_what_is_no_number_is_said_so(text):
    with pytest.raises(Misfit):
        values.number(text)


def test_the_column_tells_the_decimal_sign():
    assert values.decimal_sign(["1.234,5", "1.200"]) == ","
    assert values.decimal_sign(["1,234.5", "1,200"]) == "."
    assert values.decimal_sign(["1,200", "3,400"]) == "."
    assert values.decimal_sign(["1,5", "2,25"]) == ","


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_numbers_written_the_english_and_the_german_way_are_the_same(number):
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert values.number(english, ".") == values.number(german, ",") == number


@pytest.mark.parametrize(
    "text",
    ["2026-03-15", "2026/03/15", "2026.3.15", "15.03.2026", "15-03-2026", "15/03/26", "March 15 2026", "Mar 15, 2026",
    "15-Mar-2026", "15 March 2026",
     "15. März 2026", "20260315", "Sunday, 15 March 2026"],
)  # fmt: skip
def test_dates_in_many_formats(text):
    moment, has_time = values.date_time(text)
    assert (moment, has_time) == (dt.datetime(2026, 3, 15, tzinfo=dt.UTC), False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-15 09:22:10", dt.datetime(2026, 3, 15, 9, 22, 10, tzinfo=dt.UTC)),
        ("2026-03-15T09:22:10Z", dt.datetime(2026, 3, 15, 9, 22, 10, tzinfo=dt.UTC)),
        ("2026-03-15T09:22:10.5+02:00", dt.datetime(2026, 3, 15, 7, 22, 10, 500000, tzinfo=dt.UTC)),
        ("2024-03-15T09:22:10+0530", dt.datetime(2024, 3, 15, 3, 52, 10, tzinfo=dt.UTC)),
        ("15/03/2026, 9:05 pm", dt.datetime(2026, 3, 15, 21, 5, tzinfo=dt.UTC)),
        ("15.03.2026 12:00 AM", dt.datetime(2026, 3, 15, 0, 0, tzinfo=dt.UTC)),
        ("1773566530", dt.datetime(2026, 3, 15, 9, 22, 10, tzinfo=dt.UTC)),
        ("1773566530000", dt.datetime(2026, 3, 15, 9, 22, 10, tzinfo=dt.UTC)),
    ],
)
def test_times_are_instants(text, expected):
    moment, has_time = values.date_time(text)
    assert moment == expected
    assert has_time


def test_a_time_without_zone_is_in_the_readers_zone():
    zone = dt.timezone(dt.timedelta(hours=2))
    assert values.date_time("2026-06-01 10:00", zone=zone)[0] == dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)


def test_day_and_month_are_told_apart_only_where_something_tells():
    with pytest.raises(Misfit) as caught:
        values.date_time("03/04/2026")
    assert caught.value.code == "ambiguous_date"
    assert values.date_time("03/04/2026", day_first=True)[0].month == 4
    assert values.date_time("03/04/2026", day_first=False)[0].month == 3
    assert values.date_time("13/04/2026", day_first=False)[0].day == 13
    assert values.date_time("05/05/2026")[0].day == 5


@pytest.mark.parametrize(
    "text", ["2026-02-30", "31.06.2026", "yesterday", "2026-13-01", "2026-01-01 25:00", "2026-01-01 13:00 pm", "12", "Q3 2026"]
)
def test_days_that_do_not_exist_are_refused(text):
    with pytest.raises(Misfit):
        values.date_time(text)


@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text):
    for read in (values.number, values.date_time, values.boolean):
        try:
            read(text)
        except Misfit:
            continue
    assert isinstance(values.split_name(text), tuple)
    assert isinstance(values.first_address(text), str)
    assert isinstance(values.first_phone(text), str)


def test_words_for_yes_and_no():
    assert all(values.boolean(word) for word in ("Yes", "TRUE", "1", "ja", "x"))
    assert not any(values.boolean(word) for word in ("No", "false", "0", "nein"))
    with pytest.raises(Misfit):
        values.boolean("maybe")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sarah Johnson", ("Sarah", "Johnson")),
        ("Johnson, Sarah", ("Sarah", "Johnson")),
        ("Dr. Anna Maria Schmidt", ("Anna", "Maria Schmidt")),
        ("Ludwig van Beethoven", ("Ludwig", "van Beethoven")),
        ("Smith, Jr", ("Smith,", "Jr")),
        ("Cher", ("Cher", "")),
        ("  ", ("", "")),
        ("张 伟", ("张", "伟")),
    ],
)
def test_names_in_one_cell_are_split(text, expected):
    assert values.split_name(text) == expected


def test_the_first_of_several_addresses_and_numbers_is_taken():
    assert values.first_address("john.doe@example.com ; jane@extra.com") == "john.doe@example.com"
    assert values.first_address("sarah@example.com secondary@gmail.com") == "sarah@example.com"
    assert values.first_address("Ivy Okafor <ivy@n.test>") == "ivy@n.test"
    assert values.first_address("not an address") == "not an address"
    assert values.first_phone("+91 9876543210 / +91 8765432109") == "+91 9876543210"
    assert values.first_phone("+919988776655|8877665544") == "+919988776655"
    assert values.first_phone("p:+491701234567") == "+491701234567"
    assert values.first_phone("030/1234567") == "030/1234567"
    assert values.split_multi("a; b|c;a") == ["a", "b", "c"]
