"""Campaigns an import names: found in whatever case, made where there is none, and remembered for the run's undo."""

from __future__ import annotations

from collections.abc import Iterable

from leads.models import Campaign, ImportRun

LONGEST = 120


def name_campaign(run: ImportRun, name: str) -> None:
    """Let the leads of a run, which has to be saved then, come by the campaign of this name; blank for none.

    Where there is none of that name yet, the run makes it when it begins: an upload that is only looked at leaves none.
    """
    name = " ".join(name.split())[:LONGEST]
    if name:
        run.campaign = Campaign.objects.filter(name__iexact=name).first()
        if run.campaign is None:
            run.options["campaign"] = name


def campaign_to_make(run: ImportRun) -> str:
    """The name of the campaign a run still has to make for its leads, "" for none."""
    return "" if run.campaign_id is not None else run.options.get("campaign", "")


def make_campaign(run: ImportRun) -> None:
    """Make, or by now find, the campaign a run was given by name."""
    if name := campaign_to_make(run):
        run.campaign_id = campaigns_named(run, [name])[name]
        ImportRun.objects.filter(pk=run.pk).update(campaign=run.campaign_id)


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
