"""How gunicorn serves the portal: `gunicorn -c config/gunicorn.py config.wsgi`.

Threads, as pages wait for the database more than they compute.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config import limits  # noqa: E402
from config.memory import return_large_blocks  # noqa: E402
from handoff import supervisor  # noqa: E402

bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "gthread"
preload_app = True
timeout = 60
graceful_timeout = 20
keepalive = 5
max_requests = 20_000
max_requests_jitter = 2_000
control_socket_disable = True
loglevel = "warning"  # the portal writes a line for each request itself

TURN_S = 0.0005  # of a thread that computes while others wait

limits.keep_within(statement="30s", idle="60s")
return_large_blocks()


def post_worker_init(worker: Any) -> None:
    """What was loaded at start stays for good: the collector need not walk it again in the middle of a page.

    Threads take turns more often than by default: a page that asks the database thirty times waits for its turn after each answer
    while another one computes.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN_S)


def on_starting(server: Any) -> None:
    supervisor.stop_with_parent()
