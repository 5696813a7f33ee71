"""What changed and whom it concerns: told in plain words, acknowledged by each, and who has not is visible."""

from django.conf import settings
from django.db import models


class Notice(models.Model):
    """One change in words for many people. `subject_id` is the changed thing's, told apart by `kind`; each is told once."""

    kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    title = models.CharField(max_length=200)
    lines = models.JSONField(default=list, help_text="What changed, sentence by sentence.")
    url = models.CharField(max_length=200, blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at", "-pk")
        permissions = (("remind_notice", "Remind people of a notice"),)
        constraints = (models.UniqueConstraint(fields=("kind", "subject_id"), name="notice_once"),)

    def __str__(self) -> str:
        return self.title


class NoticeReceipt(models.Model):
    """A notice as it stands with one person."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices", db_index=False)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("notice", "user"), name="noticereceipt_once"),)
        indexes = (
            # What a person has yet to acknowledge, on their home page.
            models.Index(fields=("user",), condition=models.Q(acknowledged_at__isnull=True), name="notice_open"),
        )

    def __str__(self) -> str:
        return f"{self.notice_id}: {self.user_id}"
