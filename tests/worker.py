"""The worker as it runs in production, on a test's own database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.importing.samples import ROOT
from tests.importing.test_kill import address


@contextmanager
def running_worker(*, var_dir, secret_key) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker` as a process of its own, ended in order afterwards."""
    environment = {
        **os.environ, "DATABASE_URL": address(), "VAR_DIR": str(var_dir), "SECRET_KEY": secret_key,
        "DJANGO_SETTINGS_MODULE": "config.settings", "EMAIL_URL": "dummymail://", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=90)
