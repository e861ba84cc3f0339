"""Figures of perception: each perceiver's forces, how directional bias moves over time, the two kinds of empathy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reldyn.errors import DesignError
from reldyn.plot._given import draws_result
from reldyn.plot._layers import course
from reldyn.plot._style import GREY, INK, MEMBERS, SHAPES, axes_or_new, figure_of, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["dissociation", "similarity", "social_accuracy", "truth_and_bias"]


@draws_result("rd.perception.truth_and_bias(panel, ...)")
def truth_and_bias(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw each perceiver's truth force beside the bias force, and what changes over time.

    Parameters
    ----------
    result : TruthBiasResult
        Of `reldyn.perception.truth_and_bias`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; only for a model without ``over_time``.

    Returns
    -------
    matplotlib.figure.Figure
        Small dots are perceivers, drawn towards the mean as far as their data are few; the large dot is the estimate
        with 95 % intervals. Without a variable of bias the vertical axis is directional bias. With ``over_time`` two
        more panels have the fitted directional bias and truth force with 95 % bands.

    Raises
    ------
    DesignError
        ``ax`` is given for a model with ``over_time``.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, seed=1).panel.actor_partner(["mood"])
    >>> fit = rd.perception.truth_and_bias(panel, judgment="perceived", truth="mood_partner", bias="mood_actor")
    >>> fit.plot().axes[0].get_xlabel()
    'truth force'
    """
    told: Any = result
    changing = bool(told.setting.over_time)
    if ax is not None and changing:
        raise DesignError(
            "the model changes over time, which takes three panels, and one axes holds one: leave ax out."
        )
    with style():
        if not changing:
            first = axes_or_new(ax, 4.0, 3.4)
            figure = figure_of(first)
        else:
            figure = new_figure(9.6, 3.2)
            first, *more = figure.subplots(1, 3)
            for panel, effect in zip(more, ("directional bias", "truth force"), strict=True):
                _course(panel, told, effect)
        _forces(first, told)
    return figure


def _roles(result: Any) -> list[str]:
    return [str(role) for role in dict.fromkeys(result.tidy()["role"])]


def _forces(ax: Axes, result: Any) -> None:
    people, table = result.perceivers(), result.tidy()
    upright = "bias_force" if "bias_force" in people else "directional_bias"
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    for place, role in enumerate(_roles(result)):
        colour = MEMBERS[place % len(MEMBERS)]
        mine = people if role == "" else people[people["role"] == role]
        look: dict[str, Any] = {"marker": SHAPES[colour], "alpha": 0.35, "markersize": 3.5, "markeredgewidth": 0}
        ax.plot(mine["truth_force"], mine[upright], ls="", color=colour, **look)
    for place, role in enumerate(_roles(result)):
        colour = MEMBERS[place % len(MEMBERS)]
        rows = table[(table["role"] == role) & (table["moderator"] == "")].drop_duplicates("effect").set_index("effect")
        x, y = rows.loc["truth force"], rows.loc[upright.replace("_", " ")]
        ax.errorbar(
            [x["estimate"]],
            [y["estimate"]],
            xerr=[[x["estimate"] - x["conf_low"]], [x["conf_high"] - x["estimate"]]],
            yerr=[[y["estimate"] - y["conf_low"]], [y["conf_high"] - y["estimate"]]],
            fmt=SHAPES[colour],
            color=colour,
            markersize=7,
            markeredgecolor=INK,
            ecolor=INK,
            label=role or "all perceivers",
        )
    ax.set_xlabel("truth force")
    ax.set_ylabel(upright.replace("_", " "))
    ax.set_title(f"Perceivers of {result.setting.truth}")
    if len(_roles(result)) > 1:
        ax.legend()


def _course(ax: Axes, result: Any, effect: str) -> None:
    time, lines = result.setting.over_time, result.course()
    if effect == "directional bias":
        ax.axhline(0.0, color=GREY, linewidth=0.8)
    for place, role in enumerate(_roles(result)):
        mine = lines[(lines["effect"] == effect) & (lines["role"] == role)]
        colour = MEMBERS[place % len(MEMBERS)]
        ax.fill_between(mine[time], mine["conf_low"], mine["conf_high"], color=colour, alpha=0.2, linewidth=0)
        # Dashed for the second role: the first picture has a legend of colours, which print without colours has not.
        course(ax, mine[time], mine["estimate"], colour, ls=("-", "--")[place % 2], label=role or None)
    if len(_roles(result)) > 1:
        ax.legend()
    ax.set_xlabel(time)
    ax.set_ylabel(effect)
    ax.set_title(f"{effect.capitalize()} over time")


