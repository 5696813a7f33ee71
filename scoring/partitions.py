"""A version's scores in a table of their own: filled aside, then hung into the partitioned one; dropped whole when they are old.

All that this needs of PostgreSQL beyond plain SQL is here. A role that may not create tables keeps every score in the default
partition: then filling writes there, and old scores are deleted.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import OperationalError, connection, transaction
from psycopg import Cursor, sql

if TYPE_CHECKING:
    from scoring.snapshot.segment import Array

PARENT = "scoring_leadscore"
COLUMNS = ("version_id", "lead_id", "fit", "engagement", "tier", "flags", "gate")
AT_ONCE = 50_000  # rows made at a time as they are sent
_MAY = """
SELECT has_schema_privilege(current_schema(), 'CREATE')
   AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = %s::regclass), 'USAGE')
"""
_ATTACHED = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = %s::regclass AND inhrelid = to_regclass(%s))"
_OWN = r"""
SELECT DISTINCT substring(relname FROM '[0-9]+')::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname ~ '^scoring_leadscore_v[0-9]+(_before)?$'
"""
_BEFORE = r"""
SELECT substring(relname FROM '[0-9]+')::bigint, obj_description(oid, 'pg_class') FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname ~ '^scoring_leadscore_v[0-9]+_before$' ORDER BY 1
"""


def name_of(version_id: int) -> str:
    """The table of a version's scores."""
    return f"{PARENT}_v{version_id}"


def next_of(version_id: int) -> str:
    """The table that is filled to take the place of the version's own."""
    return f"{name_of(version_id)}_next"


def before_of(version_id: int) -> str:
    """The table whose place was taken, kept until the history of what moved is written."""
    return f"{name_of(version_id)}_before"


def may_create() -> bool:
    """Whether this role may make a table of its own and hang it into the partitioned one."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY, [PARENT])
        return bool(cursor.fetchone()[0])


def is_attached(version_id: int) -> bool:
    """Whether the version's own table is part of the partitioned one."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTACHED, [PARENT, name_of(version_id)])
        return bool(cursor.fetchone()[0])


def own_tables() -> list[int]:
    """The versions that have a table of their own, attached or not."""
    with connection.cursor() as cursor:
        cursor.execute(_OWN)
        return sorted(row[0] for row in cursor.fetchall())


def replaced_tables() -> list[tuple[int, str]]:
    """The versions whose table was replaced and whose history is still to be written, each with what was noted then."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE)
        return [(version_id, noted or "{}") for version_id, noted in cursor.fetchall()]


def note(version_id: int, words: str) -> None:
    """Keep these words with the table that was replaced."""
    _run(sql.SQL("COMMENT ON TABLE {before} IS {words}"), version_id, words=sql.Literal(words))


def _run(statement: sql.SQL, version_id: int, table: str | None = None, **more: sql.Composable) -> None:
    """`statement` names the version's table, or another one, as `{table}`, those that follow or went before it as `{next}` and
    `{before}`, the partitioned one as `{parent}` and the version as `{version}`.
    """
    named = {
        "table": sql.Identifier(table or name_of(version_id)),
        "name": sql.Identifier(name_of(version_id)),
        "next": sql.Identifier(next_of(version_id)),
        "before": sql.Identifier(before_of(version_id)),
        "parent": sql.Identifier(PARENT),
        "version": sql.Literal(version_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("{}").format(statement.format(**named | more)))


def some_leads(table: str, version_id: int, count: int) -> list[int]:
    """Up to `count` leads with a score by the version, drawn at random."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT lead_id FROM {} WHERE version_id = %s ORDER BY random() LIMIT %s").format(sql.Identifier(table)),
            [version_id, count],
        )
        return [row[0] for row in cursor.fetchall()]


def begin(version_id: int) -> str:
    """Make room for a version's scores, with none in it; answers the table to fill. In the caller's transaction."""
    drop([version_id])
    if not may_create():
        return PARENT
    return create(version_id, name_of(version_id))


