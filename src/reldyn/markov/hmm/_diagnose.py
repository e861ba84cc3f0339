"""What a careful reader must know about a fitted model: degenerate, idle and still states."""

from __future__ import annotations

import itertools

import numpy as np

from reldyn._types import Array
from reldyn.markov.hmm._em import Work
from reldyn.markov.hmm._parameters import Parameters

# A channel whose squared changes within a state fall below this share of its overall squared changes stands still.
STILL = 0.05
# Laws that differ by no more than this, in SD, are the same.
SAME = 1e-8
# Fewer expected occasions than this say nothing about a state.
IDLE = 5.0


def diagnose(work: Work, p: Parameters, posterior: Array) -> tuple[str, ...]:
    """Return one sentence per finding; ``posterior`` is (states, occasions, series)."""
    notes: list[str] = []
    _note_alike(work, p, notes)
    _note_idle(work, posterior, notes)
    if work.design.emission != "ordered-probit":
        _note_floor(work, p, notes)
    _note_still(work, posterior, notes)
    return tuple(notes)


def _note_alike(work: Work, p: Parameters, notes: list[str]) -> None:
    laws = np.concatenate([p.location[0], p.skew[0], p.spread[0].reshape(len(p.location[0]), -1)], axis=1)
    for first, second in itertools.combinations(range(work.design.n_states), 2):
        if np.abs(laws[first] - laws[second]).max() < SAME:
            notes.append(
                f"States {first} and {second} are one and the same: EM cannot part states whose laws start alike. "
                "Give them different means in start, or leave start out."
            )


def _note_idle(work: Work, posterior: Array, notes: list[str]) -> None:
    visits = (posterior * work.problem.used).sum((1, 2))
    for state in np.flatnonzero(visits < IDLE):
        notes.append(
            f"State {state} holds only {visits[state]:.1f} occasions: its estimates mean nothing, use fewer states."
        )


def _note_floor(work: Work, p: Parameters, notes: list[str]) -> None:
    root = np.sqrt(work.problem.floor)
    states = range(work.design.n_states if work.design.covariance == "separate" else 1)
    for state in states:
        values, vectors = np.linalg.eigh(p.spread[0, state] / np.outer(root, root))
        if values[0] > 1.0 + 1e-6:
            continue
        channel = int(np.abs(vectors[:, 0]).argmax())
        whose = f"State {state}" if work.design.covariance == "separate" else "The shared covariance"
        reason = "one step of the scale, squared, over 12" if work.problem.stepped[channel] else "the smallest allowed"
        notes.append(
            f"{whose} sits at the floor of the variance, mostly of channel {channel} ({reason}): the likelihood "
            "would grow without limit there, on answers that are tied or lie in a line; it is no finding."
        )


def _note_still(work: Work, posterior: Array, notes: list[str]) -> None:
    """Name states within which a channel hardly changes from one occasion to the next."""
    problem = work.problem
    both = posterior[:, 1:] * posterior[:, :-1]
    for channel in range(problem.n_channels):
        pairs = problem.observed[channel, 1:] & problem.observed[channel, :-1]
        squares = np.where(pairs, np.diff(problem.lagged[channel], axis=0) ** 2, 0.0)
        if not pairs.any() or squares.sum() == 0.0:
            continue
        overall = float(squares.sum() / pairs.sum())
        for state in range(work.design.n_states):
            weight = both[state] * pairs
            if weight.sum() < IDLE:
                continue
            ratio = float((weight * squares).sum() / weight.sum()) / overall
            if ratio < STILL:
                share = float((posterior[state] * problem.inside).sum() / problem.inside.sum())
                notes.append(
                    f"State {state} ({share:.0%} of occasions) is where channel {channel} stands still: its mean "
                    f"squared change there is {ratio:.1%} of that in the whole series. It may mark answers that "
                    "were left as they stood, not a level."
                )


def note_optima(optima: Array, margin: float) -> tuple[str, ...]:
    """Say so if no second start came within ``margin`` of the best."""
    if len(optima) < 2 or int((optima >= optima.max() - margin).sum()) > 1:
        return ()
    behind = float(optima.max() - np.sort(optima)[-2])
    return (
        f"Only one of {len(optima)} starts reached the best optimum (the next is {behind:.2f} lower): raise n_starts.",
    )
