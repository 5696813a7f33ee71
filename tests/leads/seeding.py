"""Many believable leads at once, written by the database itself: for tests of speed and for looking at full pages."""
# ruff: noqa: E501 - the statements read best as they are

from django.db import connection

_COMPANIES = """
INSERT INTO leads_company (name, name_key, domain, industry, employees, country, is_customer, is_competitor, folded, created_at)
SELECT name, lower(name), 'company' || n || '.example', industry, employees, country, n %% 37 = 0, n %% 91 = 0,
       jsonb_build_object('name', ' ' || lower(name) || ' ', 'industry', ' ' || lower(industry) || ' '),
       timestamptz '2024-01-01 09:00+00' + n * interval '1 minute'
FROM (
    SELECT n,
           (array['Northwind','Pine Harbor','Quillon','Vantage','Ironbridge','Larkspur','Cobalt','Meridian','Osprey','Brightwater','Halden',
                  'Jasper','Inkwell','Hollow Oak','Granite','Foundry','Evergreen','Dovetail','Copperline','Sundial'])[1 + n * 7 %% 20] || ' ' ||
           (array['Freight','Bank','Foods','Rail','Steel','Retail','Energy','Labs','Analytics','Clinics','Robotics','Mining','Media'])[1 + n * 11 %% 13]
           || ' ' || n AS name,
           (array['Logistics','Banking','Food','Transport','Manufacturing','Retail','Energy','Healthcare','Software'])[1 + n %% 9] AS industry,
           (array[12,45,120,260,480,900,2400,11000])[1 + n %% 8] AS employees,
           (array['DE','NL','FR','GB','US','AT','CH','PL'])[1 + n %% 8] AS country
    FROM generate_series(1, %s) AS n
) AS made
"""

_LEADS = """
INSERT INTO leads_lead (
    first_name, last_name, email, email_key, email_domain, email_usable, phone, phone_e164, job_title, seniority, department,
    title_corrected, country, language, company_id, first_source, first_campaign_id, product_interest_id, consent, consent_at, contactable,
    contact_problem, attributes, field_times, stage, stage_since, stage_reason, return_on, owner_id, engagement_from, folded, sort_name,
    search, created_at, updated_at
)
SELECT first, last, mail, mail, 'company' || (n / 4 + 1) || '.example', n %% 25 <> 0, '+49 30 ' || 1000000 + n, '+4930' || 1000000 + n,
       title, seniority, department, false, company.country, 'en', company.id, source, NULL, NULL,
       (array['unknown','given','refused'])[1 + n %% 3], NULL, n %% 25 <> 0, CASE WHEN n %% 25 = 0 THEN 'bad_email' ELSE '' END,
       jsonb_build_object('plan', (array['Basic','Team','Enterprise'])[1 + n %% 3], 'seats', n %% 500),
       '{}'::jsonb, CASE WHEN n %% 25 = 0 THEN 'inquiry' ELSE stage END, created, '', NULL,
       (%s::bigint[])[1 + n %% (5 * array_length(%s::bigint[], 1))], NULL,
       jsonb_build_object('job_title', ' ' || lower(title) || ' '), lower(last || ' ' || first),
       lower(first || ' ' || last) || ' ' || replace(replace(mail, '@', ' '), '.', ' ') || ' ' || company.name_key || ' ' || lower(title),
       created, created
FROM (
    SELECT n, first, last, lower(first) || '.' || replace(replace(lower(last), ' ', ''), '''', '') || n || '@company' || (n / 4 + 1) || '.example' AS mail,
           (array['Procurement lead','Plant director','IT manager','CMO','VP operations','Head of RevOps','Founder','Chief executive',
                  'Data analyst','Security engineer','Logistics planner'])[1 + n * 5 %% 11] AS title,
           (array['manager','director','manager','c_level','vp','director','owner','c_level','staff','staff','staff'])[1 + n * 5 %% 11] AS seniority,
           (array['purchasing','operations','it','marketing','operations','sales','executive','executive','it','it',
                  'operations'])[1 + n * 5 %% 11] AS department,
           (array['Demo request','Webinar','E-book','Trade show','Partner','Paid search','Website'])[1 + n * 3 %% 7] AS source,
           (array['inquiry','prospect','prospect','prospect','prospect','mql','sal','sql','won','lost','recycled','disqualified',
                  'rejected'])[1 + n * 17 %% 13] AS stage,
           timestamptz '2026-11-21 16:00+00' - (n * interval '31536000 seconds' / %s) AS created
    FROM (
        SELECT n, (array['Ivy','Priya','Tom','Sara','Noah','Raj','Ana','Ken','Jonas','Omar','Luis','Mei','Greta','Zoë','Björn','Chloé',
                         'Łukasz','Aylin','Mateus','Sofia'])[1 + n * 13 %% 20] AS first,
               (array['Okafor','Fischer','Haddad','Lindqvist','Novak','Kim','Tan','Patel','Weber','Marsh','Brandt','Silva','Müller','Çelik',
                      'O''Neill','García','Dubois','Rossi','Nowak','van der Berg','Schmidt','Ahmed','Larsen'])[1 + n * 29 %% 23] AS last
        FROM generate_series(1, %s) AS n
    ) AS named
) AS made
JOIN leads_company company ON company.domain = 'company' || (n / 4 + 1) || '.example'
"""

_REVISIONS = (
    "INSERT INTO leads_leadrevision (lead_id, rev, txid) SELECT id, 1, txid_current() FROM leads_lead ON CONFLICT DO NOTHING"
)

_ACTIVITIES = """
INSERT INTO leads_activity (lead_id, kind, occurred_at, recorded_at, known_at, properties, source, source_id)
SELECT id, (array['page_view','pricing_view','ebook','webinar_attended','demo_request','email_click'])[1 + (id + n) %% 6],
       created_at + n * interval '7 hours', created_at + n * interval '7 hours', created_at + n * interval '7 hours', '{}', 'web', ''
FROM leads_lead, generate_series(1, %s) AS n
"""


def seed(leads: int, *, owners: list[int], activities: int = 0) -> None:
    """`leads` leads over the past year with a company for every four, a fifth of them owned by `owners` in turn."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPANIES, [leads // 4 + 1])
        cursor.execute(_LEADS, [owners, owners, leads, leads])
        cursor.execute(_REVISIONS)
        if activities:
            cursor.execute(_ACTIVITIES, [activities])
        for table in ("leads_company", "leads_lead", "leads_activity", "leads_leadrevision"):
            cursor.execute(f"ANALYZE {table}")
