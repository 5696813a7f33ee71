"""Reading open leads: what is said of them, and once a company what is said of the companies they work for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql

from leads.choices import SCORED_OPEN, Consent, FieldType
from leads.facts import CORE_FIELDS, CoreField
from leads.lib.numbers import array_text
from leads.models import Lead
from scoring.snapshot.coding import Bundle, Coder, alone
from scoring.snapshot.packing import SINCE, Answer, Session, ask, cleaned, numbers, pack, pack_texts, rows_named
from scoring.snapshot.reading import columns_of, fact
from scoring.snapshot.segment import Array
from scoring.snapshot.shaping import Rows

_OPEN = sorted(str(stage) for stage in SCORED_OPEN)
_JOINED = {"first_campaign": "first_campaign_id", "product_interest": "product_interest_id"}
_COMPANY = "company__"  # paths of the fields that are read once a company
_LEADS = sql.SQL("leads_lead AS r")
_COMPANIES = sql.SQL("leads_company AS company")
_CORE = {field.key: field for field in CORE_FIELDS}
_IN_STAGE = sql.SQL("r.stage = ANY({})")


def _column(field: CoreField) -> sql.Composed:
    relation, _, name = field.path.rpartition("__")
    return sql.SQL("{}.{}").format(sql.Identifier(relation or "r"), sql.Identifier(name))


def _number(field: CoreField) -> sql.Composed:
    """The column of a core field that has no codes, packed. Dates are day numbers in UTC."""
    column = _column(field)
    match field.type:
        case FieldType.NUMBER:
            return pack(sql.SQL("float8send(coalesce({}::float8, 'NaN'))").format(column))
        case FieldType.BOOLEAN:
            return pack(sql.SQL("CASE {} WHEN true THEN '\\x01'::bytea WHEN false THEN '\\x00' ELSE '\\xff' END").format(column))
    day = sql.SQL("({} AT TIME ZONE 'UTC')::date - DATE '1970-01-01'").format(column)
    return pack(sql.SQL("int4send(coalesce({}, -2147483648))").format(day))


def _text(key: str, coder: Coder) -> sql.Composed:
    """A field that has codes, or one of the lead's own, as raw text."""
    field = _CORE.get(key)
    if field is None:
        return fact("attributes", key.partition(".")[2], coder)
    text = _column(field)
    if key == "lead.consent":  # as in `facts_from`: nothing said yet is not known
        text = sql.SQL("nullif({}, {})").format(text, sql.Literal(str(Consent.UNKNOWN)))
    return cleaned(text) if coder.careful else text


_PACKED_AS = {FieldType.NUMBER: ">f8", FieldType.BOOLEAN: ">i1", FieldType.DATE: ">i4"}


def texts_of(coders: Mapping[str, Coder]) -> dict[str, Coder]:
    """The fields whose texts are asked for with a lead: not its company's, nor core numbers."""
    return {key: coder for key, coder in coders.items() if key not in _CORE or not (_is_number(key) or _is_companys(key))}


def _is_number(key: str) -> bool:
    return _CORE[key].type in _PACKED_AS


def _is_companys(key: str) -> bool:
    return _CORE[key].path.startswith(_COMPANY)


def _numbers_of(coders: Mapping[str, Coder], *, company: bool) -> list[CoreField]:
    return [_CORE[key] for key in coders if key in _CORE and _is_number(key) and _is_companys(key) == company]


def ask_leads(
    ids: Sequence[int] | range,
    coders: Mapping[str, Coder],
    bundles: Sequence[Bundle],
    on: Session,
    stages: Sequence[str] = _OPEN,
) -> Answer:
    """These leads as they are now, of those in one of the stages, for `read_leads`. Without what is said of their companies.

    `coders` are those of all fields, `bundles` those of `texts_of` them.
    """
    asked = [_CORE[key].path for one in bundles for key in one.coders if key in _CORE]
    joins = [
        sql.SQL("LEFT JOIN {} AS {} ON {}.id = r.{}").format(
            sql.Identifier(Lead._meta.get_field(name).related_model._meta.db_table),  # type: ignore[union-attr]
            sql.Identifier(name),
            sql.Identifier(name),
            sql.Identifier(foreign),
        )
        for name, foreign in _JOINED.items()
        if any(path.startswith(f"{name}__") for path in asked)
    ]
    wanted = [sql.SQL("count(*)"), pack(sql.SQL("int8send(r.id)")), pack(sql.SQL("int8send(coalesce(r.company_id, 0))"))]
    wanted += [SINCE, *map(_number, _numbers_of(coders, company=False)), *_texts(bundles)]
    where, parameters = rows_named(ids)
    query = sql.SQL("SELECT {} FROM {} {} WHERE {} AND {}").format(
        sql.SQL(", ").join(wanted), _LEADS, sql.SQL(" ").join(joins), where, _IN_STAGE.format(sql.Literal(list(stages)))
    )
    return ask(query, parameters, on)


def _texts(bundles: Iterable[Bundle]) -> list[sql.Composed]:
    return [pack_texts([_text(key, coder) for key, coder in one.coders.items()]) for one in bundles]


def answered_companies(answer: Answer) -> Array:
    """Where those leads work; 0: nowhere."""
    return numbers(answer[2], ">i8")


def read_leads(answer: Answer, coders: Mapping[str, Coder], bundles: Sequence[Bundle], companies: "Companies") -> Rows:
    """Rows of what `ask_leads` answered. Raises `Ambiguous`."""
    count, packed_ids, _, since, *packed = answer
    lead_ids = numbers(packed_ids, ">i8")
    place = companies.places(answered_companies(answer))
    found = _columns(_numbers_of(coders, company=False), bundles, packed, count)
    found |= {key: column[place] for key, column in companies.columns.items()}
    return Rows(lead_ids, lead_ids, {key: found[key] for key in coders}, numbers(since, ">i8"))


def _columns(fields: Sequence[CoreField], bundles: Sequence[Bundle], packed: Sequence[Any], count: int) -> dict[str, Array]:
    found = {field.key: numbers(column, _PACKED_AS[field.type]) for field, column in zip(fields, packed, strict=False)}
    return found | columns_of(bundles, packed[len(fields) :], count)


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


def _about_companies(coders: Mapping[str, Coder]) -> list[Bundle]:
    return alone({key: coder for key, coder in coders.items() if key in _CORE and _is_companys(key) and not _is_number(key)})


def ask_companies(ids: Sequence[int] | None, coders: Mapping[str, Coder], on: Session) -> Answer:
    """These companies, or all, as they are now, for `read_companies`."""
    wanted = [sql.SQL("count(*)"), pack(sql.SQL("int8send(company.id)"))]
    wanted += [*map(_number, _numbers_of(coders, company=True)), *_texts(_about_companies(coders))]
    where = sql.SQL("TRUE") if ids is None else sql.SQL("company.id = ANY(%s::bigint[])")
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(wanted), _COMPANIES, where)
    return ask(query, [] if ids is None else [array_text(ids)], on)


def read_companies(answer: Answer, coders: Mapping[str, Coder]) -> Companies:
    """What `ask_companies` answered. Raises `Ambiguous`."""
    count, packed_ids, *packed = answer
    ids = numbers(packed_ids, ">i8")
    order = np.argsort(ids)
    found = _columns(_numbers_of(coders, company=True), _about_companies(coders), packed, count)
    columns = {key: np.append(column[order], np.array([coders[key].unknown], column.dtype)) for key, column in found.items()}
    return Companies(ids[order], columns)