def create(version_id: int, table: str) -> str:
    """An empty table for a version's scores, which nobody sees yet; its check spares a scan when it is attached."""
    _run(
        sql.SQL(
            "CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS, CONSTRAINT one_version CHECK (version_id = {version}))"
            " WITH (fillfactor = 60)"
        ),
        version_id,
        table,
    )
    return table


def finish(version_id: int, table: str | None = None) -> None:
    """Give a filled table its keys."""
    with finishing(version_id, table):
        pass


@contextmanager
def finishing(version_id: int, table: str | None = None) -> Iterator[None]:
    """Give a filled table its keys while something else is done that asks the database nothing."""
    name = sql.Identifier(table or name_of(version_id))
    connection.ensure_connection()
    session = connection.connection

    def work() -> None:
        with Cursor(session) as cursor:
            # A tenth of the usual sample says enough of so few columns.
            cursor.execute("SELECT set_config('default_statistics_target', '10', true)")
            cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (version_id, lead_id)").format(name))
            cursor.execute(sql.SQL("CREATE INDEX ON {} (tier, lead_id) WHERE flags & 1 = 1").format(name))
            cursor.execute(sql.SQL("ANALYZE {}").format(name))

    with ThreadPoolExecutor(1) as thread:
        worked = thread.submit(work)
        yield
        worked.result()


def shut(*, wait: str) -> None:
    """Keep all readers and writers of scores out until the transaction ends. Raises OperationalError when they leave no gap within
    `wait`, for which nobody else is kept waiting for longer.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
        cursor.execute("LOCK TABLE scoring_leadscore IN ACCESS EXCLUSIVE MODE")


def carry_over(version_id: int, lead_ids: Sequence[int]) -> None:
    """Have the table that is to follow say of these leads what the version's own says."""
    ids = sql.Literal(list(lead_ids))
    _run(sql.SQL("DELETE FROM {next} WHERE lead_id = ANY({ids}::bigint[])"), version_id, ids=ids)
    _run(
        sql.SQL("INSERT INTO {next} SELECT * FROM {name} WHERE version_id = {version} AND lead_id = ANY({ids}::bigint[])"),
        version_id,
        ids=ids,
    )


