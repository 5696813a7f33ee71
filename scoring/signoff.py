"""Signing for one of two sides over exact content, for whatever both sides must agree on."""

from django.conf import settings
from django.db import models

from leads.roles import Side


class AbstractSignOff(models.Model):
    """A person's verdict, for one side, over the content that `subject_hash` names. Each signed thing has its own table."""

    class Role(models.TextChoices):
        DOER = "doer", "Doer"
        LEADER = "leader", "Leader"

    class Verdict(models.TextChoices):
        AGREE = "agree", "Agrees"
        OBJECT = "object", "Objects"

    side = models.CharField(max_length=9, choices=Side.choices)
    role = models.CharField(max_length=6, choices=Role.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=6, choices=Verdict.choices)
    subject_hash = models.CharField(max_length=64)
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        abstract = True
