"""`transition_logit`: does a state follow one's own last state, or the partner's, as logits for sample and dyads.

Aggregated logit models of dyads: Bakeman and Gottman (1997); Kenny, Kashy and Cook (2006), Dyadic Data Analysis. The
estimates themselves are in ``_logit_fit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column
from reldyn.coupling._checks import AVERAGES, AverageBy, averaging_text, check_switches, members_by_role, pooling_of
from reldyn.coupling.sequences._categories import Bins, Categories, categories_of
from reldyn.coupling.sequences._logit_fit import LogitFit, pooled_logit, table_logit, transition_counts
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import DyadSeries, analysis
from reldyn.results import InState, InTables, Result
from reldyn.stats import pool

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section


__all__ = ["TransitionLogitResult", "transition_logit"]

_EFFECTS = ("intercept", "actor", "partner", "interaction")
_NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")


class TransitionLogitResult(Result):
    """Logits of the next state on both partners' last states.

    Attributes
    ----------
    pooled : pandas.DataFrame
        What `tidy` returns.
    averages : pandas.DataFrame
        The same columns and ``between_sd``: the logits of single dyads averaged.
    dyads : pandas.DataFrame
        One row per dyad, member and effect: ``dyad``, ``role`` (person where roles tell nothing), ``effect``,
        ``estimate``, ``std_error``, ``n_pairs``, ``note``.
    variable, outcome_state : str
        The latter is the state set against all others.
    states : tuple of str
    lag : int
    lags_lead : str
        Where lags lead: ``within days`` or ``from day to day``; empty where no days are named.
    average_by : str
    notes : tuple of str
    """

    pooled = InTables()
    averages = InTables()
    dyads = InTables()
    variable = InState[str]()
    outcome_state = InState[str]()
    states = InState[tuple[str, ...]]()
    lag = InState[int]()
    lags_lead = InState[str]("")
    average_by = InState[str]()

    # Where no role tells the two apart, the column holds the person.
    person_columns: ClassVar[tuple[str, ...]] = ("role",)

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any]) -> Self:
        # Files of schemas 1 and 2 call it by the name that is now every result's record.
        old = "states" in fields
        return super()._from_fields({**fields, "outcome_state": fields["state"]} if old else fields)

    def tidy(self) -> pd.DataFrame:
        """One row per role and effect, all dyads in one logit.

        ``term``, ``effect``, ``role`` (whose next state; empty where partners cannot be told apart), ``estimate`` (log
        odds), ``std_error`` (clustered by dyad), ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``,
        ``odds_ratio`` (odds for the intercept), ``n_dyads``, ``note``.
        """
        return self.pooled.copy()

    def glance(self) -> pd.DataFrame:
        """One row: dyads, dyads with a logit of their own, pairs of occasions and lag."""
        import pandas as pd

        each = self.dyads[self.dyads["effect"] == "actor"]
        row = {
            "n_dyads": each["dyad"].nunique(),
            "n_dyads_used": each.loc[each["n_pairs"] > 0, "dyad"].nunique(),
            "n_dyads_estimated": each.loc[each["estimate"].notna(), "dyad"].nunique(),
            "n_obs": int(each["n_pairs"].sum()),
            "lag": self.lag,
        }
        return pd.DataFrame([row])

    def _headline(self) -> str:
        return f"Transition logits of {self.variable} = {self.outcome_state} against the rest"

    def _methods(self) -> str:
        counts = self.glance().iloc[0]
        lag = f"Lag {self.lag}" + (f", {self.lags_lead}" if self.lags_lead else "")
        return (
            f"{lag}; {counted(int(counts['n_obs']), 'pair')} of occasions, {counts['n_dyads_used']} of "
            f"{counted(int(counts['n_dyads']), 'dyad')}. All dyads in one logit; standard errors clustered by dyad "
            f"(Mancl and DeRouen, 2001). Logits of {counted(int(counts['n_dyads_estimated']), 'single dyad')} (.5 "
            f"added to tables with an empty cell) summarised by {averaging_text(self.average_by)}."  # type: ignore[arg-type]
        )

    def _sections(self) -> Iterable[Section]:
        names = ["term", "estimate", "std_error", "p_value", "conf_low", "conf_high", "odds_ratio", "n_dyads"]
        yield "All dyads in one logit", self.pooled[names]
        yield "Logits of single dyads, averaged", self.averages[names]


@analysis
def transition_logit(
    panel: DyadPanel,
    variable: Column,
    *,
    state: str | float | None = None,
    bins: Bins = None,
    lag: int = 1,
    interaction: bool = False,
    average_by: AverageBy = "mean",
) -> TransitionLogitResult:
    """Regress being in a state on one's own and the partner's last state, by logits.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        A dichotomy, codes as numbers, or answers to be cut into states by ``bins``.
    state : str, float or None, default None
        The state set against all others, by its label or its code. None: the higher of two; with more states it must
        be said.
    bins : int, sequence of float or None, default None
        As in `state_space_grid`.
    lag : int, default 1
        Scheduled occasions between before and after: from day to day in a diary of one entry a day, else within days.
    interaction : bool, default False
        Add the product of both last states. ``actor`` then holds where the partner was not in the state, and
        ``partner`` where one was not oneself; the product needs every combination often, so it is left out unless
        asked for.
    average_by : {"mean", "random-effects"}, default "mean"
        How the logits of single dyads become one: the plain mean, because log odds are tied to their standard errors,
        or the random-effects mean, as in `lag_sequential`.

    Returns
    -------
    TransitionLogitResult
        ``tidy()``: one logit for the sample, per role where roles tell all partners apart; ``averages``: the mean of
        the dyads' own logits; ``dyads``: each of them. A pair of occasions counts where both partners answered at
        both. What cannot be estimated (no pairs, states that never vary, outcomes that the states before separate)
        is NaN with a ``note``; so are the errors where dyads are not more than coefficients.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        An option is not known, the lag is below 1, or there are too few or too many states.

    Notes
    -----
    The two answers differ in what they hold. The sample's logit treats all dyads as having the same base rate: lasting
    differences between dyads, or between persons, show as an actor effect, and as a partner effect where partners
    resemble each other. Logits of single dyads are free of that, but in short series their actor effects lean
    downwards and the .5 added to empty cells draws them towards zero. Where both agree neither matters much. A rhythm
    that partners share, such as the time of day, enters both.

    References
    ----------
    Bakeman and Gottman (1997), Observing Interaction, 2nd ed. Kenny, Kashy and Cook (2006), Dyadic Data Analysis. Liang
    and Zeger (1986), Biometrika 73. Mancl and DeRouen (2001), Biometrics 57.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=12, n_occasions=60, inertia=0.4, contagion=0.3, seed=1).panel
    >>> found = rd.coupling.transition_logit(panel, "mood", bins=[5.0])
    >>> found.tidy()["effect"].tolist()[:3], bool((found.tidy()["odds_ratio"][[1, 2]] > 1).all())
    (['intercept', 'actor', 'partner'], True)
    """
    import pandas as pd

    check_option(average_by, AVERAGES, "average_by")
    check_count(lag, "lag", 1)
    check_switches(interaction=interaction)
    states = categories_of(panel, variable, bins)
    chosen = _chosen(states, state, variable)
    pairs = list(panel.series(variable))
    counts = np.stack([_counts(pair, states, chosen, lag) for pair in pairs])
    by_role = members_by_role(panel)
    rows = [
        row
        for pair, tables in zip(pairs, counts, strict=True)
        for name, table in zip(pair.names, tables, strict=True)
        for row in _dyad_rows(pair, name, table, interaction)
    ]
    dyads = pd.DataFrame(rows)
    names = list(panel.index.roles) if by_role else [""]
    pooled = _pooled(counts, names, interaction)
    return TransitionLogitResult.of(
        pooled=pooled,
        averages=_averages(dyads, names, interaction, average_by),
        dyads=dyads,
        variable=variable,
        outcome_state=states.labels[chosen],
        states=states.labels,
        lag=int(lag),
        lags_lead=panel.clock.lags_lead,
        average_by=average_by,
        notes=_remarks(pooled, dyads),
    )


def _chosen(states: Categories, state: str | float | None, variable: str) -> int:
    if state is None:
        if len(states.labels) > 2:
            raise DesignError(
                f"{variable!r} has {len(states.labels)} states: say by state which of them is set against the rest, "
                f"one of {', '.join(states.labels)}."
            )
        return 1
    numbers = isinstance(state, (int, float, np.integer, np.floating))
    # Labels of numbers that look alike in six digits have more.
    texts = [f"{state:.{digits}g}" for digits in range(6, 18)] if numbers else [state]
    label = next((text for text in texts if isinstance(text, str) and text in states.labels), texts[0])
    check_option(label, states.labels, "state")
    return states.labels.index(label)


def _counts(pair: DyadSeries, states: Categories, chosen: int, lag: int) -> Array:
    """(2, 4, 2): each member's table."""
    inside = (states.code(pair.values.ravel()).reshape(-1, 2) == chosen).astype(float)
    earlier, later = pair.complete_lags(lag)
    tables = [transition_counts(inside[earlier, one], inside[earlier, 1 - one], inside[later, one]) for one in (0, 1)]
    return np.stack(tables)


