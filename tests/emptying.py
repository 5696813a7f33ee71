"""Takes away what a test with real transactions wrote, and nothing else.

Django would truncate every table and make the permissions anew; a test writes into a few tables, and what every test counts
on (permissions, roles) stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from psycopg import sql

from scoring.partitions import PARENT

_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""
_OF_VERSIONS = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname ~ %s"
)


@dataclass(frozen=True)
class Emptying:
    """The tables that start empty, and how those looked that do not; `note` reads both from a database nobody has written to."""

    tables: tuple[str, ...]
    kept: dict[str, str]

    @classmethod
    def note(cls) -> Emptying:
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            names = [name for (name,) in cursor.fetchall()]
        filled = _filled(names)
        return cls(tuple(name for name in names if name not in filled), {name: _content(name) for name in filled})

    def __call__(self) -> None:
        """Every table is as it was noted, committed. Waits for whoever is still writing."""
        with transaction.atomic(), connection.cursor() as cursor:
            every = sql.SQL(", ").join(map(sql.Identifier, (*self.tables, *self.kept)))
            cursor.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(every))
            cursor.execute("SET LOCAL session_replication_role = replica")  # no rule or trigger has a say in this
            for name in _filled(self.tables):
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            cursor.execute(_OF_VERSIONS, [f"^{PARENT}_v[0-9]+"])
            for (name,) in cursor.fetchall():
                cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            if changed := [name for name, before in self.kept.items() if _content(name) != before]:
                raise AssertionError(f"a test with real transactions changed what every test counts on: {', '.join(changed)}")


def _filled(names: tuple[str, ...] | list[str]) -> list[str]:
    """Those of the tables that hold a row."""
    asked = [sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name)) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(asked))
        return [name for (name,) in cursor.fetchall()]


def _content(name: str) -> str:
    """A digest of all rows of a small table."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT md5(string_agg(one::text, chr(10) ORDER BY one::text)) FROM {} AS one").format(sql.Identifier(name))
        )
        return cursor.fetchone()[0]
