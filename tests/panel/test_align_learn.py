"""Prompts learned from stamps: found where they are planted, refused where times of day have no structure."""

import numpy as np
import pytest

from reldyn.errors import DataError
from reldyn.panel.aligning._align_learn import _costs, _divisions, learn_prompts

HOUR = 3600.0


def study(rng, lag, *, n_persons=8, n_days=10, n_prompts=5, answered=0.7, strays=0.0):
    """Answers of persons at prompts every three hours from nine o'clock."""
    person, day, prompt = (
        codes.ravel() for codes in np.meshgrid(range(n_persons), range(n_days), range(n_prompts), indexing="ij")
    )
    seconds = (9 + 3 * prompt) * HOUR + lag(rng, len(prompt))
    odd = rng.uniform(size=len(prompt)) < strays
    seconds[odd] = rng.uniform(0, 24 * HOUR, odd.sum())
    given = rng.uniform(size=len(prompt)) < answered
    return seconds[given], person[given], day[given]


LAGS = {
    "at the prompt": (lambda rng, n: np.zeros(n), 0.0),
    "minutes later": (lambda rng, n: rng.exponential(600, n), 600 * np.log(2)),
    "half an hour later": (lambda rng, n: rng.exponential(1500, n), 1500 * np.log(2)),
    "in windows of 90 minutes": (lambda rng, n: rng.uniform(0, 1.5 * HOUR, n), 0.75 * HOUR),
    "in windows of two hours": (lambda rng, n: rng.uniform(0, 2 * HOUR, n), HOUR),
}


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("n_prompts", [2, 3, 5])
@pytest.mark.parametrize("strays", [0.0, 0.02])
def test_planted_prompts_are_found(lag, n_prompts, strays):
    rng = np.random.default_rng([n_prompts, int(100 * strays)])
    draw, middle = LAGS[lag]
    at, width = learn_prompts(*study(rng, draw, n_prompts=n_prompts, strays=strays))
    assert len(at) == n_prompts
    np.testing.assert_allclose(at, (9 + 3 * np.arange(n_prompts)) * HOUR + middle, atol=0.25 * HOUR)
    assert 0 <= width <= 3 * HOUR


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_persons", [2, 40])
def test_times_spread_over_the_day_are_refused(seed, n_persons):
    rng = np.random.default_rng(seed)
    person, day = np.repeat(np.arange(n_persons), 35), np.tile(np.repeat(np.arange(7), 5), n_persons)
    with pytest.raises(DataError) as caught:
        learn_prompts(rng.uniform(9 * HOUR, 22 * HOUR, len(person)), person, day)
    assert str(caught.value) == (
        "the stamps show no clear prompts: persons answered 5.0 times a day, and their times of day do not gather "
        "around a few hours with clear gaps between them. Name the windows of the study, "
        "prompts=(('09:00', '12:00'), ('12:00', '15:00'), ...), or its clock times."
    )


@pytest.mark.parametrize("seed", range(5))
def test_blocks_without_gaps_are_refused(seed):
    """One moment in each three hours, drawn anew: the times of day are spread evenly."""
    with pytest.raises(DataError, match="no clear prompts"):
        learn_prompts(*study(np.random.default_rng(seed), lambda rng, n: rng.uniform(0, 3 * HOUR, n)))


def test_one_answer_a_day_is_one_prompt_whatever_its_hour():
    rng = np.random.default_rng(1)
    seconds = rng.uniform(17 * HOUR, 24 * HOUR, 200)
    at, _ = learn_prompts(seconds, np.repeat(np.arange(10), 20), np.tile(np.arange(20), 10))
    assert at.tolist() == [np.median(seconds)]


def test_two_groups_of_persons_with_hours_of_their_own_are_one_prompt_a_day():
    """Some answer at eight and some at twenty: nobody has two prompts."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(20), 10)
    seconds = np.where(person % 2 == 0, 8, 20) * HOUR + rng.uniform(0, 600, 200)
    at, _ = learn_prompts(seconds, person, np.tile(np.arange(10), 20))
    assert len(at) == 1


def test_a_day_that_starts_amid_the_answers_is_refused():
    """Answers from ten to midnight until half past: their second half would be a prompt of the next day."""
    rng = np.random.default_rng(1)
    person, night = np.repeat(np.arange(10), 40), np.tile(np.repeat(np.arange(20), 2), 10)
    clock = np.where(np.arange(400) % 2 == 0, 15 * HOUR, 23.83 * HOUR) + rng.uniform(0, 0.5 * HOUR, 400)
    with pytest.raises(DataError) as caught:
        learn_prompts(clock % (24 * HOUR), person, night + (clock >= 24 * HOUR))
    assert str(caught.value) == (
        "stamps gather around 00:00, where a day starts, so that one prompt falls into two days: choose an hour at "
        "which nobody answers, such as day_starts='08:00'."
    )
    at, _ = learn_prompts(clock - 8 * HOUR, person, night, 8 * HOUR)
    np.testing.assert_allclose(at, [7.25 * HOUR, 16.08 * HOUR], atol=0.1 * HOUR)


def test_the_division_has_the_smallest_sum_of_deviations_of_all():
    """Against all divisions of a few bins."""
    rng = np.random.default_rng(4)
    seconds = np.sort(rng.choice(np.arange(40) * 300.0, 9, replace=False)) + 1.0
    bins = np.floor(seconds / 300)

    def total(edges):
        parts = np.split(bins, edges)
        return sum(np.abs(part - np.median(part)).sum() for part in parts)

    two, three = _divisions(seconds, 3)
    best = min(total([first]) for first in range(1, 9))
    assert total(np.searchsorted(seconds, two)) == best
    best = min(total([first, second]) for first in range(1, 8) for second in range(first + 1, 9))
    assert total(np.searchsorted(seconds, three)) == best


def test_costs_are_sums_of_absolute_deviations_from_the_median():
    rng = np.random.default_rng(2)
    bins, weight = np.arange(6.0) ** 2, rng.integers(1, 5, 6)
    cost = _costs(bins, weight.astype(float))
    for first in range(6):
        for last in range(first, 6):
            values = np.repeat(bins[first : last + 1], weight[first : last + 1])
            assert cost[first, last] == pytest.approx(np.abs(values - np.median(values)).sum())
    assert np.isinf(cost[np.tril_indices(6, -1)]).all()
