"""Where a column of a file can go: one list for the wizard, the command line and the guess."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

LEADS, COMPANIES, ACTIVITIES, OUTCOMES = "leads", "companies", "activities", "outcomes"
IGNORE, NEW = "ignore", "new"


@dataclass(frozen=True, slots=True)
class Target:
    """`key` is the registry key or a word of the import's own; `reads` how its cells are read; `names` the headers it goes by."""

    key: str
    label: str
    group: str
    kinds: tuple[str, ...]
    reads: str = "text"  # text, name, full_name, email, phone, number, boolean, not_boolean, date, moment, outcome
    names: tuple[str, ...] = ()


def names_in(text: str) -> tuple[str, ...]:
    """The header names in a list with commas."""
    return tuple(" ".join(name.split()) for name in text.split(",") if name.strip())


TARGETS: tuple[Target, ...] = (
    Target(
        "lead.email",
        "E-mail",
        "Person",
        (LEADS, ACTIVITIES, OUTCOMES),
        "email",
        names_in("""
        email, e mail, mail, email address, e mail address, emailaddress, mail address, email id, e mail id, contact
        email, work email, business email, company email, primary email, email 1, email1, user email, lead email,
        customer email, person email, email work, person email work, personal email, contact email address, e mail
        adresse, email adresse, mailadresse, correo electronico, courriel
        """),
    ),
    Target(
        "lead.first_name",
        "First name",
        "Person",
        (LEADS,),
        "name",
        names_in("""
        first name, firstname, given name, forename, fname, first, contact first name, lead first name, vorname,
        prenom, nombre
        """),
    ),
    Target(
        "lead.last_name",
        "Last name",
        "Person",
        (LEADS,),
        "name",
        names_in("""
        last name, lastname, surname, family name, lname, last, contact last name, lead last name, nachname, nom,
        apellido, apellidos
        """),
    ),
    Target(
        "lead.full_name",
        "Full name (split)",
        "Person",
        (LEADS,),
        "full_name",
        names_in("""
        full name, fullname, name, contact name, customer name, lead name, prospect name, person name, contact,
        contact person, person, client name, lead, display name, contact full name, your name, ansprechpartner, nombre
        completo, nom complet
        """),
    ),
    Target(
        "lead.phone",
        "Phone",
        "Person",
        (LEADS,),
        "phone",
        names_in("""
        phone, phone number, telephone, telephone number, tel, tel no, mobile, mobile phone, mobile number, mobile no,
        cell, cell phone, cellphone, phone no, ph number, ph no, contact phone, contact number, contact no, phone
        work, person phone work, person phone, work phone, work phone number, business phone, direct phone, direct
        dial, phone 1, primary phone, whatsapp number, user phone, telefon, telefonnummer, mobil, telefono, telephone
        mobile
        """),
    ),
    Target(
        "lead.job_title",
        "Job title",
        "Person",
        (LEADS,),
        "name",
        names_in("""
        job title, jobtitle, title, position, designation, job role, job position, contact title, role,
        berufsbezeichnung, funktion, cargo
        """),
    ),
    Target(
        "lead.country",
        "Country",
        "Person",
        (LEADS,),
        "text",
        names_in("""
        country, country region, country code, country territory, nation, contact country, lead country, country name,
        land, pais, pays
        """),
    ),
    Target(
        "lead.language",
        "Language",
        "Person",
        (LEADS,),
        "text",
        names_in("""
        language, preferred language, locale, sprache, idioma, langue
        """),
    ),
    Target(
        "lead.product_interest",
        "Product interest",
        "Person",
        (LEADS,),
        "text",
        names_in("""
        product interest, product of interest, product interested in
        """),
    ),
    Target(
        "lead.consent",
        "Consent (yes = given)",
        "Person",
        (LEADS,),
        "boolean",
        names_in("""
        consent, marketing consent, email consent, gdpr consent, opt in, email opt in, opted in, newsletter opt in,
        marketing opt in, subscribed
        """),
    ),
    Target(
        "lead.opt_out",
        "Opted out (yes = consent refused)",
        "Person",
        (LEADS,),
        "not_boolean",
        names_in("""
        email opt out, opt out, opted out, opted out of email, has opted out of email, unsubscribed from all email,
        unsubscribed, do not email, do not contact
        """),
    ),
    Target(
        "external_id",
        "Id in the other system",
        "Record",
        (LEADS, ACTIVITIES, OUTCOMES),
        "text",
        names_in("""
        record id, external id, lead id, leadid, contact id, prospect id, person id, salesforce id, hubspot id,
        hubspot contact id, marketo id, zoho id, record id contact, uuid, unique id, crm id, lead record id, id
        """),
    ),
    Target(
        "source",
        "Lead source",
        "Record",
        (LEADS,),
        "text",
        names_in("""
        lead source, source, original source, original traffic source, original source type, utm source, source name,
        traffic source, person source, lead source name, leadquelle, quelle
        """),
    ),
    Target(
        "campaign",
        "Campaign",
        "Record",
        (LEADS, ACTIVITIES),
        "text",
        names_in("""
        campaign, campaign name, utm campaign, campaign title, kampagne, acquisition program, acquisition program
        name, last campaign
        """),
    ),
    Target(
        "occurred_at",
        "When it happened",
        "Record",
        (LEADS, ACTIVITIES),
        "moment",
        names_in("""
        created time, created at, created date, create date, creation date, date created, created, created on, created
        dt, createdat, timestamp, submitted at, submitted on, submission date, submission time, date submitted, lead
        created, lead created at, lead creation date, click date, lead date, lead add time, add time, person created,
        lead submission time, form submitted at, date, datetime, occurred at, activity date, activity time, event
        time, event date, erstellt am, fecha
        """),
    ),
    Target(
        "company.name",
        "Company name",
        "Company",
        (LEADS, COMPANIES),
        "name",
        names_in("""
        company, company name, companyname, account, account name, organization, organisation, organization name,
        organisation name, firm, employer, business, business name, person organization, associated company, firma,
        unternehmen, empresa, entreprise
        """),
    ),
    Target(
        "company.domain",
        "Website or domain",
        "Company",
        (LEADS, COMPANIES),
        "text",
        names_in("""
        website, company domain, company domain name, company website, domain, domain name, website url, web site,
        homepage, web, url, company url, email domain, webseite
        """),
    ),
    Target(
        "company.industry",
        "Industry",
        "Company",
        (LEADS, COMPANIES),
        "text",
        names_in("""
        industry, company industry, sector, industry type, vertical, branche, industria
        """),
    ),
    Target(
        "company.employees",
        "Employees",
        "Company",
        (LEADS, COMPANIES),
        "number",
        names_in("""
        employees, employee, number of employees, no of employees, num employees, numberofemployees, employee count,
        employees count, emp, no employees, headcount, company size, company employees, staff, mitarbeiter, anzahl
        mitarbeiter, organization employees
        """),
    ),
    Target(
        "company.revenue",
        "Yearly revenue",
        "Company",
        (LEADS, COMPANIES),
        "number",
        names_in("""
        annual revenue, revenue, yearly revenue, annualrevenue, turnover, company revenue, annual turnover, umsatz,
        jahresumsatz
        """),
    ),
    Target(
        "company.country",
        "Company country",
        "Company",
        (LEADS, COMPANIES),
        "text",
        names_in("""
        company country, company country region, billing country, account country, hq country, organization country
        """),
    ),
    Target(
        "company.is_customer",
        "Is a customer",
        "Company",
        (COMPANIES,),
        "boolean",
        names_in("""
        is customer, customer, existing customer
        """),
    ),
    Target(
        "company.is_competitor",
        "Is a competitor",
        "Company",
        (COMPANIES,),
        "boolean",
        names_in("""
        is competitor, competitor
        """),
    ),
    Target(
        "activity.kind",
        "Kind of activity",
        "Activity",
        (ACTIVITIES,),
        "text",
        names_in("""
        activity, activity kind, activity type, kind, type, event, event type, event name, action, activity name
        """),
    ),
    Target(
        "activity.asset",
        "Asset",
        "Activity",
        (ACTIVITIES,),
        "text",
        names_in("""
        asset, asset key, asset name, content, document
        """),
    ),
    Target(
        "activity.source_id",
        "Id of the event",
        "Activity",
        (ACTIVITIES,),
        "text",
        names_in("""
        activity id, event id, source id, message id, engagement id
        """),
    ),
    Target(
        "outcome",
        "Outcome",
        "Outcome",
        (LEADS, OUTCOMES),
        "outcome",
        names_in("""
        outcome, converted, is converted, result, won, won lost, is won, deal status, opportunity status, opportunity
        stage, deal stage, lead outcome, final outcome, conversion, closed won, lead status, status, stage, lead
        stage, current status, ingestion status, crm status
        """),
    ),
    Target(
        "outcome_at",
        "Outcome on",
        "Outcome",
        (LEADS, OUTCOMES),
        "moment",
        names_in("""
        outcome date, outcome at, conversion date, converted date, date converted, close date, closed date, closed at,
        won date, lost date, won time, lost time, deal closed time, closed on, expected close date
        """),
    ),
    Target(
        "outcome_reason",
        "Reason",
        "Outcome",
        (LEADS, OUTCOMES),
        "text",
        names_in("""
        lost reason, loss reason, reason, closed lost reason, reject reason, rejection reason, disqualification
        reason, reason lost, outcome reason
        """),
    ),
    Target(
        "outcome_amount",
        "Amount",
        "Outcome",
        (LEADS, OUTCOMES),
        "number",
        names_in("""
        amount, deal value, deal amount, opportunity value, opportunity amount, contract value, value, deal size, won
        amount
        """),
    ),
)
BY_KEY = {target.key: target for target in TARGETS}

