"""What the commands that measure have in common: progress, then all figures, or none when a check fails."""

from argparse import ArgumentParser
from collections.abc import Iterable

from django.core.management.base import BaseCommand, CommandError

from config.bench.measure import CheckFailed, Result, as_json, table


class BenchCommand(BaseCommand):
    """A command that prints the results of a run."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the last line is all results as JSON")

    def tell(self, run: Iterable[Result], *, json: bool) -> None:
        """Print the results once all of them are there. Raises CommandError for a check that failed."""
        results: list[Result] = []
        try:
            for result in run:
                results.append(result)
                self.stderr.write(f"{result.step} at {result.size:,}: done")
        except CheckFailed as error:
            raise CommandError(f"A check failed, so there are no figures: {error}") from error
        self.stdout.write(table(results))
        if json:
            self.stdout.write(as_json(results))
