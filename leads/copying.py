"""Writing new rows as fast as the database takes them."""

from collections.abc import Iterable, Sequence

from django.db import connection
from psycopg import sql


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write new rows by COPY in the caller's transaction; JSON columns as text. Constraints are checked as for any insert."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as out:
        for row in rows:
            out.write_row(row)
