"""Who follows whom: the difference of the two cross effects, with what could fake it taken out or named."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Column
from reldyn.coupling.autoregression._asymmetry_fit import PairAsymmetry, Settings, fit_pair
from reldyn.coupling.autoregression._asymmetry_result import AsymmetryResult
from reldyn.coupling.autoregression._confounds import confounds
from reldyn.errors import DesignError, check_option, is_number
from reldyn.panel import analysis
from reldyn.stats import pool

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, DyadSeries

__all__ = ["asymmetry"]

_NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
_FEWEST_DYADS = 3


@analysis
def asymmetry(
    panel: DyadPanel,
    variable: Column,
    *,
    time_of_day: bool = True,
    trend: bool = True,
    check: bool = True,
    reliability: float | Mapping[Hashable, float] | None = None,
    n_jobs: int = 1,
) -> AsymmetryResult:
    """Estimate, dyad by dyad, which partner's series runs ahead of the other's.

    The difference of the two cross effects of a first-order vector autoregression: first to second member minus
    second to first. Three things fake it and are dealt with. A daily rhythm that one partner lives later than the
    other is taken out by default. Missing answers cost only themselves: the likelihood carries the process across
    them. A partner who is measured with more error seems to lead less; the check shows what is left when both may be
    measured with error.

    Parameters
    ----------
    panel : DyadPanel
        A night counts as in `DyadPanel.clock`: as declared or by the clock, else three steps, and the result says so.
    variable : str
        Numeric column, the same scale for both members; missing values anywhere.
    time_of_day : bool, default True
        Take levels per scheduled time of day (two sine waves where there are more than twelve), and of weekends where
        days are dates, out of each member. Without it a shared rhythm with a lag is found as asymmetry in nearly
        every long series.
    trend : bool, default True
        Also estimate by how much the difference changes linearly from the first to the last occasion.
    check : bool, default True
        Also fit with measurement error of unknown size in each member. Costs three times the computing time.
    reliability : float or mapping of role to float, optional
        Known share of the variance within persons that is no error, above 0 up to 1, for instance from the items of a
        scale; then the effects are corrected for it and no check is needed.
    n_jobs : int, default 1
        Worker processes; the numbers do not depend on it.

    Returns
    -------
    AsymmetryResult
        ``tidy()`` has one row per dyad and effect, and rows of ``dyad`` "sample" that pool the differences by random
        effects over dyads, where roles tell the members apart and at least three dyads have an estimate; ``checks``
        has the check of each dyad.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        A reliability outside (0, 1], of an unknown role, or missing for one.

    Notes
    -----
    The sample's rows are random-effects means by restricted maximum likelihood with the intervals of Hartung and
    Knapp (2001): the precision of a dyad follows the length of its series, not its effect.

    Restricted maximum likelihood by an augmented Kalman filter; levels, drift and rhythm are regressors of each
    member. Intervals and p-values are those of Wald from the observed information, on Student's t. ``dominance`` is
    ``(|a| - |b|) / (|a| + |b|)`` of the two standardised effects. In the check, measurement error and low inertia
    are hard to tell apart in short series: `undecided` is the usual answer below some hundred occasions.

    References
    ----------
    Schuurman, Ferrer, de Boer-Sonnenschein and Hamaker (2016), Psychological Methods 21, 206-221, on comparing cross
    effects. Schuurman and Hamaker (2019), Psychological Methods 24, 70-91, on measurement error in them.
    De Jong (1991), Annals of Statistics 19, 1073-1083, for the filter.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=1, n_occasions=80, contagion=(0.3, 0.1), seed=1).panel
    >>> found = rd.coupling.asymmetry(panel, "mood", trend=False, check=False)
    >>> found.tidy()["effect"].tolist()[4:]
    ['difference', 'standardised difference', 'dominance']
    """
    import pandas as pd

    from reldyn.stats import map_seeded

    for name, switch in (("trend", trend), ("time_of_day", time_of_day), ("check", check)):
        check_option(switch, (True, False), name)
    pairs = list(panel.series(variable))
    tasks, notes = [], []
    for pair in pairs:
        regressors, told = confounds(pair, time_of_day=time_of_day)
        known = _known(reliability, pair, panel.roles)
        tasks.append((pair.values, pair.step, regressors, Settings(trend, check, known)))
        notes.append((*told, *panel.clock.notes))
    fits = map_seeded(_one, tasks, 0, n_jobs, label="asymmetry")
    rows = [row for pair, fit in zip(pairs, fits, strict=True) for row in _rows(pair, fit)]
    estimates = pd.DataFrame(rows)
    distinct = len(panel.roles) == 2 and all(pair.roles[0] != pair.roles[1] for pair in pairs)
    if distinct:
        estimates = pd.concat([estimates, *_pooled(estimates)], ignore_index=True)
    first, second = pairs[0].names if distinct or len(pairs) == 1 else ("first member", "second member")
    return AsymmetryResult.of(
        variable=variable,
        first=str(first),
        second=str(second),
        time_of_day=time_of_day,
        step_name=panel.clock.step_name,
        estimates=estimates,
        checks=_checks(pairs, fits) if check and reliability is None else pd.DataFrame(),
        dyads=_dyads(pairs, fits),
        notes=_warnings(fits, notes, distinct=distinct),
    )


def _one(task: tuple[Any, Any, Any, Settings], generator: np.random.Generator) -> PairAsymmetry:  # noqa: ARG001
    return fit_pair(*task)


def _known(
    reliability: float | Mapping[Hashable, float] | None, pair: DyadSeries, roles: tuple[Hashable, ...]
) -> tuple[float, float] | None:
    if reliability is None:
        return None
    given = list(reliability.values()) if isinstance(reliability, Mapping) else [reliability]
    if not all(is_number(one) and 0 < one <= 1 for one in given):
        raise DesignError(f"reliability={reliability!r}: a share of variance, above 0 and at most 1.")
    if isinstance(reliability, Mapping):
        lacking = [role for role in pair.names if role not in reliability]
        if lacking:
            raise DesignError(
                f"reliability names {', '.join(repr(name) for name in reliability)}, but not {lacking[0]!r}; "
                f"roles of the panel: {', '.join(repr(role) for role in roles) or 'none'}."
            )
        pairwise = (float(reliability[pair.names[0]]), float(reliability[pair.names[1]]))
    else:
        pairwise = (float(reliability), float(reliability))
    return pairwise


def _rows(pair: DyadSeries, fit: PairAsymmetry) -> list[dict[str, Any]]:
    first, second = pair.names
    rows = []
    for cells in fit.rows:
        effect, model, way = cells["effect"], cells["model"], cells["direction"]
        source, target = (second, first) if way == 1 else (first, second)
        if effect == "inertia":
            source = target = pair.names[way]
        rows.append(
            {
                "term": f"dyad {pair.dyad}: {_term(effect, model, source, target)}",
                "dyad": pair.dyad,
                "effect": effect,
                "model": model,
                "source": source,
                "target": target,
                **{name: cells[name] for name in _NUMBERS},
                "n_obs": fit.n_obs,
                "note": fit.note,
            }
        )
    return rows


def _term(effect: str, model: str, source: Hashable, target: Hashable) -> str:
    by = ", with measurement error" if model == "latent" else ""
    if effect == "inertia":
        return f"{source} on its own past"
    if effect == "influence":
        return f"{source} to {target}"
    return f"{effect}, {source} to {target} minus the reverse{by}"


def _pooled(estimates: pd.DataFrame) -> list[pd.DataFrame]:
    """Random-effects means over dyads of the differences; nothing where dyads are few."""
    import pandas as pd

    found = []
    kinds = estimates[["effect", "model"]].drop_duplicates().itertuples(index=False)
    for effect, model in kinds:
        if effect not in ("difference", "standardised difference", "change", "influence"):
            continue
        rows = estimates[(estimates["effect"] == effect) & (estimates["model"] == model)]
        for (source, target), part in rows.groupby(["source", "target"], sort=False):
            cells = _combined(part["estimate"].to_numpy(dtype=float), part["std_error"].to_numpy(dtype=float))
            if cells:
                term = f"sample: {_term(str(effect), str(model), source, target)}"
                who = {"term": term, "dyad": "sample", "effect": effect, "model": model}
                who |= {"source": source, "target": target}
                found.append(pd.DataFrame([who | cells | {"n_obs": int(part["n_obs"].sum())}]))
    return found


def _combined(value: Array, error: Array) -> dict[str, Any]:
    """Random-effects mean over dyads; empty where dyads are few."""
    found = pool(value, error, by="reml").row()
    n = int(found["n"])
    if n < _FEWEST_DYADS:
        return {}
    note = f"random effects over {counted(n, 'dyad')}, between-dyad SD {found['between_sd']:.3f}"
    lost = f"; {found['note']}" if found["note"] else ""
    return {name: found[name] for name in _NUMBERS} | {"note": note + lost}


def _checks(pairs: list[DyadSeries], fits: list[PairAsymmetry]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for pair, fit in zip(pairs, fits, strict=True):
        member = int(fit.check["vanishes_if"])
        rows.append({"dyad": pair.dyad, **fit.check, "vanishes_if": pair.names[member] if member >= 0 else ""})
    return pd.DataFrame(rows)


def _dyads(pairs: list[DyadSeries], fits: list[PairAsymmetry]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "dyad": pair.dyad,
            "n_obs": fit.n_obs,
            "log_likelihood": fit.log_likelihood,
            "converged": fit.converged,
            "note": fit.note,
        }
        for pair, fit in zip(pairs, fits, strict=True)
    ]
    return pd.DataFrame(rows)


def _warnings(fits: list[PairAsymmetry], notes: list[tuple[str, ...]], *, distinct: bool) -> tuple[str, ...]:
    found = []
    absent = sum(math.isnan(fit.log_likelihood) for fit in fits)
    failed = sum(not fit.converged and not math.isnan(fit.log_likelihood) for fit in fits)
    if absent:
        have = agreeing(absent, "has", "have")
        found.append(f"{absent} of {counted(len(fits), 'dyad')} {have} no estimate; `dyads` says why.")
    if failed:
        have = agreeing(failed, "has", "have")
        found.append(f"{failed} of {counted(len(fits), 'dyad')} {have} no verified maximum; the rows say so.")
    shared = sorted({text for told in notes for text in told})
    found += [f"{text} ({sum(text in told for told in notes)} of {counted(len(notes), 'dyad')})." for text in shared]
    if not distinct and len(fits) > 1:
        found.append("No two roles tell all members apart: signs of differences are not comparable between dyads.")
    return tuple(found)
