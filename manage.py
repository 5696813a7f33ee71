#!/usr/bin/env python
"""Accord's command line. Without DATABASE_URL it brings up the embedded PostgreSQL for commands that need one."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import trial

    trial.prepare(sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
