"""`/healthz`: whether web, database and worker are up, for load balancers, monitors and the portal's own start."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from leads import heartbeats

PATH = "/healthz"
logger = logging.getLogger("accord.health")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all is up, else 503 with `down` naming what is not and for how long."""
    answer: dict[str, Any] = {"web": "up", "database": "up", "worker": "up", "down": []}
    try:
        lives = heartbeats.lives()
    except Error as error:
        connection.close()
        logger.warning("the database does not answer: %s", error)
        answer |= {"database": "down", "worker": "unknown", "down": ["database: does not answer"]}
    else:
        for life in lives:
            if not life.alive:
                since = "has never been seen" if life.age is None else f"silent for {life.age:.0f} s"
                answer["worker"] = "down"
                answer["down"].append(f"worker: {life.name} {since}")
    return JsonResponse({"ok": not answer["down"], **answer}, status=503 if answer["down"] else 200)
