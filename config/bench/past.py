"""A made-up past for the scoring benchmark: leads, what they did and what became of them, written by the server in few statements.

The same seed makes the same rows. Titles and kinds are skewed, activity is lognormal, facts are missing here and there, one
hidden quality moves titles, activity and outcomes, and won leads go on to start trials after the decision: a leak to be missed.
"""

from datetime import datetime

from django.db import connection

from leads.models import LeadField

FIELDS = {
    "segment": ("choice", ["small", "middle", "large"]),
    "wants": ("multi", ["api", "sso", "audit", "support"]),
    "seats": ("number", []),
    "pilot": ("boolean", []),
    "renewal": ("date", []),
    "note": ("text", []),
}

_PAST = """
    CREATE TEMP TABLE bench_firm AS SELECT i AS id,
        floor(exp(3.2 + 1.7 * sqrt(-2 * ln(greatest(random(), 1e-12))) * cos(2 * pi() * random())))::int AS employees,
        random() AS a, random() AS b, random() AS c FROM generate_series(1, greatest(%(leads)s / 5, 1)) i;
    INSERT INTO leads_company (id, name, name_key, domain, industry, employees, revenue, country, is_customer, is_competitor,
        folded, created_at, updated_at)
    SELECT id, 'Firm ' || id, 'firm ' || id, 'firm' || id || '.test', 'Industry ' || floor(exp(a * ln(40)))::int,
        CASE WHEN b < 0.85 THEN employees END, CASE WHEN b > 0.4 THEN employees * 90000::bigint END,
        (ARRAY['DE', 'AT', 'CH', 'FR', 'NL', 'US', 'PL', ''])[1 + floor(c * 8)::int], b < 0.04, b > 0.98,
        '{}', %(now)s::timestamptz - interval '3 years', %(now)s::timestamptz
    FROM bench_firm ORDER BY id;
    CREATE TEMP TABLE bench_person AS SELECT i AS id, random() AS quality, random() AS a, random() AS b, random() AS c,
        random() AS d, random() AS e, random() AS f, random() AS g, sqrt(-2 * ln(greatest(random(), 1e-12))) * cos(2 * pi() * random()) AS z,
        1 + floor(random() * greatest(%(leads)s / 5, 1))::int AS firm, (%(now)s::timestamptz - random() * interval '400 days') AS decided
    FROM generate_series(1, %(leads)s) i;
    ALTER TABLE bench_person ADD COLUMN outcome text, ADD COLUMN attributes jsonb, ADD COLUMN title text, ADD COLUMN seniority text;
    UPDATE bench_person SET
        outcome = CASE WHEN a > 0.45 THEN NULL WHEN b * 0.6 + quality * 0.4 > 0.72 THEN 'won' WHEN b > 0.9 THEN 'working'
            WHEN c < 0.45 THEN 'lost' ELSE 'rejected' END,
        title = CASE WHEN c < 0.06 THEN '' ELSE CASE WHEN quality + d > 1.35 THEN 'Director ' WHEN d < 0.08 THEN 'Intern ' ELSE '' END
            || 'of area ' || floor(exp(e * ln(3000)))::int END,
        seniority = CASE WHEN quality + d > 1.35 THEN 'director' WHEN d < 0.08 THEN 'intern' WHEN d < 0.5 THEN 'staff' ELSE '' END,
        attributes = jsonb_strip_nulls(jsonb_build_object(
            'segment', CASE WHEN d < 0.8 THEN (ARRAY['small', 'middle', 'large'])[1 + floor((quality + e) * 1.5)::int] END,
            'wants', CASE WHEN e < 0.6 THEN (ARRAY['["api"]', '["sso", "api"]', '["audit"]', '[]'])[1 + floor(f * 4)::int]::jsonb END,
            'seats', CASE WHEN f < 0.7 THEN floor(1 + quality * 200 * g)::int END,
            'pilot', CASE WHEN g < 0.5 THEN quality > 0.6 END,
            'renewal', CASE WHEN b < 0.4 THEN to_char(%(now)s::timestamptz + (c - 0.5) * interval '400 days', 'YYYY-MM-DD') END,
            'note', CASE WHEN c > 0.7 THEN 'Wants ' || floor(exp(g * ln(500)))::int END));
    INSERT INTO leads_lead (id, first_name, last_name, email, email_key, email_domain, email_usable, phone, phone_e164, job_title,
        seniority, department, title_corrected, country, language, company_id, first_source, consent, contactable, contact_problem,
        attributes, field_times, stage, stage_since, stage_reason, folded, sort_name, search, created_at, updated_at)
    SELECT id, 'Ivy', 'Person ' || id, 'p' || id || '@firm' || firm || '.test', 'p' || id || '@firm' || firm || '.test',
        CASE WHEN g < 0.2 THEN 'gmail.com' ELSE 'firm' || firm || '.test' END, true, '', '', title, seniority, '', false,
        (ARRAY['DE', 'AT', 'CH', 'FR', 'NL', 'US', 'PL', ''])[1 + floor(f * 8)::int], '', firm,
        (ARRAY['Website', 'Paid search', 'Trade show', 'Bought list', 'Partner'])[1 + floor(g * 5)::int], 'unknown', f > 0.02,
        CASE WHEN f > 0.02 THEN '' ELSE 'bad_email' END,
        attributes, '{}', CASE WHEN outcome IN ('won', 'lost') THEN outcome WHEN f > 0.02 THEN 'prospect' ELSE 'inquiry' END, decided, '', '{}',
        'person ' || id, 'person ' || id, decided - interval '60 days', decided
    FROM bench_person ORDER BY id;
INSERT INTO leads_leadrevision (lead_id, rev, txid) SELECT id, 1, txid_current() FROM bench_person ORDER BY id;
    INSERT INTO leads_activity (lead_id, kind, asset_id, campaign_id, occurred_at, recorded_at, known_at, properties, source, source_id)
    SELECT p.id, (ARRAY['page_view', 'email_open', 'product_view', 'pricing_view', 'whitepaper', 'webinar_attended', 'ebook',
            'demo_request'])[least(8, 1 + floor(exp(r * ln(9)) - 1)::int)], NULL, NULL, at, at, at, '{}', 'bench', ''
    FROM bench_person p, LATERAL (
        SELECT random() AS r, p.decided + interval '25 days' - random() * interval '200 days' AS at
        FROM generate_series(1, least(60, floor(exp(0.95 + 0.5 * p.quality + 0.85 * p.z) + 0.5)::int))
    ) done WHERE at <= %(now)s::timestamptz;
    INSERT INTO leads_activity (lead_id, kind, asset_id, campaign_id, occurred_at, recorded_at, known_at, properties, source, source_id)
    SELECT id, 'trial_started', NULL, NULL, at, at, at, '{}', 'bench', ''
    FROM bench_person, LATERAL (SELECT decided + interval '1 day' + g * interval '20 days' AS at) done WHERE outcome = 'won' AND f < 0.8;
    INSERT INTO leads_case (lead_id, kind, decided_at, facts, basis, has_activity, outcome, outcome_at)
    SELECT p.id, 'decision', p.decided, jsonb_strip_nulls(jsonb_build_object('lead.job_title', nullif(p.title, ''),
            'lead.seniority', nullif(p.seniority, ''), 'lead.email_domain', l.email_domain, 'lead.country', nullif(l.country, ''),
            'lead.first_source', l.first_source, 'company.employees', c.employees, 'company.industry', c.industry,
            'company.country', nullif(c.country, ''), 'company.is_customer', c.is_customer, 'company.is_competitor', c.is_competitor))
        || (SELECT coalesce(jsonb_object_agg('custom.' || key, value), '{}') FROM jsonb_each(p.attributes)),
        CASE WHEN p.e < 0.1 THEN 'import' ELSE 'decision' END, p.e >= 0.1, p.outcome, p.decided
    FROM bench_person p JOIN leads_lead l USING (id) JOIN leads_company c ON c.id = p.firm WHERE p.outcome IS NOT NULL
    ORDER BY p.decided;
DROP TABLE bench_person, bench_firm;
SELECT setval('leads_lead_id_seq', %(leads)s), setval('leads_company_id_seq', greatest(%(leads)s / 5, 1))
"""


def make_past(leads: int, now: datetime, seed: int) -> None:
    """Fill an empty database with so many leads, about five activities each, and a decision about 45 % of them."""
    for position, (key, (kind, choices)) in enumerate(FIELDS.items()):
        LeadField.objects.create(key=key, label=key.title(), type=kind, choices=choices, position=position)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(%s)", [seed % 1000 / 1000])
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # random() answers in the order of rows
        cursor.execute(_PAST, {"leads": leads, "now": now})
        cursor.execute("RESET max_parallel_workers_per_gather")
        cursor.execute("VACUUM ANALYZE")
