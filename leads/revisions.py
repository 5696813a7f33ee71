"""The mark every change of a lead's facts leaves, so that whatever is derived from them can catch up."""

from collections.abc import Sequence

from django.db import connection

_TOUCH = """
INSERT INTO leads_leadrevision (lead_id, rev, txid)
SELECT id, 1, txid_current() FROM unnest(%s::bigint[]) AS id ORDER BY id
ON CONFLICT (lead_id) DO UPDATE SET rev = leads_leadrevision.rev + 1, txid = excluded.txid
"""


def touch_revisions(lead_ids: Sequence[int]) -> None:
    """Raise the revision of these leads in the caller's transaction, in the order of their ids so that writers never deadlock."""
    if not lead_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [sorted(set(lead_ids))])
