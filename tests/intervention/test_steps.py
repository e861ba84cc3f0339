import itertools

import numpy as np

from reldyn.intervention._draws import draw_serial
from reldyn.intervention._steps import find_steps, partition

RULES = {"max_changes": 2, "min_length": 7, "n_boot": 99}


def test_an_up_and_a_down_are_found_where_they_were_planted():
    generator = np.random.default_rng(2)
    step = np.arange(60)
    noise = draw_serial(np.ones(59, dtype=int), 0.3, 1, generator)[:, 0]
    found = find_steps(noise + 4.0 * ((step >= 20) & (step < 40)), step, **RULES, generator=generator)
    assert len(found.at) == 2
    assert np.abs(found.at - [20, 40]).max() <= 1


def test_changes_are_found_in_noise_no_more_often_than_told():
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(100):
        noise = draw_serial(np.ones(55, dtype=int), 0.5, 1, generator)[:, 0]
        hits += find_steps(noise, np.arange(56), **RULES, generator=generator).p_values[0] <= 0.05
    # Above 11 of 100 a true rate of .05 would come by chance once in two hundred.
    assert hits <= 11


def test_segments_are_the_best_of_all():
    y = np.random.default_rng(1).normal(size=14)
    gap = np.ones(13, dtype=int)
    _, places = partition(y[:, None], gap, 2, 3)

    def cost(at, phi):
        total = 0.0
        for part in np.split(y, at):
            unit = np.ones(len(part))
            unit[1:] *= (1 - phi) / np.sqrt(1 - phi**2)
            white = part.copy()
            white[1:] = (part[1:] - phi * part[:-1]) / np.sqrt(1 - phi**2)
            total += ((white - unit * (unit @ white) / (unit @ unit)) ** 2).sum()
        return 14 * np.log(total) + 13 * np.log(1 - phi**2)

    allowed = [at for at in itertools.combinations(range(3, 12), 2) if at[1] - at[0] >= 3]
    best = min(allowed, key=lambda at: min(cost(at, phi) for phi in (-0.3, 0.0, 0.2, 0.4, 0.6, 0.75, 0.9)))
    assert places[2].tolist() == list(best)


def test_changes_do_not_depend_on_the_zero():
    y = np.repeat([0.0, 0.9, 0.0], 20) + np.random.default_rng(3).normal(size=60)
    rules = {"max_changes": 2, "min_length": 7, "n_boot": 99}
    near, far = (
        find_steps(y + zero, np.arange(60), **rules, generator=np.random.default_rng(1)) for zero in (0.0, 1e8)
    )
    assert near.at.tolist() == far.at.tolist() == [20, 36]
    assert near.p_values == far.p_values
