from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError

from config.bench import clocks
from config.bench.command import BenchCommand


class Command(BenchCommand):
    help = "Measure clocks and messages beside their physical limits, in databases of its own that are dropped afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        full = clocks.Sizes()
        parser.add_argument("--timers", type=int, help=f"open clocks (default {full.timers})")
        parser.add_argument("--due", type=int, help=f"of them due at once (default {full.due})")
        parser.add_argument("--only", default=",".join(clocks.STEPS), help="steps, parted by commas (default: all)")
        parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
        super().add_arguments(parser)

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
        self.tell(clocks.run(sizes, steps), json=options["json"])
