"""Sample leads: drawn for a version, judged by each side before anybody sees a score or the other side's word."""

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import User
from scoring.actions.drafting import EDIT
from scoring.actions.talk import DISCUSS, talking
from scoring.compiler import compile_version
from scoring.models import ModelVersion, SampleLead, SampleVerdict

A_DRAW = 20
MOST_SAMPLES = 60


def draw_samples(version: ModelVersion, *, actor: User) -> list[SampleLead]:
    """Draw samples for a version, further ones where there are some; the same data gives the same ones.

    Raises Invalid while the draft cannot be read, Conflict while there is no data to draw from, when there are enough, or when
    nobody is left.
    """
    demand(actor, EDIT, to="draw sample leads")
    from scoring.columns import NotInSnapshot  # numpy is loaded by who measures, not by every process that starts
    from scoring.effect import newest_snapshot
    from scoring.sampling import draw

    spec = compile_version(version)
    snapshot = newest_snapshot()
    if snapshot is None:
        raise Conflict("The data that samples are drawn from is still being gathered. Try again in some minutes.", code="no_data")
    there = list(version.samples.values_list("no", "lead_id"))
    room = min(A_DRAW, MOST_SAMPLES - len(there))
    if room <= 0:
        raise Conflict(f"There are {len(there)} samples, which is enough to judge.", code="enough")
    try:  # before any lock: it judges every lead, and nobody could edit or talk meanwhile
        drawn = draw(spec, snapshot, room, version.pk, [lead for _, lead in there])
    except NotInSnapshot as missing:
        raise Conflict(f"The data does not hold {', '.join(missing.fields)}, which the draft asks for.", code="no_data") from None
    if not drawn:
        raise Conflict("There is no further lead in scope to draw.", code="nobody")
    with transaction.atomic(), talking(version, "draw_samples", actor=actor, needs=EDIT):
        if set(version.samples.values_list("no", "lead_id")) != set(there):
            raise Conflict("Somebody else drew samples at the same moment. They are there now.", code="drawn")
        first = max((no for no, _ in there), default=0) + 1
        return SampleLead.objects.bulk_create(
            SampleLead(version=version, no=first + place, lead_id=one.lead, case_id=one.case) for place, one in enumerate(drawn)
        )


def judge_sample(sample: SampleLead, word: str, *, actor: User) -> SampleVerdict | None:
    """Say for one's side whether a sample is a good lead; "" takes the word back.

    Once both sides have spoken their words are shown, and stand: whoever has seen the other's can no longer change their own.
    """
    side = actor.side
    if side is None:
        raise NotAllowed("Only people of marketing or of sales judge sample leads.")
    if word and word not in SampleVerdict.Word.values:
        raise Invalid("Say good, not good, or that you cannot say.", code="not_a_choice", field="word", value=word)
    version = sample.version
    with talking(version, "judge_sample" if word else "undo_sample", actor=actor, needs=DISCUSS):
        said = set(SampleVerdict.objects.select_for_update(no_key=True).filter(sample=sample).values_list("side", flat=True))
        if len(said) > 1:
            raise Conflict("Both sides have judged this lead and have seen each other’s word, so it stands.", code="shown")
        if not SampleLead.objects.filter(pk=sample.pk).exists():
            raise Conflict("This sample is gone: its lead was deleted.", code="gone")
        if not word:
            SampleVerdict.objects.filter(sample=sample, side=side).delete()
            return None
        verdict, _ = SampleVerdict.objects.update_or_create(
            sample=sample, side=side, defaults={"word": word, "by": actor, "at": clock.now()}
        )
    return verdict
