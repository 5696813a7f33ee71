"""Asking PostgreSQL for many rows at once: each column comes as one value, packed by the server, not row by row.

What takes the server long is asked on a session that is passed along, so that a thread can wait for the next answer while the
last one is made into columns.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from psycopg import Cursor, sql

from leads.choices import SCORED_OPEN, Basis, Consent, FieldType
from leads.facts import CORE_FIELDS, CoreField
from leads.models import Lead
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Array
from scoring.snapshot.shaping import SENT, SINCE_2000, Coder, Rows

AT_ONCE = 250_000  # rows of one statement: what the server packs into one value has to stay under 1 GB
_SEPARATOR = "\x1f"  # parts words in a folded text and is escaped in JSON, so no raw value needs it
_OPEN = sorted(str(stage) for stage in SCORED_OPEN)
_JOINED = {"company": "company_id", "first_campaign": "first_campaign_id", "product_interest": "product_interest_id"}

_CASES = sql.SQL("leads_case AS r")
_LEADS = sql.SQL("leads_lead AS r")
_BETWEEN = sql.SQL("r.id BETWEEN %s AND %s")
_THESE = sql.SQL("r.id = ANY(%s)")
_STILL_OPEN = sql.SQL("r.stage = ANY({})").format(sql.Literal(_OPEN))


Session = psycopg.Connection[Any]
Answer = tuple[Any, ...]
_WORK_MEMORY = "64MB"  # for joins with every company or case: more than the usual few, held for seconds by one a host


def session() -> Session:
    """This thread's connection to the database, also for a thread that is started for it: statements wait for each other."""
    connection.ensure_connection()
    raw: Session = connection.connection
    return raw


