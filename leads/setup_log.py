"""What a verb changed in Setup, in the log that Setup's own pages write to and show as History."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from leads.models import User


def note(row: Model, actor: User, words: str, *, flag: int = CHANGE) -> None:
    """Note what `actor` did to `row`; `flag` is one of the admin's ADDITION, CHANGE and DELETION."""
    LogEntry.objects.create(
        user=actor,
        content_type=ContentType.objects.get_for_model(type(row)),
        object_id=str(row.pk),
        object_repr=str(row)[:200],
        action_flag=flag,
        change_message=words,
    )
