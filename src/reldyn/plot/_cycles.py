"""Figures of a detection: verdicts over the sample, phases over time, moves between phases, null distributions."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn.errors import DesignError, check_option
from reldyn.plot._given import draws_result
from reldyn.plot._style import BLUE, GREEN, GREY, INK, ORANGE, PALE, SKY, new_figure, style
from reldyn.results import equals_p

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    from reldyn.cycles import CycleResult, Outcome

__all__ = ["cycles", "null_distribution", "phase_ribbon", "transition_wheel", "verdict_map"]

_VERDICTS = {"supported": ORANGE, "rhythm": GREEN, "not supported": BLUE, "not decidable": PALE}
# The colours are of one grey in print, so verdicts differ in their hatching as well, and phases in their lightness.
_HATCHES = {"supported": "", "rhythm": "----", "not supported": "xxxx", "not decidable": ""}
_PHASES = {"cold": "#4095C5", "middle": "#8CC3E2", "warm": "#F3CDAE"}
_NAMES = {2: ("cold", "warm"), 3: ("cold", "middle", "warm")}
_PER_ROW = 20
_PANELS_IN_A_ROW = 3
_CLAIMS = ("regimes", "periodic", "irregular", "directed", "volatility", "reinforcement")
# Below one move in a hundred an arrow would only clutter the wheel.
_FAINT = 0.01


@draws_result("rd.detect_cycles(panel, ...)")
def cycles(
    result: CycleResult,
    *,
    view: Literal["verdicts", "phases", "wheel", "null"] = "verdicts",
    dyad: Hashable = None,
    giver: Hashable = None,
) -> Figure:
    """Draw a detection in one of its views.

    Parameters
    ----------
    result : CycleResult
    view : {"verdicts", "phases", "wheel", "null"}, default "verdicts"
        See `verdict_map`, `phase_ribbon`, `transition_wheel` and `null_distribution`.
    dyad, giver : label, optional
        Which dyad, and for the last two views which direction of it. Default: the first with fitted phases.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DesignError
        ``view`` is not known, or no direction was tested.
    DataError
        There is no such dyad or giver.

    Examples
    --------
    >>> import reldyn as rd, warnings
    >>> panel = rd.simulate.cycles("linear", n_dyads=2, n_occasions=40, seed=1).panel
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", rd.DataWarning)
    ...     found = rd.detect_cycles(panel, warmth="warmth", n_surrogates=19, seed=1)
    >>> cycles(found).axes[0].get_title("left")
    'verdicts about 4 directions'
    """
    check_option(view, ("verdicts", "phases", "wheel", "null"), "view")
    if view == "verdicts":
        return verdict_map(result)
    if view == "phases":
        return phase_ribbon(result, dyad=dyad)
    draw = transition_wheel if view == "wheel" else null_distribution
    return draw(result, dyad=dyad, giver=giver)


@draws_result("rd.detect_cycles(panel, ...)", figure="cycles")
def verdict_map(result: CycleResult, *, adjusted: bool = True) -> Figure:
    """Draw the verdict about every direction as a tile, two tiles to a dyad.

    Parameters
    ----------
    result : CycleResult
    adjusted : bool, default True
        Verdicts by p-values adjusted over directions.

    Returns
    -------
    matplotlib.figure.Figure
        One cell per dyad in the order of the panel; its left half is the direction from the first giver, its
        right half that from the second.

    Examples
    --------
    >>> import reldyn as rd, warnings
    >>> panel = rd.simulate.cycles("linear", n_dyads=3, n_occasions=40, seed=1).panel
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", rd.DataWarning)
    ...     found = rd.detect_cycles(panel, warmth="warmth", n_surrogates=19, seed=1)
    >>> len(rd.plot.verdict_map(found).axes[0].patches)
    6
    """
    from matplotlib.patches import Patch, Rectangle

    table = result.verdicts(adjusted=adjusted)
    dyads = list(dict.fromkeys(table["dyad"]))
    place = {dyad: divmod(at, _PER_ROW) for at, dyad in enumerate(dyads)}
    n_rows = place[dyads[-1]][0] + 1
    n_columns = min(_PER_ROW, len(dyads))
    counts = table["verdict"].value_counts()
    with style():
        figure = new_figure(max(4.6, 1.2 + 0.36 * n_columns), 1.45 + 0.44 * n_rows)
        ax = figure.subplots()
        seen: dict[Hashable, int] = {}
        for row in table.itertuples():
            line, column = place[row.dyad]
            half = seen.get(row.dyad, 0)
            seen[row.dyad] = half + 1
            corner = (column + 0.04 + 0.46 * half, line + 0.08)
            ax.add_patch(Rectangle(corner, 0.45, 0.6, edgecolor="white", **_tile(str(row.verdict))))
        size = 6 if len(dyads) > _PER_ROW else 8
        for dyad, (line, column) in place.items():
            ax.text(column + 0.5, line + 0.95, str(dyad), ha="center", va="bottom", fontsize=size, color=GREY)
        ax.set_xlim(0, n_columns)
        ax.set_ylim(n_rows + 0.05, 0)
        ax.set_axis_off()
        ax.set_title(f"verdicts about {len(table)} directions")
        givers = list(dict.fromkeys(table["giver"]))
        # Where roles are not the same in every dyad the halves have no common name.
        halves = f"left half: warmth from {givers[0]}; right half: from {givers[1]}" if len(givers) == 2 else None
        handles = [
            Patch(edgecolor=GREY if colour == PALE else "white", label=f"{name} ({counts.get(name, 0)})", **_tile(name))
            for name, colour in _VERDICTS.items()
        ]
        figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=2 if n_columns < 14 else 4,
            title=halves,
            title_fontsize=8,
            alignment="left",
        )
    return figure


def _tile(verdict: str) -> dict[str, Any]:
    return {"facecolor": _VERDICTS[verdict], "hatch": _HATCHES[verdict]}


@draws_result("rd.detect_cycles(panel, ...)", figure="cycles")
def phase_ribbon(result: CycleResult, *, dyad: Hashable = None) -> Figure:
    """Draw the phases of both directions of a dyad over time, with the answers on top.

    Parameters
    ----------
    result : CycleResult
    dyad : label, optional
        Default: the first dyad with fitted phases.

    Returns
    -------
    matplotlib.figure.Figure
        One row per direction: the height of each colour is the probability of a phase; dots are answers about
        warmth on the item's range. The verdict stands above, because phases are drawn whether or not the data
        need them.

    Raises
    ------
    DesignError
        No direction has fitted phases.
    DataError
        There is no such dyad, or none of its directions has fitted phases.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=1).panel
    >>> found = rd.detect_cycles(panel, warmth="warmth", response="response", n_surrogates=19, seed=1)
    >>> len(rd.plot.phase_ribbon(found, dyad=1).axes)
    2
    """
    dyad = _first(result).dyad if dyad is None else dyad
    shown = [one for one in result.outcomes if one.dyad == dyad]
    if not shown:
        result.outcome(dyad, None)
    table = result.verdicts()
    known = zip(table["dyad"].tolist(), table["giver"].tolist(), strict=True)
    verdicts = dict(zip(known, table["verdict"].tolist(), strict=True))
    with style():
        figure = new_figure(8.2, 0.9 + 1.65 * len(shown))
        rows = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
        for ax, one in zip(rows, shown, strict=True):
            _draw_ribbon(ax, one)
            ax.set_title(f"dyad {one.dyad}, warmth from {one.giver}: {verdicts[(one.dyad, one.giver)]}")
        rows[-1].set_xlabel("scheduled occasion")
        drawn = {name for one in shown if one.fit is not None for name in _NAMES[one.fit.n_states]}
        handles = [_swatch(colour, name) for name, colour in _PHASES.items() if name in drawn]
        if handles:
            figure.legend(handles=handles, loc="outside lower right", ncols=3, title=None)
    return figure


def _swatch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, label=f"{name} phase")


def _draw_ribbon(ax: Axes, one: Outcome) -> None:
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if not len(one.y):
        ax.text(0.5, 0.5, "no answers", transform=ax.transAxes, ha="center", color=GREY)
        return
    at = np.arange(1, len(one.y) + 1)
    if one.fit is None:
        ax.text(
            0.5, 0.94, "; ".join(one.reasons), transform=ax.transAxes, ha="center", va="top", color=GREY, fontsize=8
        )
    else:
        edges = np.append(at - 0.5, at[-1] + 0.5)
        bottom = np.zeros(len(at))
        for state, name in enumerate(_NAMES[one.fit.n_states]):
            top = bottom + one.fit.posterior[:, state]
            ax.stairs(top, edges, baseline=bottom, fill=True, color=_PHASES[name], lw=0)
            bottom = top
    answers = one.y[:, 0]
    low, high = float(np.nanmin(answers)), float(np.nanmax(answers))
    height = 0.06 + 0.88 * (answers - low) / max(high - low, 1e-9)
    ax.plot(at, height, color=INK, lw=0.6, marker="o", ms=2.2, alpha=0.85)
    ax.set_xlim(0.5, len(at) + 0.5)
    ax.set_ylim(0, 1)
    ax.set_yticks([0.06, 0.94], [f"{low:g}", f"{high:g}"])
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel("warmth")


def _first(result: CycleResult) -> Outcome:
    for one in result.outcomes:
        if one.fit is not None:
            return one
    raise DesignError("no direction carried a test, so there are no phases to draw; verdicts() says why.")


def _chosen(result: CycleResult, dyad: Hashable, giver: Hashable) -> Outcome:
    if dyad is None:
        one = _first(result)
    elif giver is None:
        own = [one for one in result.outcomes if one.dyad == dyad]
        if not own:
            return result.outcome(dyad, giver)
        one = next((found for found in own if found.fit is not None), own[0])
    else:
        one = result.outcome(dyad, giver)
    if one.fit is None:
        raise DesignError(f"dyad {one.dyad!r}, warmth from {one.giver!r}, carried no test: {'; '.join(one.reasons)}.")
    return one


@draws_result("rd.detect_cycles(panel, ...)", figure="cycles")
def transition_wheel(result: CycleResult, *, dyad: Hashable = None, giver: Hashable = None) -> Figure:
    """Draw the moves between phases of one direction as a wheel, with the net flow around it.

    Parameters
    ----------
    result : CycleResult
    dyad, giver : label, optional
        Which direction. Default: the first with fitted phases.

    Returns
    -------
    matplotlib.figure.Figure
        Discs: phases, their area by the share of time, with the mean dwell time. Arrows: how often one phase
        follows another, by width and in percent of all moves. Below them net circulation: the share of moves
        in excess of the opposite direction, counted positive from cold over middle to warm; with two phases
        there is none.

    Raises
    ------
    DesignError
        The direction carried no test.
    DataError
        There is no such dyad or giver.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=1).panel
    >>> found = rd.detect_cycles(panel, warmth="warmth", response="response", n_surrogates=19, seed=1)
    >>> rd.plot.transition_wheel(found).axes[0].get_title("left")[:6]
    'dyad 1'
    """
    one = _chosen(result, dyad, giver)
    fit = one.fit
    if fit is None:
        raise DesignError("no phases were fitted.")
    share = fit.posterior.mean(axis=0)
    moves = share[:, None] * fit.transition
    np.fill_diagonal(moves, 0.0)
    total = float(moves.sum())
    moves = moves / total if total > 0 else moves
    names = _NAMES[fit.n_states]
    turns = np.pi / 2 + 2 * np.pi * np.arange(fit.n_states) / fit.n_states
    # Cold at the lower left, so that the forward direction runs clockwise over the top.
    angle = turns[0] + 2 * np.pi / 3 - 2 * np.pi * np.arange(3) / 3 if fit.n_states == 3 else turns + np.pi / 2
    centre = np.column_stack([np.cos(angle), np.sin(angle)])
    with style():
        figure = new_figure(4.8, 4.6 if fit.n_states == 3 else 3.4)
        ax = figure.subplots()
        discs = [
            _draw_disc(ax, centre[state], name, float(share[state]), float(fit.dwell_means[state]))
            for state, name in enumerate(names)
        ]
        for start in range(fit.n_states):
            for end in range(fit.n_states):
                if start != end and moves[start, end] >= _FAINT:
                    _draw_move(ax, discs[start], discs[end], float(moves[start, end]))
        if fit.n_states == 3 and math.isfinite(fit.circulation):
            found = next((test for test in one.tests if test.claim == "directed"), None)
            tested = "" if found is None else f", p {equals_p(found.p_value)}"
            ax.text(0, -1.12, f"net flow {fit.circulation:+.2f}{tested}", ha="center", va="center", fontweight="bold")
        ax.set_xlim(-1.65, 1.65)
        ax.set_ylim((-1.25, 1.55) if fit.n_states == 3 else (-0.85, 0.85))
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_title(f"dyad {one.dyad}, warmth from {one.giver}")
    return figure


def _draw_disc(ax: Axes, centre: np.ndarray, name: str, share: float, dwell: float) -> Circle:
    from matplotlib.patches import Circle

    disc = Circle(tuple(centre), 0.18 + 0.3 * math.sqrt(share), facecolor=_PHASES[name], lw=0, zorder=3)
    ax.add_patch(disc)
    ax.text(centre[0], centre[1] + 0.03, name, ha="center", va="bottom", fontweight="bold", color=INK, zorder=4)
    lines = f"{share:.0%} of time\n{dwell:.1f} beeps"
    ax.text(centre[0], centre[1] - 0.02, lines, ha="center", va="top", fontsize=7, color=INK, zorder=4)
    return disc


def _draw_move(ax: Axes, first: Circle, then: Circle, share: float) -> None:
    """An arrow from the edge of one disc to that of another."""
    from matplotlib.patches import FancyArrowPatch

    start, end = np.array(first.center), np.array(then.center)
    arrow = FancyArrowPatch(
        tuple(start),
        tuple(end),
        connectionstyle="arc3,rad=-0.22",
        arrowstyle="-|>",
        mutation_scale=9 + 14 * share,
        lw=0.8 + 8 * share,
        color=GREY,
        patchA=first,
        patchB=then,
        shrinkA=2,
        shrinkB=3,
    )
    ax.add_patch(arrow)
    middle, along = (start + end) / 2, end - start
    aside = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    spot = middle + 0.30 * aside
    ax.text(spot[0], spot[1], f"{share:.0%}", ha="center", va="center", fontsize=7, color=INK)


@draws_result("rd.detect_cycles(panel, ...)", figure="cycles")
def null_distribution(result: CycleResult, *, dyad: Hashable = None, giver: Hashable = None) -> Figure:
    """Draw every test of one direction: the statistic of the data among those of its surrogates.

    Parameters
    ----------
    result : CycleResult
    dyad, giver : label, optional
        Which direction. Default: the first with fitted phases.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per claim. Where sequential stopping ended a run, only the surrogates drawn until then; none where
        a test was decided without any. Of *regimes*, a surrogate that falls short of the data against the first
        descriptions without phases is compared with no others: an upper bound of its statistic is drawn. The title says
        by which share of the level p-values are divided, where phases of other dyads are used.

    Raises
    ------
    DesignError
        The direction carried no test.
    DataError
        There is no such dyad or giver.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=80, seed=1).panel
    >>> found = rd.detect_cycles(panel, warmth="warmth", n_surrogates=19, seed=1)
    >>> rd.plot.null_distribution(found).axes[0].get_title("left")[:7]
    'regimes'
    """
    one = _chosen(result, dyad, giver)
    shown: list[tuple[str, float, float, np.ndarray]] = [
        (test.claim, test.statistic, test.p_value, test.null_statistics) for test in one.tests if test.claim in _CLAIMS
    ]
    bound = one.reinforcement
    if bound is not None and not bound.note:
        shown.append(("reinforcement", bound.statistic, bound.p_value, bound.null_statistics))
    shown.sort(key=lambda item: _CLAIMS.index(item[0]))
    n_columns = min(len(shown), _PANELS_IN_A_ROW)
    n_rows = -(-len(shown) // n_columns)
    with style():
        figure = new_figure(2.6 * n_columns + 0.4, 2.2 * n_rows + 0.3)
        panels = np.atleast_1d(figure.subplots(n_rows, n_columns)).ravel()
        for ax in panels[len(shown) :]:
            ax.remove()
        for ax, item in zip(panels, shown, strict=False):
            _draw_null(ax, *item)
        shown_as = "the line: the data; the bars: surrogates"
        # Such p-values are larger than the share of bars beyond the line.
        shares = {test.weight for test in one.tests if test.weight < 1}
        shown_as += "".join(f"; p of regimes and irregular divided by {share:g}" for share in shares)
        figure.suptitle(
            f"dyad {one.dyad}, warmth from {one.giver} ({shown_as})", x=0.01, ha="left", fontsize=9, color=GREY
        )
    return figure


def _draw_null(ax: Axes, claim: str, observed: float, p_value: float, statistics: np.ndarray) -> None:
    ax.set_title(f"{claim}: p {equals_p(p_value)}")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if not len(statistics):
        ax.set_xticks([])
        ax.text(0.5, 0.5, "decided without surrogates", transform=ax.transAxes, ha="center", color=GREY)
        return
    finite = statistics[np.isfinite(statistics)]
    ax.hist(finite, bins=min(30, max(6, len(finite) // 6)), color=SKY, edgecolor="white", lw=0.4)
    ax.axvline(observed, color=ORANGE, lw=2)
    at_most = " (at most)" if claim == "regimes" else ""
    ax.set_xlabel(f"statistic of {len(statistics)} surrogates{at_most}")
