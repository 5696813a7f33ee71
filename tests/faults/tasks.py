"""What the background tasks do in these tests: leave a mark, once a run."""

import time

from django.db import connection

from handoff.tasks import task


@task(60)
def mark(name: str, seconds: float = 0) -> None:
    time.sleep(seconds)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO marks (name) VALUES (%s)", [name])
