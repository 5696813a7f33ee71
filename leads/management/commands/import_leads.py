"""Import a file on the command line: the same code as the wizard, with its refusals and totals."""

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from leads import jobs
from leads.errors import AccordError, Invalid
from leads.importing import actions, encoding, mapping, targets
from leads.importing.mapping import FileMapping, Goes
from leads.models import ImportRefusal, ImportRun, Job
from leads.models.user import check_time_zone


class Command(BaseCommand):
    help = "Import a CSV or XLSX file of leads, companies, activities or outcomes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--kind", choices=ImportRun.Kind.values, default=ImportRun.Kind.LEADS)
        parser.add_argument(
            "--campaign", default="", help="By which campaign the leads came; made when there is none of this name."
        )
        parser.add_argument("--source", default="", help="Where the leads came from, when the file does not say.")
        parser.add_argument(
            "--map", action="append", default=[], metavar="COLUMN=FIELD",
            help="Send a column to a field: lead.email, company.name, custom.size, external_id, outcome, ignore, new, "
            "new:number ... "
            "A date column may say which way round it is written: 'Date=occurred_at:dmy' (or mdy).",
        )  # fmt: skip
        parser.add_argument(
            "--create-fields", action="store_true", help="Make custom fields of the columns that go nowhere else."
        )
        parser.add_argument(
            "--outcome", action="append", default=[], metavar="COLUMN:VALUE=MEANING,...",
            help="What the values of a column mean: won, lost, rejected or open, such as 'Converted:1=won,0=lost'.",
        )  # fmt: skip
        parser.add_argument("--id-column", default="", metavar="NAME", help="The column with the id of another system.")
        parser.add_argument("--id-system", default="", help="Which system the ids are of (a word such as hubspot).")
        parser.add_argument("--encoding", default="", help="When the guess is wrong.")
        parser.add_argument(
            "--zone", type=_zone, default=settings.BUSINESS_ZONE, metavar="ZONE",
            help="Where times and days without a zone are, such as Europe/Berlin (the default is BUSINESS_ZONE).",
        )  # fmt: skip
        parser.add_argument("--no-score", action="store_true", help="Leave the scoring to the worker.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen and store nothing.")
        parser.add_argument("--json", action="store_true", help="The last line is a JSON object with the totals.")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.perf_counter()
        run = None
        try:
            run = self._upload(options)
            self._say_guess(run, options)
            run = actions.set_mapping(run, choices(run, options), actor=None)
            self._remark(columns_in_words(run), options)
            if options["dry_run"]:
                run = actions.start_check(run, actor=None, here=True)
            else:
                run = actions.start(run, actor=None, options={"score_after": not options["no_score"]}, here=True)
            assert run.job is not None
            jobs.work_on(run.job, beat=self._progress(run) if sys.stderr.isatty() else None, give_way=False)
            run.refresh_from_db()
            job = Job.objects.get(pk=run.job.pk)
            if job.state != Job.State.DONE:
                if run.state in actions.EDITABLE:
                    actions.discard(run, actor=None)  # a check that failed leaves nothing to go on with
                raise CommandError(f"{job.error or 'stopped'} (import {run.pk})")
        except AccordError as error:
            if run is not None and run.state in actions.EDITABLE:
                actions.discard(run, actor=None)
            raise CommandError(f"{error.message} [{error.code}]") from error
        self._report(run, time.perf_counter() - began, options)
        if options["dry_run"]:
            actions.discard(run, actor=None)

    def _upload(self, options: dict[str, Any]) -> ImportRun:
        try:
            with options["file"].open("rb") as file:
                run = actions.upload(
                    file, name=options["file"].name, kind=options["kind"], actor=None, campaign=options["campaign"],
                    source=options["source"],
                    encoding=options["encoding"],
                )  # fmt: skip
            run.options["zone"] = options["zone"]
            run.save(update_fields=["options"])
            return run
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error

    def _say_guess(self, run: ImportRun, options: dict[str, Any]) -> None:
        for codec, words in actions.layout_of(run).readings[:1]:
            out = self.stderr if options["json"] else self.stdout
            out.write(f"Read as {encoding.label(codec)}, a guess: {words} (--encoding says otherwise)")

    def _progress(self, run: ImportRun) -> Any:
        def beat() -> None:
            job = run.job
            if job is not None and job.position:
                self.stderr.write(f"\r{job.position:,} of {job.total or 0:,} rows", ending="")

        return beat

    def _remark(self, lines: list[str], options: dict[str, Any]) -> None:
        """What a person should know besides the totals; out of the way of a program that reads them."""
        for line in lines:
            if options["json"]:
                self.stderr.write(line, self.style.NOTICE)
            else:
                self.stdout.write(line)

    def _report(self, run: ImportRun, seconds: float, options: dict[str, Any]) -> None:
        names = ("received", "created", "updated", "attached", "refused", "cases")
        totals = {name: run.check_result.get(name, 0) if options["dry_run"] else getattr(run, name) for name in names}
        if not options["json"] or totals["refused"]:
            for refusal in ImportRefusal.objects.filter(run=run)[:10]:
                self.stdout.write(f"line {refusal.line}: " + " ".join(problem["message"] for problem in refusal.problems))
            if totals["refused"] > 10:
                self.stdout.write(f"... and {totals['refused'] - 10:,} more refused rows")
        assert run.job is not None
        if undated := (run.check_result if options["dry_run"] else run.job.result).get("undated", 0):
            self._remark([undated_in_words(undated)], options)
        if options["json"]:
            self.stdout.write(json.dumps({**totals, "seconds": round(seconds, 3)}))
            return
        if options["dry_run"]:
            self.stdout.write("Nothing was stored. The import would give:")
        self.stdout.write(", ".join(f"{count:,} {name}" for name, count in totals.items()) + f" in {seconds:.1f} s")


