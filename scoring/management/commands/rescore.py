"""Score leads from the command line, with progress."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from leads.models import Lead
from scoring.looking import BATCH
from scoring.many import rescore_all
from scoring.reference_scores import Differ
from scoring.rescoring import score_dirty
from scoring.store import delete_orphans


class Command(BaseCommand):
    help = "Score the leads that wait for it, or with --all every lead. Safe beside a running worker; may be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="score every lead anew, not only those that wait")
        parser.add_argument("--after", type=int, default=0, metavar="ID", help="with --all: go on after this lead")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            self._all(options["after"])
            return
        done = 0
        while worked := score_dirty(BATCH):
            done += worked
            self.stdout.write(f"{done:,} leads scored")
        self.stdout.write(self.style.SUCCESS(f"{done:,} leads scored, none waits."))

    def _all(self, after: int) -> None:
        total = Lead.objects.filter(pk__gt=after).count()
        done = 0
        try:
            for last, count in rescore_all(after):
                done += count
                self.stdout.write(f"{done:,} of {total:,} leads scored; go on with --after {last}")
        except Differ as problem:
            raise CommandError(problem.message) from problem
        gone = delete_orphans()
        self.stdout.write(self.style.SUCCESS(f"{total:,} leads scored; scores of {gone:,} deleted leads removed."))
