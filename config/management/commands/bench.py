from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from config.bench import intake, pages, workshop, worth
from config.bench.command import BenchCommand

PARTS = {"intake": intake.run, "score": worth.run, "pages": pages.run, "workshop": workshop.run}


class Command(BenchCommand):
    help = "Measure a part of the portal and its physical limit in one run, in a database of its own that is dropped afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))
        parser.add_argument("--leads", default="10000,100000", help="sizes, parted by commas (default 10000,100000)")
        parser.add_argument("--keep", action="store_true", help="leave the workshop's data for its next run")
        super().add_arguments(parser)

    def handle(self, *args: Any, part: str, leads: str, keep: bool, **options: Any) -> None:
        try:
            sizes = [int(size) for size in leads.split(",")]
        except ValueError:
            raise CommandError(f"--leads: {leads!r} is no list of numbers such as 10000,100000") from None
        if min(sizes) < 1000:
            raise CommandError("--leads: the smallest size is 1000")
        if keep and part != "workshop":
            raise CommandError("--keep: only the workshop's data can be kept")
        run = partial(workshop.run, keep=True) if keep else PARTS[part]
        self.tell(run(sizes), json=options["json"])
