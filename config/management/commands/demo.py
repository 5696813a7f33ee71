import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.demo.cast import CAST, PASSWORD
from config.demo.story import Story
from leads import clock
from leads.models import Lead, User
from leads.roles import sync_roles


class Command(BaseCommand):
    help = "Fill an empty portal with a believable year of an invented company; the same seed and day give the same year."

    stealth_options = ("say",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leads", type=int, default=1500, help="how many people come in over the year (default 1500)")
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, leads: int, seed: int, say: Callable[[float, str], None] | None = None, **options: Any) -> None:
        """`say` hears the progress from 0 to 1 and up to when the year is told; by itself the command shows months on a terminal."""
        if leads < 50:
            raise CommandError("--leads: a year on every page needs at least 50.")
        if Lead.objects.exists() or User.objects.filter(email=CAST[0].email).exists():
            raise CommandError("The portal is not empty. The demo only fills an empty one; nothing was changed.")
        sync_roles()
        started = time.monotonic()
        Story(leads=leads, seed=seed, now=clock.now()).tell(say or (self._show if sys.stdout.isatty() else _silent))
        self.stdout.write(f"A year of {leads:,} leads in {time.monotonic() - started:.0f} s. Everybody's password is {PASSWORD}")

    def _show(self, share: float, until: str) -> None:
        self.stdout.write(f"  {share:4.0%} {until}")
        self.stdout.flush()


def _silent(share: float, until: str) -> None:
    """Nobody watches."""