@draws_result("rd.perception.dissociation(panel, ...)")
def dissociation(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw each perceiver's accuracy beside the contagion.

    Parameters
    ----------
    result : DissociationResult
        Of `reldyn.perception.dissociation`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None makes a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are perceivers, as correlations within the person (Fisher z); the large dot has the means with 95 %
        intervals. On the thin diagonal both would be the same.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, n_occasions=30, seed=1).panel
    >>> found = rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=19, seed=1)
    >>> found.plot().axes[0].get_ylabel()
    'contagion (z)'
    """
    told: Any = result
    people, rows = told.perceivers().dropna(subset=["difference"]), told.tidy().set_index("term")
    with style():
        axes = _crossed(axes_or_new(ax, 4.0, 3.6), "accuracy (z)", "contagion (z)")
        axes.axline((0.0, 0.0), slope=1.0, color=GREY, linewidth=0.8, linestyle=":")
        roles = list(dict.fromkeys(people["role"]))
        for place, role in enumerate(roles):
            mine, colour = people[people["role"] == role], MEMBERS[place % len(MEMBERS)]
            look: dict[str, Any] = {"marker": SHAPES[colour], "alpha": 0.5, "markeredgewidth": 0, "label": role or None}
            axes.plot(mine["accuracy"], mine["contagion"], ls="", color=colour, **look)
        _mean_point(axes, rows.loc["accuracy"], rows.loc["contagion"])
        axes.set_title(f"Seeing and catching {told.affect}")
        if len(roles) > 1:
            axes.legend()
    return figure_of(axes)


@draws_result("rd.perception.social_accuracy(...)")
def social_accuracy(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw each perceiver's normative accuracy beside the distinctive one.

    Parameters
    ----------
    result : SocialAccuracyResult
        Of `reldyn.perception.social_accuracy`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None makes a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are perceivers, drawn towards the mean as far as their ratings are few; the large dot has the means with
        95 % intervals.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"perceiver": np.repeat(range(8), 5), "item": np.tile(range(5), 8)})
    >>> frame["target"] = rng.normal(4, 1, 40) + frame["item"]
    >>> frame["impression"] = 0.6 * frame["target"] + rng.normal(0, 1, 40)
    >>> rd.perception.social_accuracy(frame).plot().axes[0].get_xlabel()
    'distinctive accuracy'
    """
    told: Any = result
    people, rows = told.perceivers(), told.tidy().set_index("term")
    with style():
        axes = _crossed(axes_or_new(ax, 4.0, 3.4), "distinctive accuracy", "normative accuracy")
        axes.plot(
            people["distinctive_accuracy"],
            people["normative_accuracy"],
            "o",
            color=MEMBERS[0],
            alpha=0.5,
            markeredgewidth=0,
        )
        _mean_point(axes, rows.loc["distinctive accuracy"], rows.loc["normative accuracy"])
        axes.set_title("Accuracy of impressions")
    return figure_of(axes)


def _crossed(axes: Axes, x: str, y: str) -> Axes:
    """Label the axes, and draw the lines of zero."""
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes


def _mean_point(ax: Axes, x: Any, y: Any) -> None:
    ax.errorbar(
        [x["estimate"]],
        [y["estimate"]],
        xerr=[[x["estimate"] - x["conf_low"]], [x["conf_high"] - x["estimate"]]],
        yerr=[[y["estimate"] - y["conf_low"]], [y["conf_high"] - y["estimate"]]],
        fmt="o",
        color="white",
        markersize=7,
        markeredgecolor=INK,
        ecolor=INK,
    )


@draws_result("rd.perception.similarity(panel, ...)")
def similarity(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw the mean similarity of dyads beside that of pseudo-couples.

    Parameters
    ----------
    result : SimilarityResult
        Of `reldyn.perception.similarity`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None makes a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Of the first variable: bars are means of pseudo-couples, lines those of the dyads, raw and distinctive, as
        correlations.

    Raises
    ------
    DesignError
        The result has no pseudo-couples.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, n_occasions=30, seed=1).panel
    >>> found = rd.perception.similarity(panel, ["mood"], over="occasions", n_permutations=99, seed=1)
    >>> found.plot().axes[0].get_xlabel()
    'mean correlation of mood'
    """
    import numpy as np

    told: Any = result
    if not len(told.pseudo):
        raise DesignError("there are no pseudo-couples to draw: compute with n_permutations above 0.")
    # Pseudo-couples are kept of the first variable.
    rows = told.tidy().drop_duplicates("kind").set_index("kind")
    variable = str(rows["variable"].iloc[0])
    with style():
        axes = axes_or_new(ax, 4.4, 3.0)
        for place, term in enumerate(("raw", "distinctive")):
            drawn = np.tanh(told.pseudo[:, place])
            axes.hist(
                drawn[np.isfinite(drawn)], bins=25, color=MEMBERS[place], alpha=0.35, label=f"{term}: pseudo-couples"
            )
            axes.axvline(float(rows.loc[term, "estimate"]), color=MEMBERS[place], linewidth=2, label=f"{term}: dyads")
        axes.set_xlabel(f"mean correlation of {variable}" if variable else "mean correlation")
        axes.set_ylabel("samples of pseudo-couples")
        axes.set_title("Accuracy of profiles" if told.accuracy else "Similarity of partners")
        # Below the axes, where no line is.
        axes.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=2)
    return figure_of(axes)
