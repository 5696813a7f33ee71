"""Writing new rows as fast as the database takes them."""

from collections.abc import Iterable, Sequence
from functools import cache

from django.db import connection
from psycopg import sql


@cache
def _statement(table: str, columns: tuple[str, ...]) -> str:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names).as_string()


def copy(table: str, columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
    """Write new rows by COPY in the caller's transaction; JSON columns as text. Constraints are checked as for any insert."""
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_statement(table, columns)) as out:
        for row in rows:
            out.write_row(row)