def _dyad_rows(pair: DyadSeries, name: Any, table: Array, interaction: bool) -> list[dict[str, Any]]:
    fit = table_logit(table, interaction)
    return [
        {
            "dyad": pair.dyad,
            "role": name,
            "effect": effect,
            "estimate": float(fit.beta[place]),
            "std_error": float(fit.std_error[place]),
            "n_pairs": int(table.sum()),
            "note": fit.note,
        }
        for place, effect in enumerate(_effects(interaction))
    ]


def _effects(interaction: bool) -> tuple[str, ...]:
    return _EFFECTS if interaction else _EFFECTS[:3]


def _pooled(counts: Array, names: list[Any], interaction: bool) -> pd.DataFrame:
    """Partners who cannot be told apart share one logit, and their dyad stays one cluster."""
    import pandas as pd

    rows = []
    for place, name in enumerate(names):
        tables = counts[:, place] if len(names) == 2 else counts.sum(axis=1)
        fit = pooled_logit(tables, interaction)
        n_dyads = int((tables.sum(axis=(1, 2)) > 0).sum())
        rows += [
            {**_named(name, effect), **_inference(fit, at, n_dyads), "n_dyads": n_dyads, "note": fit.note}
            for at, effect in enumerate(_effects(interaction))
        ]
    return pd.DataFrame(rows)


