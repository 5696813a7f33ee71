from decimal import ROUND_FLOOR, Decimal, getcontext

import pytest

from scoring.decay import MAX_DAYS, checksum, decayed, next_steps, weights


def test_the_decay_table_is_the_pinned_one() -> None:
    assert checksum() == "a175ba3132d84a532660b347e8893f7d58f48c7efd014f50df84c627bc79bf48"


@pytest.mark.parametrize("half_life", [1, 7, 30, 45, 365, 3650])
def test_weights_are_the_formula_in_exact_arithmetic(half_life: int) -> None:
    getcontext().prec = 50
    exact = [
        int((1000 * Decimal("0.5") ** (Decimal(day) / half_life) + Decimal("0.5")).to_integral_value(ROUND_FLOOR))
        for day in range(0, MAX_DAYS, 13)
    ]
    assert list(weights(half_life)[::13]) == exact


def test_a_half_life_halves() -> None:
    assert (weights(30)[0], weights(30)[30], weights(30)[60]) == (1000, 500, 250)


def test_three_papers_of_0_30_and_60_days_keep_18_of_30_points() -> None:
    assert decayed(10, 1000 + 500 + 250) == 18


@pytest.mark.parametrize(("points", "weight"), [(10, 1750), (1, 500), (1, 499), (7, 333), (1000, 65_535_000)])
def test_rounding_is_half_away_from_zero_on_both_sides(points: int, weight: int) -> None:
    assert decayed(-points, weight) == -decayed(points, weight)
    assert decayed(points, weight) == int(Decimal(points * weight) / 1000 + Decimal("0.5"))


def test_the_next_step_is_the_first_day_with_another_weight() -> None:
    table, steps = weights(30), next_steps(30)
    for day in range(0, MAX_DAYS, 7):
        after = [later for later in range(day + 1, MAX_DAYS) if table[later] != table[day]]
        assert steps[day] == (after[0] if after else MAX_DAYS)


@pytest.mark.parametrize("half_life", [0, -1, 3651])
def test_a_half_life_outside_the_range_is_refused(half_life: int) -> None:
    with pytest.raises(ValueError, match="half-life"):
        weights(half_life)
