"""The intake's statements: each reads or writes any number of rows at once, in one order of tables and keys.

Order: lead rows, companies, lead keys, external ids, activities, their kinds, revisions. Nobody waits for a thing of an earlier kind, and
within a kind all go by ascending key, so intakes at the same time never wait for each other in a circle.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

LEAD_COLUMNS = tuple(
    (
        "id first_name last_name email email_key email_domain email_usable phone phone_e164 job_title seniority department "
        "title_corrected country language company_id first_source first_campaign_id product_interest_id consent consent_at "
        "contactable contact_problem attributes field_times stage stage_since stage_reason return_on owner_id engagement_from "
        "folded sort_name search created_at updated_at"
    ).split()
)
COMPANY_COLUMNS = tuple(
    "id name name_key domain industry employees revenue country is_customer is_competitor folded created_at updated_at".split()
)
SUBMISSION_COLUMNS = tuple(
    "id channel kind source campaign_id lead_id received_at raw status problems import_run_id line api_key_id".split()
)
EXTERNAL_COLUMNS = tuple("lead_id system value".split())
ACTIVITY_COLUMNS = tuple("lead_id kind asset_id campaign_id occurred_at recorded_at known_at properties source source_id".split())

_LOCK_PHONES = """
SELECT pg_advisory_xact_lock(7201, bucket)
  FROM (SELECT DISTINCT bucket FROM unnest(%s::int[]) AS bucket ORDER BY bucket) AS wanted
"""
_FIND = """
SELECT 'email', email_key, '', id FROM leads_lead WHERE email_key = ANY(%s::text[]) AND email_key <> ''
UNION ALL
SELECT 'external', system, value, lead_id FROM leads_externalid WHERE system = ANY(%s::text[]) AND value = ANY(%s::text[])
UNION ALL
SELECT 'phone', phone_e164, '', id FROM leads_lead WHERE phone_e164 = ANY(%s::text[]) AND phone_e164 <> ''
UNION ALL
SELECT 'id', '', '', id FROM leads_lead WHERE id = ANY(%s::bigint[])
"""
_LOCK_LEADS = """
SELECT id, first_name, last_name, email, email_key, email_domain, email_usable, phone, phone_e164, job_title, seniority,
       department, title_corrected, country, language, company_id, first_source, first_campaign_id, product_interest_id,
       consent, consent_at, contactable, contact_problem, attributes, field_times, stage, stage_since, stage_reason,
       return_on, owner_id, engagement_from, folded, sort_name, search, created_at, updated_at
  FROM leads_lead WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_FIND_COMPANIES = """
SELECT id, name, name_key, domain, industry, employees, revenue, country, is_customer, is_competitor, folded, created_at,
       updated_at
  FROM leads_company WHERE domain = ANY(%s::text[]) AND domain <> ''
UNION
SELECT id, name, name_key, domain, industry, employees, revenue, country, is_customer, is_competitor, folded, created_at,
       updated_at
  FROM leads_company WHERE name_key = ANY(%s::text[]) AND name_key <> ''
UNION
SELECT id, name, name_key, domain, industry, employees, revenue, country, is_customer, is_competitor, folded, created_at,
       updated_at
  FROM leads_company WHERE id = ANY(%s::bigint[])
ORDER BY id
"""
_LOCK_COMPANIES = """
SELECT id, name, name_key, domain, industry, employees, revenue, country, is_customer, is_competitor, folded, created_at,
       updated_at
  FROM leads_company WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_RESERVE = """
SELECT 'lead', nextval('leads_lead_id_seq') FROM generate_series(1, %s)
UNION ALL SELECT 'company', nextval('leads_company_id_seq') FROM generate_series(1, %s)
UNION ALL SELECT 'submission', nextval('leads_submission_id_seq') FROM generate_series(1, %s)
"""
_UPDATE_LEADS = """
UPDATE leads_lead AS l SET
    first_name = v.first_name, last_name = v.last_name, email = v.email, email_key = v.email_key, email_domain = v.email_domain,
    email_usable = v.email_usable, phone = v.phone, phone_e164 = v.phone_e164, job_title = v.job_title, seniority = v.seniority,
    department = v.department, title_corrected = v.title_corrected, country = v.country, language = v.language,
    company_id = v.company_id, first_source = v.first_source, first_campaign_id = v.first_campaign_id,
    product_interest_id = v.product_interest_id, consent = v.consent, consent_at = v.consent_at, contactable = v.contactable,
    contact_problem = v.contact_problem, attributes = v.attributes, field_times = v.field_times, stage = v.stage,
    stage_since = v.stage_since, stage_reason = v.stage_reason, folded = v.folded, sort_name = v.sort_name, search = v.search,
    updated_at = v.updated_at
FROM jsonb_to_recordset(%s::jsonb) AS v(
    id bigint, first_name text, last_name text, email text, email_key text, email_domain text, email_usable boolean, phone text,
    phone_e164 text, job_title text, seniority text, department text, title_corrected boolean, country text, language text,
    company_id bigint, first_source text, first_campaign_id bigint, product_interest_id bigint, consent text,
    consent_at timestamptz,
    contactable boolean, contact_problem text, attributes jsonb, field_times jsonb, stage text, stage_since timestamptz,
    stage_reason text, folded jsonb, sort_name text, search text, updated_at timestamptz)
