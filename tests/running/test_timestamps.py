"""Instants come from the database as they were stored, whatever loader reads them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, connection

pytestmark = pytest.mark.django_db
INSTANTS = (
    datetime(2026, 3, 29, 0, 59, 59, 999999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999990, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 120000, tzinfo=UTC),
)


def read(words, *values):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {words}", values)
        return cursor.fetchone()[0]


@pytest.mark.parametrize("instant", INSTANTS)
def test_instants_come_back_in_utc(instant):
    found = read("%s::timestamptz", instant)
    assert found == instant
    assert found.utcoffset() == timedelta(0)
    assert read("array[%s::timestamptz]", instant) == [instant]


def test_no_instant_is_none():
    assert read("null::timestamptz") is None


@pytest.mark.parametrize("word", ["infinity", "0044-03-15 12:00:00+00 BC"])
def test_what_no_datetime_can_hold_is_an_error(word):
    with pytest.raises(DataError):
        read("%s::timestamptz", word)
