"""Uploaded files hold personal data: they go once nobody needs them, and their imports stay as history."""

from datetime import datetime, timedelta

from django.db.models import Q

from leads.importing.actions import EDITABLE
from leads.models import ImportRun, Job

KEPT = timedelta(days=30)
State = ImportRun.State


def forget_files(now: datetime, limit: int) -> int:
    """Delete the files of up to `limit` imports that ended 30 days ago, and uploads nobody ran for as long; returns how many.

    Undo and the refused rows live from the database, not from the file. An import that stopped or failed keeps its file: it
    can go on.
    """
    old = now - KEPT
    ended = Q(state=State.DONE, finished_at__lt=old) | Q(state=State.UNDONE, undone_at__lt=old)
    found = list(ImportRun.objects.filter(ended).exclude(file="").order_by("pk").values_list("pk", "file")[:limit])
    for pk, name in found:
        ImportRun.objects.filter(ended, pk=pk).update(file="")
        _delete(name)
    return len(found) + _forget_uploads(old, limit - len(found))


def _forget_uploads(old: datetime, limit: int) -> int:
    busy = Job.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).values("pk")
    left = ImportRun.objects.filter(state__in=EDITABLE, created_at__lt=old, corrections__isnull=True).exclude(job__in=busy)
    gone = 0
    for pk, name in left.order_by("pk").values_list("pk", "file")[: max(0, limit)]:
        if left.filter(pk=pk).delete()[0]:
            _delete(name)
            gone += 1
    return gone


def _delete(name: str) -> None:
    ImportRun._meta.get_field("file").storage.delete(name)
