from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from config.bench import scoring
from config.bench.command import BenchCommand

QUICK = [10_000]


class Command(BenchCommand):
    help = (
        "Measure preview, snapshot and scoring beside their physical limits, in databases of its own that are dropped afterwards."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leads", default="10000,100000,1000000", help="sizes, parted by commas")
        parser.add_argument("--seed", type=int, default=42, help="the same seed makes the same data (default 42)")
        parser.add_argument("--rounds", type=int, default=9, help="how often each step is timed (default 9)")
        parser.add_argument("--quick", action="store_true", help="10,000 leads, three rounds, twice the time")
        parser.add_argument("--keep", action="store_true", help="leave the databases")
        super().add_arguments(parser)

    def handle(self, *args: Any, leads: str, seed: int, rounds: int, quick: bool, keep: bool, **options: Any) -> None:
        try:
            sizes = QUICK if quick else [int(size) for size in leads.split(",")]
        except ValueError:
            raise CommandError(f"--leads: {leads!r} is no list of numbers such as 10000,100000") from None
        if min(sizes) < 1000:
            raise CommandError("--leads: the smallest size is 1000")
        if rounds < 1:
            raise CommandError("--rounds: at least 1")
        self.tell(scoring.run(sizes, seed=seed, rounds=3 if quick else rounds, quick=quick, keep=keep), json=options["json"])