# What tells an export's origin by its header, so that its ids are kept under its name: (system, names that only it writes).
SYSTEMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "hubspot",
        names_in("""
        company domain name, contact owner, country region, hubspot owner, lifecycle stage, original source, record id
        contact
        """),
    ),
    (
        "marketo",
        names_in("""
        acquisition program, lead partition, lead score, marketo id, person source, person status, sfdc type,
        unsubscribed reason
        """),
    ),
    (
        "pipedrive",
        names_in("""
        deal title, label ids, organization name, person email, person email work, person name, person phone
        """),
    ),
    (
        "zoho",
        names_in("""
        email opt out, lead owner, lead source, lead status, modified by, no of employees, record id, skype id
        """),
    ),
    (
        "facebook",
        names_in("""
        ad id, ad name, adset id, adset name, campaign id, created time, form id, is organic, platform
        """),
    ),
    (
        "linkedin",
        names_in("""
        account id, campaign group name, conversation id, creative id, form name, lead submission time, linkedin
        profile url
        """),
    ),
    (
        "google_ads",
        names_in("""
        ad group, click date, conversion action, cost per lead, gcl id, gclid, google click id, lead form id, user
        column data
        """),
    ),
    (
        "salesforce",
        names_in("""
        account id, annual revenue, company account, converted date, lead id, lead owner, lead source, lead status,
        rating
        """),
    ),
)


def plain(header: str) -> str:
    """A header name for comparison: "Person - E-mail (Work)" is "person e mail work", "createdTime" is "created time"."""
    text = unicodedata.normalize("NFKD", header)
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    text = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return re.sub(r" c$", "", text) if header.endswith("__c") else text


def of_kind(kind: str) -> list[Target]:
    """The built-in targets a file of this kind offers, in order."""
    return [target for target in TARGETS if kind in target.kinds]


def find_system(headers: Iterable[str]) -> str:
    """The system that wrote the export, when at least two of its own column names are there; "" otherwise."""
    names = {plain(header) for header in headers}
    best, score = "", 1
    for system, marks in SYSTEMS:
        found = len(names.intersection(marks))
        if found > score:
            best, score = system, found
    return best