def _zone(name: str) -> str:
    try:
        check_time_zone(name)
    except ValidationError as error:
        raise ArgumentTypeError(" ".join(error.messages)) from error
    return name


def columns_in_words(run: ImportRun) -> list[str]:
    """Which columns go nowhere, and which names the header has more than once."""
    chosen = FileMapping.from_json(run.mapping)
    names = [column["name"] for column in run.columns]
    nowhere = [
        name
        for name, goes in zip(names, chosen.goes, strict=True)
        if goes.target == targets.IGNORE and name not in (actions.LINE_COLUMN, actions.WHY_COLUMN)
    ]
    lines = []
    if doubled := actions.layout_of(run).doubled:
        lines.append(
            f"The header has these names more than once: {_named(doubled)}. The first keeps its name, the next is "
            f"“{doubled[0]} (2)” and so on."
        )
    if nowhere:
        lines.append(f"These columns go nowhere: {_named(nowhere)}. Send them somewhere with --map or --create-fields.")
    return lines


def _named(names: Sequence[str], most: int = 30) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def undated_in_words(count: int) -> str:
    if count == 1:
        return "1 outcome has no time in the file: it counts as of the moment of the import."
    return f"{count:,} outcomes have no time in the file: they count as of the moment of the import."


def choices(run: ImportRun, options: dict[str, Any]) -> FileMapping:
    """The guessed mapping with what the command line says in its place. Invalid for a column or field there is none of."""
    chosen = FileMapping.from_json(run.mapping)
    profiles = actions.profiles_of(run)
    place = {column["name"].casefold(): index for index, column in enumerate(run.columns)}
    fields = {known.key: known for known in actions.known_fields()}
    taken = set(fields)
    goes = list(chosen.goes)
    if not options["create_fields"]:
        goes = [Goes() if item.target == targets.NEW else replace(item, extend=False) for item in goes]
    wanted = [_pair(text, "--map") for text in options["map"]]
    if options["id_column"]:
        wanted.append((options["id_column"], "external_id"))
    outcomes = dict(chosen.outcomes)
    for text in options["outcome"]:
        column, _, pairs = text.partition(":")
        wanted.append((column, "outcome"))
        outcomes = {
            value: _meaning(meaning) for value, meaning in (_pair(pair, "--outcome") for pair in pairs.split(",") if pair)
        }
    known_targets = {target.key for target in targets.of_kind(run.kind)}
    for column, field in wanted:
        at = _find(column, place)
        field, _, how = field.partition(":")
        # What was guessed for a field gives way to what is said.
        if field not in (targets.IGNORE, targets.NEW, "property"):
            goes = [Goes() if item.target == field else item for item in goes]
        if field == targets.NEW:
            goes[at] = proposed = mapping.propose_field(profiles[at], taken, how)
            if proposed.new:
                taken.add(proposed.new.key)
        elif field == targets.IGNORE:
            goes[at] = Goes()
        elif field in known_targets or (field == "property" and run.kind == targets.ACTIVITIES):
            goes[at] = mapping.retarget(profiles[at], field)
        elif field.startswith("custom.") and run.kind == targets.LEADS and field.removeprefix("custom.") in fields:
            goes[at] = mapping.retarget(profiles[at], field, fields[field.removeprefix("custom.")].type)
        else:
            raise Invalid(
                f"There is no field {field}.",
                code="no_such_field",
                field=column,
                value=field,
                expected=", ".join(sorted(known_targets)),
            )
        if how in ("dmy", "mdy"):
            goes[at] = replace(goes[at], day_first=how == "dmy")
    if goes != list(chosen.goes) and not options["outcome"]:
        at = next((index for index, item in enumerate(goes) if item.target == "outcome"), -1)
        outcomes = mapping.guess_outcomes(profiles[at].distinct) if at >= 0 else {}
    return replace(chosen, goes=tuple(goes), outcomes=outcomes, system=options["id_system"] or chosen.system)


def _find(column: str, place: dict[str, int]) -> int:
    at = place.get(" ".join(column.split()).casefold())
    if at is None:
        raise Invalid(
            f"The file has no column \u201c{column}\u201d.",
            code="no_such_column",
            field=column,
            expected=", ".join(list(place)[:30]),
        )
    return at


def _pair(text: str, option: str) -> tuple[str, str]:
    left, found, right = text.rpartition("=")
    if not found or not left.strip() or not right.strip():
        raise Invalid(
            f"{option} {text}: write it as name=value.", code="bad_option", field=option, value=text, expected="name=value"
        )
    return left.strip(), right.strip()


def _meaning(text: str) -> str:
    meanings = [str(value) for value, _ in mapping.OUTCOME_VALUES]
    if text.casefold() not in meanings:
        raise Invalid(
            f"An outcome cannot mean {text}.", code="no_such_outcome", field="--outcome", value=text, expected=", ".join(meanings)
        )
    return text.casefold()
