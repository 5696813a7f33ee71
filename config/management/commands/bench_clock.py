from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.bench import clocks
from config.bench.measure import CheckFailed, Result, as_json, table


class Command(BaseCommand):
    help = "Measure clocks and messages beside their physical limits, in databases of its own that are dropped afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        full = clocks.Sizes()
        parser.add_argument("--timers", type=int, help=f"open clocks (default {full.timers})")
        parser.add_argument("--due", type=int, help=f"of them due at once (default {full.due})")
        parser.add_argument("--only", default=",".join(clocks.STEPS), help="steps, parted by commas (default: all)")
        parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
        parser.add_argument("--json", action="store_true", help="the last line is all results as JSON")

    def handle(self, *args: Any, timers: int | None, due: int | None, only: str, quick: bool, **options: Any) -> None:
        sizes = clocks.QUICK if quick else clocks.Sizes()
        sizes = replace(sizes, timers=timers if timers is not None else sizes.timers, due=due if due is not None else sizes.due)
        if sizes.timers < 1:
            raise CommandError("--timers: at least 1")
        if not 1 <= sizes.due <= sizes.timers:
            raise CommandError(f"--due: from 1 to the number of timers, which is {sizes.timers:,}")
        steps = tuple(only.split(","))
        if unknown := set(steps) - set(clocks.STEPS):
            raise CommandError(f"--only: no step is called {', '.join(sorted(unknown))}; there are {', '.join(clocks.STEPS)}")
        results: list[Result] = []
        try:
            for result in clocks.run(sizes, steps):
                results.append(result)
                self.stderr.write(f"{result.step} at {result.size:,}: done")
        except CheckFailed as error:
            raise CommandError(f"A check failed, so there are no figures: {error}") from error
        self.stdout.write(table(results))
        if options["json"]:
            self.stdout.write(as_json(results))
