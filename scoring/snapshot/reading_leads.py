"""Reading open leads: what is said of them, and once a company what is said of the companies they work for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql

from leads.choices import SCORED_OPEN, Consent, FieldType
from leads.facts import CORE_FIELDS, CoreField
from leads.models import Lead
from scoring.snapshot.coding import Coder
from scoring.snapshot.packing import SEPARATOR, SINCE, Answer, Session, ask, numbers, pack, pack_text, rows_named
from scoring.snapshot.segment import Array
from scoring.snapshot.shaping import Rows

_OPEN = sorted(str(stage) for stage in SCORED_OPEN)
_JOINED = {"first_campaign": "first_campaign_id", "product_interest": "product_interest_id"}
_COMPANY = "company__"  # paths of the fields that are read once a company
_LEADS = sql.SQL("leads_lead AS r")
_COMPANIES = sql.SQL("leads_company AS company")
_IN_STAGE = sql.SQL("r.stage = ANY({})")


def _core(field: CoreField) -> sql.Composed:
    """The column of a core field, packed: as raw text for what has codes, else as its number. Dates are day numbers in UTC."""
    relation, _, name = field.path.rpartition("__")
    column = sql.SQL("{}.{}").format(sql.Identifier(relation or "r"), sql.Identifier(name))
    match field.type:
        case FieldType.NUMBER:
            return pack(sql.SQL("float8send(coalesce({}::float8, 'NaN'))").format(column))
        case FieldType.BOOLEAN:
            return pack(sql.SQL("CASE {} WHEN true THEN '\\x01'::bytea WHEN false THEN '\\x00' ELSE '\\xff' END").format(column))
        case FieldType.DATE:
            day = sql.SQL("({} AT TIME ZONE 'UTC')::date - DATE '1970-01-01'").format(column)
            return pack(sql.SQL("int4send(coalesce({}, -2147483648))").format(day))
    text = sql.SQL("replace({}, {}, ' ')").format(column, sql.Literal(SEPARATOR))
    if field.key == "lead.consent":  # as in `facts_from`: nothing said yet is not known
        text = sql.SQL("nullif({}, {})").format(column, sql.Literal(str(Consent.UNKNOWN)))
    return pack_text(text)


_PACKED_AS = {FieldType.NUMBER: ">f8", FieldType.BOOLEAN: ">i1", FieldType.DATE: ">i4"}


def ask_leads(
    ids: Sequence[int] | range, core: Iterable[str], own: Iterable[str], on: Session, stages: Sequence[str] = _OPEN
) -> Answer:
    """These leads as they are now, of those in one of the stages, for `read_leads`. Without what is said of their companies."""
    fields = [field for field in _core_fields(core) if not field.path.startswith(_COMPANY)]
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
    wanted = [sql.SQL("count(*)"), pack(sql.SQL("int8send(r.id)")), pack(sql.SQL("int8send(coalesce(r.company_id, 0))"))]
    wanted += [SINCE, *(_core(field) for field in fields)]
    wanted += [pack_text(sql.SQL("(r.attributes -> {})::text").format(sql.Literal(key.partition(".")[2]))) for key in own]
    where, parameters = rows_named(ids)
    query = sql.SQL("SELECT {} FROM {} {} WHERE {} AND {}").format(
        sql.SQL(", ").join(wanted), _LEADS, sql.SQL(" ").join(joins), where, _IN_STAGE.format(sql.Literal(list(stages)))
    )
    return ask(query, parameters, on)


def _core_fields(core: Iterable[str]) -> list[CoreField]:
    wanted = set(core)
    return [field for field in CORE_FIELDS if field.key in wanted]


def answered_leads(answer: Answer) -> list[int]:
    """The ids of those of the leads asked for that are open."""
    ids: list[int] = numbers(answer[1], ">i8").tolist()
    return ids


def answered_companies(answer: Answer) -> Array:
    """Where those leads work; 0: nowhere."""
    return numbers(answer[2], ">i8")


def read_leads(answer: Answer, core: Mapping[str, Coder], own: Mapping[str, Coder], companies: "Companies") -> Rows:
    """Rows of what `ask_leads` answered. `core` reads raw texts, `own` the JSON of custom fields."""
    count, packed_ids, _, since, *packed = answer
    lead_ids = numbers(packed_ids, ">i8")
    fields = _core_fields(core)
    mine = [field for field in fields if not field.path.startswith(_COMPANY)]
    place = companies.places(answered_companies(answer))
    read = _columns(mine, packed[: len(mine)], core, count) | {key: column[place] for key, column in companies.columns.items()}
    columns = {field.key: read[field.key] for field in fields}
    for (key, coder), column in zip(own.items(), packed[len(mine) :], strict=True):
        columns[key] = coder.parted(column, SEPARATOR, count)
    return Rows(lead_ids, lead_ids, columns, numbers(since, ">i8"))


def _columns(fields: Sequence[CoreField], packed: Sequence[Any], core: Mapping[str, Coder], count: int) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for field, column in zip(fields, packed, strict=True):
        kind = _PACKED_AS.get(field.type)
        found[field.key] = numbers(column, kind) if kind else core[field.key].parted(column, SEPARATOR, count)
    return found


@dataclass(frozen=True, slots=True)
class Companies:
    """What is said of companies, one entry each and a last one for leads that work nowhere."""

    ids: Array
    columns: Mapping[str, Array]

    def places(self, wanted: Array) -> Array:
        """Where these are; the last place for those that are not there."""
        if not len(self.ids):
            return np.zeros(len(wanted), np.int64)
        place = np.searchsorted(self.ids, wanted)
        place[self.ids[np.minimum(place, len(self.ids) - 1)] != wanted] = len(self.ids)
        return place


def ask_companies(ids: Sequence[int] | None, core: Iterable[str], on: Session) -> Answer:
    """These companies, or all, as they are now, for `read_companies`."""
    wanted = [sql.SQL("count(*)"), pack(sql.SQL("int8send(company.id)"))]
    wanted += [_core(field) for field in _company_fields(core)]
    where = sql.SQL("TRUE") if ids is None else sql.SQL("company.id = ANY(%s)")
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(wanted), _COMPANIES, where)
    return ask(query, [] if ids is None else [list(ids)], on)


def read_companies(answer: Answer, core: Mapping[str, Coder]) -> Companies:
    """What `ask_companies` answered."""
    count, packed_ids, *packed = answer
    ids = numbers(packed_ids, ">i8")
    order = np.argsort(ids)
    columns = {}
    for key, column in _columns(_company_fields(core), packed, core, count).items():
        columns[key] = np.append(column[order], np.array([core[key].unknown], column.dtype))
    return Companies(ids[order], columns)


def _company_fields(core: Iterable[str]) -> list[CoreField]:
    return [field for field in _core_fields(core) if field.path.startswith(_COMPANY)]