@contextmanager
def roomy() -> Iterator[None]:
    """Let the server join in memory meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, false)", [_WORK_MEMORY])
    try:
        yield
    finally:
        with suppress(psycopg.Error), Cursor(session()) as cursor:  # a transaction that failed takes it back by itself
            cursor.execute("RESET work_mem")


def _ask(query: sql.Composed, parameters: Sequence[object], on: Session | None = None) -> Answer:
    """The one row of an answer. In binary: packed bytes come as they are, not as twice as many hexadecimal digits."""
    with Cursor(on or session()) as cursor:
        cursor.execute(sql.SQL("{}").format(query), parameters, binary=True)
        row: Answer | None = cursor.fetchone()
    assert row is not None
    return row


def _where(ids: Sequence[int] | range) -> tuple[sql.SQL, list[object]]:
    if isinstance(ids, range):
        return _BETWEEN, [ids.start, ids.stop - 1]
    return _THESE, [list(ids)]


def _numbers(packed: bytes | None, kind: str) -> Array:
    """Numbers packed big-endian, as the machine has them."""
    found = np.frombuffer(packed or b"", kind)
    return found.astype(found.dtype.newbyteorder("="))


def _packed(expression: sql.Composable) -> sql.Composed:
    return sql.SQL("string_agg({}, ''::bytea)").format(expression)


def _joined_text(expression: sql.Composable) -> sql.Composed:
    return sql.SQL("string_agg(coalesce({}, ''), {})").format(expression, sql.Literal(_SEPARATOR))


# --- Open leads ---------------------------------------------------------------------------------------------------------


def _core(field: CoreField) -> sql.Composed:
    """The column of a core field, packed: as raw text for what has codes, else as its number. Dates are day numbers in UTC."""
    relation, _, name = field.path.rpartition("__")
    column = sql.SQL("{}.{}").format(sql.Identifier(relation or "r"), sql.Identifier(name))
    match field.type:
        case FieldType.NUMBER:
            return _packed(sql.SQL("float8send(coalesce({}::float8, 'NaN'))").format(column))
        case FieldType.BOOLEAN:
            return _packed(
                sql.SQL("CASE {} WHEN true THEN '\\x01'::bytea WHEN false THEN '\\x00' ELSE '\\xff' END").format(column)
            )
        case FieldType.DATE:
            day = sql.SQL("({} AT TIME ZONE 'UTC')::date - DATE '1970-01-01'").format(column)
            return _packed(sql.SQL("int4send(coalesce({}, -2147483648))").format(day))
    text = sql.SQL("replace({}, {}, ' ')").format(column, sql.Literal(_SEPARATOR))
    if field.key == "lead.consent":  # as in `facts_from`: nothing said yet is not known
        text = sql.SQL("nullif({}, {})").format(column, sql.Literal(str(Consent.UNKNOWN)))
    return _joined_text(text)


_PACKED_AS = {FieldType.NUMBER: ">f8", FieldType.BOOLEAN: ">i1", FieldType.DATE: ">i4"}


def ask_leads(ids: Sequence[int] | range, core: Iterable[str], own: Iterable[str], on: Session) -> Answer:
    """These leads as they are now, of those in an open stage, for `read_leads`."""
    fields = _core_fields(core)
    joins = [
        sql.SQL("LEFT JOIN {} AS {} ON {}.id = r.{}").format(
            sql.Identifier(Lead._meta.get_field(name).related_model._meta.db_table),  # type: ignore[union-attr]
            sql.Identifier(name),
            sql.Identifier(name),
            sql.Identifier(foreign),
        )
        for name, foreign in _JOINED.items()
        if any(field.path.startswith(f"{name}__") for field in fields)
    ]
    wanted = [sql.SQL("count(*)"), _packed(sql.SQL("int8send(r.id)"))]
    wanted += [_core(field) for field in fields]
    wanted += [_joined_text(sql.SQL("(r.attributes -> {})::text").format(sql.Literal(key.partition(".")[2]))) for key in own]
    where, parameters = _where(ids)
    query = sql.SQL("SELECT {} FROM {} {} WHERE {} AND {}").format(
        sql.SQL(", ").join(wanted), _LEADS, sql.SQL(" ").join(joins), where, _STILL_OPEN
    )
    return _ask(query, parameters, on)


def _core_fields(core: Iterable[str]) -> list[CoreField]:
    wanted = set(core)
    return [field for field in CORE_FIELDS if field.key in wanted]


def answered_leads(answer: Answer) -> list[int]:
    """The ids of those of the leads asked for that are open."""
    ids: list[int] = _numbers(answer[1], ">i8").tolist()
    return ids


def read_leads(answer: Answer, core: Mapping[str, Coder], own: Mapping[str, Coder]) -> Rows:
    """Rows of what `ask_leads` answered. `core` reads raw texts, `own` the JSON of custom fields."""
    count, packed_ids, *packed = answer
    lead_ids = _numbers(packed_ids, ">i8")
    columns: dict[str, Array] = {}
    fields = _core_fields(core)
    for field, column in zip(fields, packed[: len(fields)], strict=True):
        kind = _PACKED_AS.get(field.type)
        columns[field.key] = _numbers(column, kind) if kind else core[field.key].parted(column, _SEPARATOR, count)
    for (key, coder), column in zip(own.items(), packed[len(fields) :], strict=True):
        columns[key] = coder.parted(column, _SEPARATOR, count)
    return Rows(lead_ids, lead_ids, columns)


# --- Cases --------------------------------------------------------------------------------------------------------------


def ask_cases(ids: Sequence[int] | range, fields: Iterable[str], on: Session) -> Answer:
    """These cases with their frozen facts, for `read_cases`."""
    wanted = [
        sql.SQL("count(*)"),
        _packed(sql.SQL("int8send(r.id)")),
        _packed(sql.SQL("int8send(r.lead_id)")),
        _packed(sql.SQL("timestamptz_send(r.decided_at)")),
        _packed(
            sql.SQL(
                "int2send(((CASE WHEN r.has_activity THEN {} ELSE 0 END) + (CASE r.basis WHEN {} THEN {} ELSE 0 END))::int2)"
            ).format(sql.Literal(HAS_ACTIVITY), sql.Literal(str(Basis.DECISION)), sql.Literal(DATED))
        ),
    ]
    wanted += [_joined_text(sql.SQL("(r.facts -> {})::text").format(sql.Literal(key))) for key in fields]
    where, parameters = _where(ids)
    return _ask(sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(wanted), _CASES, where), parameters, on)


def read_cases(answer: Answer, coders: Mapping[str, Coder]) -> Rows:
    """Rows of what `ask_cases` answered."""
    count, *packed = answer
    case_ids, lead_ids, decided, flags = map(_numbers, packed[:4], (">i8", ">i8", ">i8", ">i2"))
    columns = {
        key: coder.parted(column, _SEPARATOR, count) for (key, coder), column in zip(coders.items(), packed[4:], strict=True)
    }
    return Rows(case_ids, lead_ids, columns, decided + SINCE_2000, flags.astype(np.uint8))


OUTCOME_SENT = np.dtype([("id", ">i8"), ("outcome", ">i2"), ("reason", ">i4")])


def read_outcomes(ids: Sequence[int] | range, outcomes: Sequence[str]) -> Array:
    """What became of these cases: `id`, the position of the outcome among `outcomes` (-1: another one), id of the reason or 0."""
    where, parameters = _where(ids)
    (packed,) = _ask(
        sql.SQL(
            "SELECT {} FROM {} LEFT JOIN unnest({}::text[]) WITH ORDINALITY AS o(name, place) ON o.name = r.outcome WHERE {}"
        ).format(
            _packed(
                sql.SQL(
                    "int8send(r.id) || int2send((coalesce(o.place, 0) - 1)::int2) || int4send(coalesce(r.reason_id, 0)::int4)"
                )
            ),
            _CASES,
            sql.Literal(list(outcomes)),
            where,
        ),
        parameters,
    )
    return np.frombuffer(packed or b"", OUTCOME_SENT)


# --- Events -------------------------------------------------------------------------------------------------------------


def read_events(ids: Sequence[int] | range, kinds: Dictionary, on: Session, *, of_cases: bool) -> Array:
    """All events of these rows since their engagement began (type `SENT`), those of the future too; `id` is the row's.

    Of leads in a range those in an open stage are looked at, of leads by id all: the server is not to look for them by stage.
    Kinds met for the first time get a code. Rows without activity history have no events.
    """
    where, parameters = _where(ids)
    source, lead, also = _LEADS, sql.SQL("r.id"), sql.SQL("TRUE").format()
    if of_cases:
        source, lead, also = _CASES, sql.SQL("r.lead_id"), sql.SQL("r.has_activity").format()
    elif isinstance(ids, range):  # said of the events, too, or all of them would be looked at
        also = sql.SQL("{} AND a.lead_id BETWEEN %s AND %s").format(_STILL_OPEN)
        parameters = [*parameters, *parameters]
    matched = sql.SQL(
        "FROM {} JOIN leads_activity AS a ON a.lead_id = {} AND (r.engagement_from IS NULL OR a.occurred_at >= r.engagement_from) "
        "LEFT JOIN unnest({}::text[]) WITH ORDINALITY AS k(kind, place) ON k.kind = a.kind WHERE {} AND {}"
    )
    while True:
        rest = matched.format(source, lead, sql.Literal(kinds.values), where, also)
        (packed,) = _ask(
            sql.SQL("SELECT {} {}").format(
                _packed(
                    sql.SQL(
                        "int8send(r.id) || int2send((coalesce(k.place, 0) - 1)::int2) || timestamptz_send(a.occurred_at) "
                        "|| timestamptz_send(a.known_at) || int4send(coalesce(a.asset_id, 0)::int4) "
                        "|| int4send(coalesce(a.campaign_id, 0)::int4)"
                    )
                ),
                rest,
            ),
            parameters,
            on,
        )
        sent = np.frombuffer(packed or b"", SENT)
        if not (sent["kind"] < 0).any():
            return sent
        # asked apart: next to the packing it would have everything sorted by kind, which takes twice as long
        (fresh,) = _ask(sql.SQL("SELECT array_agg(DISTINCT a.kind) {} AND k.kind IS NULL").format(rest), parameters, on)
        for kind in sorted(fresh or ()):
            kinds.code(kind)


# --- Which rows there are -----------------------------------------------------------------------------------------------


def case_ids() -> Array:
    """The ids of all cases, in order (int64)."""
    return np.sort(_numbers(_ask(sql.SQL("SELECT {} FROM {}").format(_packed(sql.SQL("int8send(r.id)")), _CASES), ())[0], ">i8"))


def open_lead_ids() -> Array:
    """The ids of all leads in an open stage, in order (int64)."""
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(_packed(sql.SQL("int8send(r.id)")), _LEADS, _STILL_OPEN)
    return np.sort(_numbers(_ask(query, ())[0], ">i8"))


def changed_leads(mark: Mark) -> list[int]:
    """Leads whose facts, stage or events were changed by a transaction that is not behind the mark, or that it deleted."""
    return _ids(sql.SQL("SELECT lead_id FROM leads_leadrevision WHERE {}"), ("lead",), mark)


def changed_cases(mark: Mark) -> list[int]:
    """Cases written or deleted by a transaction that is not behind the mark, or whose history it changed."""
    return _ids(sql.SQL("SELECT id FROM leads_case WHERE {}"), ("case", "late"), mark)


def cases_of(lead_ids: Sequence[int], since: Mark) -> list[int]:
    """Cases of these leads that were written by a transaction that is not behind the mark."""
    query = sql.SQL("SELECT array_agg(id) FROM leads_case WHERE {} AND lead_id = ANY(%s)").format(since.is_passed)
    return list(_ask(query, [list(lead_ids)])[0] or ())


def _ids(changed: sql.SQL, noted: Sequence[str], mark: Mark) -> list[int]:
    query = sql.SQL(
        "SELECT array_agg(id) FROM ({} UNION SELECT row_id FROM leads_deletion WHERE {} AND kind = ANY({})) AS found (id)"
    ).format(changed.format(mark.is_passed), mark.is_passed, sql.Literal(list(noted)))
    return list(_ask(query, ())[0] or ())


def database() -> str:
    """Names this database: another one, also one restored from a dump, has another name."""
    name, oid = _ask(
        sql.SQL("SELECT datname::text, oid::bigint FROM pg_database WHERE datname = current_database()").format(), ()
    )
    return f"{name}/{oid}"


def ranges(ids: Array) -> Iterator[range]:
    """Ranges that hold `AT_ONCE` of these ordered ids each."""
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        yield range(int(some[0]), int(some[-1]) + 1)


def known_kinds(kinds: Iterable[str], dictionaries: dict[str, Dictionary]) -> Dictionary:
    """The dictionary of kinds, holding at least these."""
    dictionary = dictionaries.setdefault(KINDS, Dictionary())
    for kind in kinds:
        dictionary.code(kind)
    return dictionary