def _named(name: Any, effect: str) -> dict[str, Any]:
    return {"term": f"{name}: {effect}" if name != "" else effect, "effect": effect, "role": name}


def _inference(fit: LogitFit, at: int, n_dyads: int) -> dict[str, float]:
    """Student's t with dyads minus coefficients as degrees of freedom."""
    from scipy import stats

    estimate, error = float(fit.beta[at]), float(fit.std_error[at])
    df = float(n_dyads - len(fit.beta)) if np.isfinite(error) else float("nan")
    statistic = estimate / error if error > 0 else float("nan")
    reach = float(stats.t.ppf(0.975, df)) * error
    return {
        "estimate": estimate,
        "std_error": error,
        "statistic": statistic,
        "df": df,
        "p_value": float(2 * stats.t.sf(abs(statistic), df)),
        "conf_low": estimate - reach,
        "conf_high": estimate + reach,
        "odds_ratio": float(np.exp(estimate)),
    }


def _averages(dyads: pd.DataFrame, names: list[Any], interaction: bool, by: AverageBy) -> pd.DataFrame:
    """Partners who cannot be told apart are averaged within their dyad first."""
    import pandas as pd

    rows = []
    for name in names:
        for effect in _effects(interaction):
            part = dyads[dyads["effect"] == effect]
            part = part if name == "" else part[part["role"] == name]
            estimate, error = (part[column].to_numpy(dtype=float) for column in ("estimate", "std_error"))
            found = pool(estimate, error, part["dyad"].tolist(), pooling_of(by)).row()
            rows.append(
                {
                    **_named(name, effect),
                    **{number: found[number] for number in _NUMBERS},
                    "odds_ratio": float(np.exp(found["estimate"])),
                    "between_sd": found["between_sd"],
                    "n_dyads": int(found["n"]),
                    "note": found["note"],
                }
            )
    return pd.DataFrame(rows)


def _remarks(pooled: pd.DataFrame, dyads: pd.DataFrame) -> tuple[str, ...]:
    notes = [f"{term!s}: {note!s}." for term, note in zip(pooled["term"], pooled["note"], strict=True) if note]
    each = dyads[dyads["effect"] == "actor"]
    without = int(each["estimate"].isna().sum())
    if without:
        notes.append(
            f"{without} of {counted(len(each), 'member')} "
            f"{agreeing(without, 'has no logit of its', 'have no logit of their')} own: see the notes of `dyads`."
        )
    filled = int(each["note"].str.startswith("empty cells").sum())
    if filled:
        notes.append(
            f"{filled} of {counted(len(each), 'member')} {agreeing(filled, 'has', 'have')} an empty cell, and .5 added "
            "to every cell."
        )
    return tuple(notes)
