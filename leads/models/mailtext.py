from django.conf import settings
from django.db import models


class MailText(models.Model):
    """The words an organisation gives the mails of one kind of message, in place of the standard ones."""

    kind = models.CharField("mail", max_length=60, unique=True)
    subject = models.CharField(max_length=150)
    text = models.TextField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    changed_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = "mail text"
        ordering = ("kind",)

    def __str__(self) -> str:
        from leads.notify.registry import kinds  # here: the registry knows models

        return kinds[self.kind].label if self.kind in kinds else self.kind
