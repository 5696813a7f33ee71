"""Campaigns an import names: found in whatever case, made where there is none, and remembered for the run's undo."""

from __future__ import annotations

from collections.abc import Iterable

from leads.models import Campaign, ImportRun

LONGEST = 120


def campaign_named(run: ImportRun, name: str) -> Campaign | None:
    """The campaign of this name; None for a blank one. A new one is noted with the run, which has to be saved then."""
    name = " ".join(name.split())[:LONGEST]
    if not name:
        return None
    return Campaign.objects.filter(name__iexact=name).first() or _made(run, name)


def campaigns_named(run: ImportRun, names: Iterable[str]) -> dict[str, int]:
    """Ids of the campaigns a batch names; the run is saved when one had to be made."""
    known = {name.casefold(): pk for name, pk in Campaign.objects.values_list("name", "pk")}
    found, is_new = {}, False
    for name in sorted(names):
        if name.casefold() not in known:
            known[name.casefold()] = _made(run, name).pk
            is_new = True
        found[name] = known[name.casefold()]
    if is_new:
        ImportRun.objects.filter(pk=run.pk).update(options=run.options)
    return found


def _made(run: ImportRun, name: str) -> Campaign:
    campaign, is_new = Campaign.objects.get_or_create(name=name)
    if is_new:
        run.options["campaigns_made"] = sorted({*run.options.get("campaigns_made", ()), campaign.pk})
    return campaign
