"""What is known of a lead, by registry key: the one list of core fields for criteria, cases, packets and exports.

Keys are `lead.<name>`, `company.<name>` and, for a company's own fields, `custom.<key>`. Facts are plain JSON values;
what is not known is absent. Names, addresses and phone numbers are no facts of this kind.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import ForeignKey
from psycopg import sql

from leads.choices import Consent, ContactProblem, Department, FieldType, Seniority
from leads.lib.numbers import array_text
from leads.models import Lead


@dataclass(frozen=True, slots=True)
class CoreField:
    """A built-in field; `path` leads from `Lead` to its column."""

    key: str
    label: str
    type: FieldType
    path: str
    choices: tuple[tuple[str, str], ...] = ()


def _choices(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(label)) for key, label in pairs)


CORE_FIELDS: tuple[CoreField, ...] = (
    CoreField("lead.job_title", "Job title", FieldType.TEXT, "job_title"),
    CoreField("lead.seniority", "Seniority", FieldType.CHOICE, "seniority", _choices(*Seniority.choices)),
    CoreField("lead.department", "Department", FieldType.CHOICE, "department", _choices(*Department.choices)),
    CoreField("lead.country", "Country", FieldType.TEXT, "country"),
    CoreField("lead.language", "Language", FieldType.TEXT, "language"),
    CoreField("lead.email_domain", "E-mail domain", FieldType.TEXT, "email_domain"),
    CoreField("lead.email_usable", "E-mail usable", FieldType.BOOLEAN, "email_usable"),
    CoreField("lead.contactable", "Contactable", FieldType.BOOLEAN, "contactable"),
    CoreField("lead.contact_problem", "Contact problem", FieldType.CHOICE, "contact_problem", _choices(*ContactProblem.choices)),
    CoreField(
        "lead.consent",
        "Consent",
        FieldType.CHOICE,
        "consent",
        _choices(*((c.value, c.label) for c in Consent if c != Consent.UNKNOWN)),
    ),
    CoreField("lead.first_source", "First source", FieldType.TEXT, "first_source"),
    CoreField("lead.first_campaign", "First campaign", FieldType.TEXT, "first_campaign__name"),
    CoreField("lead.product_interest", "Product interest", FieldType.TEXT, "product_interest__key"),
    CoreField("lead.created_at", "Came in on", FieldType.DATE, "created_at"),
    CoreField("company.name", "Company", FieldType.TEXT, "company__name"),
    CoreField("company.domain", "Company domain", FieldType.TEXT, "company__domain"),
    CoreField("company.industry", "Industry", FieldType.TEXT, "company__industry"),
    CoreField("company.employees", "Employees", FieldType.NUMBER, "company__employees"),
    CoreField("company.revenue", "Yearly revenue", FieldType.NUMBER, "company__revenue"),
    CoreField("company.country", "Company country", FieldType.TEXT, "company__country"),
    CoreField("company.is_customer", "Is a customer", FieldType.BOOLEAN, "company__is_customer"),
    CoreField("company.is_competitor", "Is a competitor", FieldType.BOOLEAN, "company__is_competitor"),
)

_KEYS = tuple(field.key for field in CORE_FIELDS)


def _plain(value: object) -> object:
    """A JSON value; None where nothing is known."""
    if value is None or value == "":
        return None
    if isinstance(value, (str, int)):  # most are; a union of types is asked more slowly
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def facts_from(values: Iterable[object], attributes: Mapping[str, object], keys: Sequence[str] = _KEYS) -> dict[str, object]:
    """The facts made of core values, in the order of `keys`, which are all, and the lead's own fields."""
    facts = {key: plain for key, value in zip(keys, values, strict=True) if (plain := _plain(value)) is not None}
    if facts.get("lead.consent") == Consent.UNKNOWN:
        del facts["lead.consent"]
    facts.update({f"custom.{key}": value for key, value in attributes.items() if value is not None and value != ""})
    return facts


FactRow = tuple[int, dict[str, object], datetime | None, tuple[object, ...]]
"""A lead's id, own fields, start of engagement and core values."""


@lru_cache(maxsize=64)
def _statement(keys: tuple[str, ...]) -> sql.Composed:
    # Made once: to have the ORM work it out takes longer than a lead's row to read.
    paths = [field.path.rpartition("__") for field in CORE_FIELDS if field.key in keys]
    columns = [sql.Identifier(relation or "lead", name) for relation, _, name in paths]
    joins = [
        sql.SQL("LEFT JOIN {table} AS {relation} ON {relation}.id = lead.{column}").format(
            table=sql.Identifier(field.related_model._meta.db_table),
            relation=sql.Identifier(relation),
            column=sql.Identifier(field.column),
        )
        for relation in sorted({relation for relation, _, _ in paths if relation})
        if isinstance(field := Lead._meta.get_field(relation), ForeignKey)
    ]
    wanted = sql.SQL(", ").join([*map(sql.SQL, ("lead.id", "lead.attributes", "lead.engagement_from")), *columns])
    return sql.SQL("SELECT {} FROM leads_lead AS lead {} WHERE lead.id = ANY(%s::bigint[])").format(
        wanted, sql.SQL(" ").join(joins)
    )


def core_keys(wanted: Collection[str] | None) -> tuple[str, ...]:
    """The keys of the core fields among these, in the order of `CORE_FIELDS`; of all with None."""
    return _KEYS if wanted is None else tuple(key for key in _KEYS if key in wanted)


def fact_question(lead_ids: Iterable[int], keys: tuple[str, ...] = _KEYS) -> tuple[sql.Composed, list[Any]]:
    """The statement that asks for the facts of these leads, or for some as `core_keys` names them, and its parameters; its rows are
    read by `fact_row`.
    """
    return _statement(keys), [array_text(lead_ids)]


def fact_row(row: Sequence[Any]) -> FactRow:
    pk, attributes, engagement_from, *values = row
    return pk, json.loads(attributes) if isinstance(attributes, str) else attributes or {}, engagement_from, tuple(values)


def fact_rows(lead_ids: Iterable[int]) -> list[FactRow]:
    """The rows of these leads that exist. One query."""
    with connection.cursor() as cursor:
        statement, parameters = fact_question(lead_ids)
        cursor.execute(sql.SQL("{}").format(statement), parameters)
        return [fact_row(row) for row in cursor.fetchall()]


def facts_of(lead_ids: Iterable[int]) -> dict[int, dict[str, object]]:
    """The facts of these leads as they are now, by lead id; leads that do not exist are left out. One query."""
    return {pk: facts_from(values, attributes) for pk, attributes, _, values in fact_rows(lead_ids)}
