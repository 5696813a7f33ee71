from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.bench import intake, pages, workshop, worth
from config.bench.measure import CheckFailed, Result, as_json, table

PARTS = {"intake": intake.run, "score": worth.run, "pages": pages.run, "workshop": workshop.run}


class Command(BaseCommand):
    help = "Measure a part of the portal and its physical limit in one run, in a database of its own that is dropped afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))
        parser.add_argument("--leads", default="10000,100000", help="sizes, parted by commas (default 10000,100000)")
        parser.add_argument("--keep", action="store_true", help="leave the workshop's data for its next run")
        parser.add_argument("--json", action="store_true", help="the last line is all results as JSON")

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
        results: list[Result] = []
        try:
            for result in run(sizes):
                results.append(result)
                self.stderr.write(f"{result.step} at {result.size:,}: done")
        except CheckFailed as error:
            raise CommandError(f"A check failed, so there are no figures: {error}") from error
        self.stdout.write(table(results))
        if options["json"]:
            self.stdout.write(as_json(results))
