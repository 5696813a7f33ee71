"""Closed vocabularies of the facts, with the groups that rules speak of named once."""

from django.db import models


class Stage(models.TextChoices):
    """The one funnel. Every lead is in exactly one stage."""

    INQUIRY = "inquiry", "Inquiry"
    PROSPECT = "prospect", "Prospect"
    MQL = "mql", "MQL"
    SAL = "sal", "SAL"
    SQL = "sql", "SQL"
    REJECTED = "rejected", "Rejected"
    WON = "won", "Won"
    LOST = "lost", "Lost"
    RECYCLED = "recycled", "Recycled"
    DISQUALIFIED = "disqualified", "Disqualified"


WITH_MARKETING = frozenset({Stage.INQUIRY, Stage.PROSPECT, Stage.REJECTED, Stage.RECYCLED})
WITH_SALES = frozenset({Stage.MQL, Stage.SAL, Stage.SQL})
OUTCOME_STAGES = frozenset({Stage.WON, Stage.LOST})
# Leads that are judged by the live models; the decided segment of a preview is made of the others' cases.
SCORED_OPEN = frozenset(Stage) - OUTCOME_STAGES - {Stage.DISQUALIFIED}


class Outcome(models.TextChoices):
    """What became of a decision about a lead."""

    UNKNOWN = "unknown", "Not known yet"
    REJECTED = "rejected", "Rejected"
    WORKING = "working", "Being worked"
    LOST = "lost", "Lost"
    WON = "won", "Won"
    CLOSED_UNWORKED = "closed_unworked", "Closed unworked"


class CaseKind(models.TextChoices):
    DECISION = "decision", "Decision by a rep"
    CLOSED = "closed", "Closed without a decision"
    IMPORTED = "imported", "Imported outcome"


class Basis(models.TextChoices):
    """As of when a case's facts are."""

    DECISION = "decision", "As of the decision"
    IMPORT = "import", "As of the import"


class FieldType(models.TextChoices):
    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    BOOLEAN = "boolean", "Yes or no"
    DATE = "date", "Date"
    CHOICE = "choice", "One of a list"
    MULTI = "multi", "Several of a list"


class Known(models.TextChoices):
    """When a field's value is learnt; what is known only afterwards may not be used in criteria."""

    INTAKE = "intake", "When the lead comes in"
    DECISION = "decision", "By the time sales decides"
    AFTER = "after", "Only after contact"


class Seniority(models.TextChoices):
    OWNER = "owner", "Owner or founder"
    C_LEVEL = "c_level", "C level"
    VP = "vp", "Vice president"
    DIRECTOR = "director", "Director or head"
    MANAGER = "manager", "Manager"
    STAFF = "staff", "Staff"
    INTERN = "intern", "Intern or student"


class Department(models.TextChoices):
    EXECUTIVE = "executive", "General management"
    MARKETING = "marketing", "Marketing"
    SALES = "sales", "Sales"
    IT = "it", "IT"
    ENGINEERING = "engineering", "Engineering"
    OPERATIONS = "operations", "Operations"
    FINANCE = "finance", "Finance"
    HR = "hr", "Human resources"
    PURCHASING = "purchasing", "Purchasing"
    LEGAL = "legal", "Legal"
    SUPPORT = "support", "Customer service"
    RESEARCH = "research", "Research"
    OTHER = "other", "Other"


class Consent(models.TextChoices):
    UNKNOWN = "unknown", "Not known"
    GIVEN = "given", "Given"
    REFUSED = "refused", "Refused or withdrawn"


class ContactProblem(models.TextChoices):
    """Why a lead cannot be reached."""

    NO_CONTACT = "no_contact", "Neither e-mail nor phone"
    BAD_EMAIL = "bad_email", "E-mail address cannot exist, no phone"
    DISPOSABLE_EMAIL = "disposable_email", "Throw-away e-mail address, no phone"
    BAD_PHONE = "bad_phone", "Phone number cannot exist, no e-mail"
    BAD_BOTH = "bad_both", "Neither e-mail nor phone can exist"


class BuyingStage(models.TextChoices):
    AWARENESS = "awareness", "Awareness"
    CONSIDERATION = "consideration", "Consideration"
    DECISION = "decision", "Decision"


# The kinds of activity the portal has words for; others are kept under their own key.
ACTIVITY_KINDS: dict[str, str] = {
    "page_view": "Viewed a page",
    "about_view": "Viewed the about page",
    "product_view": "Viewed a product page",
    "pricing_view": "Viewed the pricing page",
    "security_view": "Viewed the security page",
    "email_open": "Opened an e-mail",
    "email_click": "Clicked in an e-mail",
    "email_reply": "Replied to an e-mail",
    "unsubscribed": "Unsubscribed",
    "bounced": "E-mail bounced",
    "form_submit": "Filled in a form",
    "ebook": "Downloaded an e-book",
    "whitepaper": "Downloaded a white paper",
    "case_study": "Read a case study",
    "roi_guide": "Downloaded the ROI guide",
    "webinar_registered": "Registered for a webinar",
    "webinar_attended": "Attended a webinar",
    "event_visit": "Visited us at an event",
    "chat": "Chatted with us",
    "trial_started": "Started a trial",
    "demo_request": "Requested a demo",
    "contact_request": "Asked to talk to sales",
    "call": "Phone call",
    "meeting": "Meeting",
    "message": "Message",
    "mail": "E-mail",
    "interest": "New interest while in dialogue",
}


def activity_label(kind: str) -> str:
    """Words for an activity kind, also for one that is not in the list."""
    return ACTIVITY_KINDS.get(kind) or kind.replace("_", " ").capitalize()