WHERE l.id = v.id
"""
_UPDATE_COMPANIES = """
UPDATE leads_company AS c SET
    name = v.name, name_key = v.name_key, domain = v.domain, industry = v.industry, employees = v.employees, revenue = v.revenue,
    country = v.country, is_customer = v.is_customer, is_competitor = v.is_competitor, folded = v.folded,
    updated_at = v.updated_at
FROM jsonb_to_recordset(%s::jsonb) AS v(
    id bigint, name text, name_key text, domain text, industry text, employees int, revenue numeric, country text,
    is_customer boolean, is_competitor boolean, folded jsonb, updated_at timestamptz)
WHERE c.id = v.id
"""
_LEADS_OF_COMPANIES = "SELECT id FROM leads_lead WHERE company_id = ANY(%s::bigint[])"
_FIRST_OF_KINDS = """
INSERT INTO leads_activitykind (key, since) SELECT key, %s FROM unnest(%s::text[]) AS key ORDER BY key
ON CONFLICT DO NOTHING RETURNING key
"""
_KNOWN_ACTIVITIES = """
SELECT source, source_id, lead_id FROM leads_activity
 WHERE source = ANY(%s::text[]) AND source_id = ANY(%s::text[]) AND source_id <> ''
"""

Row = dict[str, Any]


def lock_phones(buckets: Iterable[int]) -> None:
    """Let one intake at a time decide who is behind numbers in these buckets: no constraint can say it."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PHONES, [list(buckets)])


def find_leads(
    emails: Sequence[str], externals: Sequence[tuple[str, str]], phones: Sequence[str], ids: Sequence[int] = ()
) -> list[tuple[str, str, str, int]]:
    """(by what, key, second key, lead id) of the leads that have these keys."""
    wanted = set(externals)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [list(emails), *_apart(externals), list(phones), list(ids)])
        return [hit for hit in cursor.fetchall() if hit[0] != "external" or hit[1:3] in wanted]


def _apart(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The first parts and the second parts, each once: an index finds them, and a few pairs more, where a join would scan."""
    return sorted({first for first, _ in pairs}), sorted({second for _, second in pairs})


def lock_leads(ids: Iterable[int]) -> list[Row]:
    """These leads as they are, locked against other writers, by ascending id."""
    wanted = sorted(set(ids))
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_LEADS, [wanted])
        rows = [dict(zip(LEAD_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        for name in ("attributes", "field_times", "folded"):
            row[name] = json.loads(row[name])
    return rows


def find_companies(domains: Sequence[str], name_keys: Sequence[str], ids: Sequence[int] = ()) -> list[Row]:
    """Companies with these domains, names or ids, by ascending id."""
    if not domains and not name_keys and not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_FIND_COMPANIES, [list(domains), list(name_keys), list(ids)])
        return _companies(cursor.fetchall())


def lock_companies(ids: Iterable[int]) -> list[Row]:
    """These companies as they are, locked, by ascending id."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_COMPANIES, [sorted(set(ids))])
        return _companies(cursor.fetchall())


def _companies(rows: Iterable[Sequence[Any]]) -> list[Row]:
    found = [dict(zip(COMPANY_COLUMNS, row, strict=True)) for row in rows]
    for row in found:
        row["folded"] = json.loads(row["folded"])
    return found


def reserve(leads: int, companies: int, submissions: int) -> tuple[list[int], list[int], list[int]]:
    """So many new ids of each table, ascending."""
    ids: dict[str, list[int]] = {"lead": [], "company": [], "submission": []}
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [leads, companies, submissions])
        for table, value in cursor.fetchall():
            ids[table].append(value)
    return ids["lead"], ids["company"], ids["submission"]


def update_leads(rows: Sequence[Row]) -> None:
    """Write back leads that are locked."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE_LEADS, [json.dumps(rows, default=str)])


def update_companies(rows: Sequence[Row]) -> None:
    """Write back companies that are locked."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE_COMPANIES, [json.dumps(rows, default=str)])


def leads_of_companies(ids: Iterable[int]) -> list[int]:
    """Ids of all leads of these companies."""
    with connection.cursor() as cursor:
        cursor.execute(_LEADS_OF_COMPANIES, [list(ids)])
        return [pk for (pk,) in cursor.fetchall()]


def known_activities(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Which of these (source, source id) are stored already, and the lead each is of."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_ACTIVITIES, list(_apart(keys)))
        wanted = set(keys)
        return {(source, source_id): lead for source, source_id, lead in cursor.fetchall() if (source, source_id) in wanted}


def first_of_kinds(kinds: Sequence[str], at: datetime) -> frozenset[str]:
    """Remember these kinds of activity; answers those that no lead ever had."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_OF_KINDS, [at, list(kinds)])
        return frozenset(kind for (kind,) in cursor.fetchall())


def as_json(value: Mapping[str, object] | Sequence[object]) -> str:
    """JSON text for a column written by `copy`."""
    return json.dumps(value, default=str, separators=(",", ":"))