def exchange(version_id: int) -> None:
    """Have the finished table that is to follow take the place of the version's own, which stays aside. After `shut`."""
    _run(sql.SQL("ALTER TABLE {parent} DETACH PARTITION {name}"), version_id)
    _run(sql.SQL("ALTER TABLE {name} RENAME TO {before}"), version_id)
    _run(sql.SQL("ALTER TABLE {next} RENAME TO {name}"), version_id)
    _run(sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES IN ({version})"), version_id)
    _run(sql.SQL("ALTER TABLE {name} DROP CONSTRAINT one_version"), version_id)


def drop_before(version_id: int) -> None:
    """Forget the table that was replaced."""
    _run(sql.SQL("DROP TABLE IF EXISTS {before}"), version_id)


def attach(version_id: int, *, wait: str = "2s") -> bool:
    """Hang a finished table into the partitioned one; False when readers and writers left no gap within `wait`.

    Nobody is kept waiting for longer than that.
    """
    if is_attached(version_id):
        return True
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
            _run(sql.SQL("ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({version})"), version_id)
            _run(sql.SQL("ALTER TABLE {table} DROP CONSTRAINT one_version"), version_id)
    except OperationalError as error:
        if "lock timeout" in str(error):
            return False
        raise
    return True


def drop(version_ids: Iterable[int]) -> int:
    """Forget all scores by these versions, whatever table they are in; answers how many versions had a table of their own."""
    wanted = list(version_ids)
    own = [version_id for version_id in own_tables() if version_id in set(wanted)]
    for version_id in own:
        _run(sql.SQL("DROP TABLE IF EXISTS {table}, {before}"), version_id)
    rest = [version_id for version_id in wanted if version_id not in own]
    if rest:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM scoring_leadscore_default WHERE version_id = ANY(%s)", [rest])
    return len(own)


def fill(
    table: str, version_id: int, leads: "Array", columns: Sequence["Array"], gates: Sequence[str], *, is_new: bool = False
) -> int:
    """Write one row a lead: `columns` are fit, engagement, tier (-1: none), flags and gate (position in `gates`, -1: none).

    Rows go over the wire as they stand in memory and in the order of the leads, so a million takes half a second and its keys
    are sorted already. A table that `is_new` in this very transaction has them as old ones, which nobody has to look at again.
    """
    connection.ensure_connection()
    with connection.cursor() as cursor:
        names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        options = sql.SQL("FORMAT binary, FREEZE" if is_new else "FORMAT binary")
        copy = sql.SQL("COPY {} ({}) FROM STDIN ({})").format(sql.Identifier(table), names, options)
        with cursor.copy(copy) as sent:
            sent.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            with ThreadPoolExecutor(1) as thread:  # makes the next rows while the server takes these
                blocks = [
                    thread.submit(_block, version_id, leads[part], [one[part] for one in columns], gates)
                    for first in range(0, len(leads), AT_ONCE)
                    for part in [slice(first, first + AT_ONCE)]
                ]
                while blocks:
                    sent.write(blocks.pop(0).result())
            sent.write(b"\xff\xff")
    return len(leads)


def _block(version_id: int, leads: "Array", columns: Sequence["Array"], gates: Sequence[str]) -> bytes:
    """The rows in the server's own format. Rows alike in what is null and which gate bars them have one length: they are made
    together, and then put in order run by run.
    """
    import numpy as np  # loaded by who fills, not by every process that starts

    tier, gate = columns[2], columns[4]
    kind = (gate.astype(np.int64) + 1) * 2 + (tier >= 0)
    made: dict[int, tuple[bytes, int]] = {}
    before = np.zeros(len(kind), np.int64)  # rows of its own kind before each row
    for one in np.unique(kind).tolist():
        rows = np.flatnonzero(kind == one)
        before[rows] = np.arange(len(rows))
        name = gates[one // 2 - 1].encode() if one >= 2 else None
        made[one] = _alike(version_id, leads[rows], [column[rows] for column in columns], bool(one % 2), name)
    starts = np.flatnonzero(np.diff(kind, prepend=-1))
    lengths = np.diff(starts, append=len(kind))
    runs = zip(kind[starts].tolist(), before[starts].tolist(), lengths.tolist(), strict=True)
    parts = []
    for one, first, count in runs:
        sent, size = made[one]
        parts.append(sent[first * size : (first + count) * size])
    return b"".join(parts)


def _alike(version_id: int, leads: "Array", columns: Sequence["Array"], has_tier: bool, gate: bytes | None) -> tuple[bytes, int]:
    """Rows that all have a tier or none, and the same gate or none; and the length of one."""
    import numpy as np

    fit, engagement, tier, flags, _ = columns
    parts: list[tuple[str, str, int | Array]] = [("version", ">i8", version_id), ("lead", ">i8", leads)]
    parts += [("fit", ">i4", fit), ("engagement", ">i4", engagement)]
    parts += [("tier", ">i2", tier)] if has_tier else [("tier", "", -1)]
    parts += [("flags", ">i2", flags)]
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for what, kind, _ in parts:
        fields += [(f"{what}_size", ">i4")] + ([(what, kind)] if kind else [])
    fields += [("gate_size", ">i4")] + ([("gate", f"S{len(gate)}")] if gate else [])
    made = np.zeros(len(leads), np.dtype(fields))
    made["count"] = len(COLUMNS)
    for what, kind, values in parts:
        made[f"{what}_size"] = np.dtype(kind).itemsize if kind else -1
        if kind:
            made[what] = values
    made["gate_size"] = len(gate) if gate else -1
    if gate:
        made["gate"] = gate
    return made.tobytes(), made.dtype.itemsize
