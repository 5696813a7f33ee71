"""What hangs in the database ends by itself. Said after connecting, as PgBouncer lets nobody in who says it at login."""

from typing import Any

from django.db.backends.signals import connection_created

LOCK = "5s"
_LIMITS: dict[str, str] = {}
_SET = "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS limits(name, value)"


def keep_within(*, statement: str, idle: str, lock: str = LOCK) -> None:
    """Connections this process makes from now on give up after these times: a statement, an idle transaction, waiting for a lock.

    They are told as PostgreSQL reads them: "30s", "10min", "0" for no limit. Processes forked later inherit them.
    """
    _LIMITS.update(lock_timeout=lock, statement_timeout=statement, idle_in_transaction_session_timeout=idle)
    connection_created.connect(_tell, dispatch_uid="limits")


def _tell(connection: Any, **kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET, [list(_LIMITS), list(_LIMITS.values())])
