from leads.models.activity import Activity, ActivityKind, Submission
from leads.models.api import ApiKey, IdempotentAnswer, RateBucket
from leads.models.case import Case, Reason, ValueList, ValueListRevision
from leads.models.catalogue import Asset, Campaign, Product
from leads.models.company import Company
from leads.models.door import DoorBucket
from leads.models.event import LeadEvent
from leads.models.field import LeadField
from leads.models.importing import ImportRefusal, ImportRun
from leads.models.job import Job
from leads.models.lead import Deletion, ExternalId, Lead, LeadNote, LeadRevision
from leads.models.mailtext import MailText
from leads.models.notice import Notice, NoticeReceipt
from leads.models.outbox import Heartbeat, Incident, Lane, Outbox
from leads.models.team import Team, TeamMember
from leads.models.user import User
from leads.models.webhook import Webhook

__all__ = [
    "Activity",
    "ActivityKind",
    "ApiKey",
    "Asset",
    "Campaign",
    "Case",
    "Company",
    "Deletion",
    "DoorBucket",
    "ExternalId",
    "Heartbeat",
    "IdempotentAnswer",
    "ImportRefusal",
    "ImportRun",
    "Incident",
    "Job",
    "Lane",
    "Lead",
    "LeadEvent",
    "LeadField",
    "LeadNote",
    "LeadRevision",
    "MailText",
    "Notice",
    "NoticeReceipt",
    "Outbox",
    "Product",
    "RateBucket",
    "Reason",
    "Submission",
    "Team",
    "TeamMember",
    "User",
    "ValueList",
    "ValueListRevision",
    "Webhook",
]
