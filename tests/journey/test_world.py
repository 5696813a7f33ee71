"""The people the demonstration invents can be called."""

from random import Random

from config.demo.world import make_contact, make_firms
from leads.normalise import phone


def test_every_number_that_is_invented_can_exist():
    rng, taken = Random(7), set()
    people = [make_contact(rng, firm, taken) for firm in make_firms(rng, 200) for _ in range(3)]
    given = [(one.phone, one.firm.country) for one in people if one.phone]
    assert len(given) > 300
    assert [one for one in given if not phone(*one).usable] == []
