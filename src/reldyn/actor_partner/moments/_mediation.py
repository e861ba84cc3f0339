"""`mediation`: the actor-partner interdependence mediation model (Ledermann, Macho and Kenny, 2011).

Each member's predictors reach each member's outcome through both members' mediators: four simple indirect effects per
outcome, predictor and mediator. Estimates are maximum likelihood; a product of two estimates is not normal, so
intervals come from resampled dyads or from draws of the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Column, Columns
from reldyn.actor_partner._categories import categories_of, with_indicators
from reldyn.actor_partner._causes import one_sided_notes
from reldyn.actor_partner.moments._dyads import DyadTable, FamilyResult, dyad_table, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._mediation_bootstrap import bootstrap_paths, incomplete_bootstrap_paths
from reldyn.actor_partner.moments._mediation_structure import (
    MediationVariables,
    mediation_structure,
    path_labels,
)
from reldyn.actor_partner.moments._mediation_tables import effects_table, k_table, paths_table
from reldyn.actor_partner.moments._moment_model import NOT_CONVERGED, likelihood_phrase
from reldyn.actor_partner.moments._sem import SemFit, fit_structure
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import analysis
from reldyn.results import InState, InTables, equals_p
from reldyn.stats import known_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["MediationResult", "mediation"]

INTERVALS = ("bootstrap", "monte-carlo", "delta")


class MediationResult(FamilyResult):
    """Direct, indirect and total effects of an actor-partner mediation.

    Attributes
    ----------
    table : pandas.DataFrame
        Indirect, direct and total effects.
    paths : pandas.DataFrame
        The paths they are made of.
    k : pandas.DataFrame
        Partner over actor path, of each pair of paths.
    n_dyads : int
    outcome : str
    predictors, mediators, covariates : tuple of str
    roles : tuple
    interval : {"bootstrap", "monte-carlo", "delta"}
    n_draws, n_failed : int
        Samples or draws behind the intervals, and those that could not be fitted.
    seed : int or None
    log_likelihood : float
    statistic, df, p_value : float, int, float
        Against the saturated model (of exchangeable members: the interchangeable one); NaN without degrees of freedom.
    converged : bool
    missing : {"available", "model"}
    notes : tuple of str
    """

    paths = InTables()
    k = InTables()
    outcome = InState[str]()
    predictors = InState[tuple[str, ...]]()
    mediators = InState[tuple[str, ...]]()
    covariates = InState[tuple[str, ...]]()
    roles = InState[tuple[Any, ...]]()
    interval = InState[str]()
    n_draws = InState[int]()
    n_failed = InState[int]()
    seed = InState[int | None]()
    log_likelihood = InState[float]()
    statistic = InState[float]()
    df = InState[int]()
    p_value = InState[float]()
    converged = InState[bool]()
    missing = InState[str]("available")

    figure: ClassVar[str | None] = "mediation_diagram"

    def _headline(self) -> str:
        start, middle = ", ".join(self.predictors), ", ".join(self.mediators)
        return f"Actor-partner mediation: {start} to {self.outcome} through {middle}"

    def _methods(self) -> str:
        who = f"members distinguished by role ({self.roles[0]}, {self.roles[1]})" if self.roles else "members alike"
        how = {
            "bootstrap": f"percentiles of {counted(self.n_draws, 'sample')} of whole dyads (seed {self.seed})",
            "monte-carlo": f"percentiles of {self.n_draws:,} draws from the estimates' covariance (seed {self.seed})",
            "delta": "normal intervals with delta-method standard errors",
        }[self.interval]
        held = f" with {', '.join(self.covariates)} held constant in every equation" if self.covariates else ""
        fit = f", chi-squared({self.df}) = {self.statistic:.3f}, p {equals_p(self.p_value)}" if self.df else ""
        several = " Residuals of different mediators correlate." if len(self.mediators) > 1 else ""
        return (
            f"The actor-partner interdependence mediation model was fitted to {counted(self.n_dyads, 'dyad')}, "
            f"{who}{held}, by {likelihood_phrase(self.missing)} (log-likelihood "
            f"{self.log_likelihood:.3f}{fit}).{several} Intervals (95 %): {how}. Whether a mediator lies on the way "
            "from predictor to outcome is an assumption, not a finding (Ledermann, Macho and Kenny, 2011)."
        )

    def _about(self) -> dict[str, Any]:
        names = ("log_likelihood", "statistic", "df", "p_value", "converged", "interval", "n_draws", "n_failed", "seed")
        return {name: getattr(self, name) for name in names}


@analysis
def mediation(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictor: str | Sequence[str],
    mediator: str | Sequence[str],
    covariates: Columns = (),
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    missing: Literal["available", "model"] = "available",
    interval: Literal["bootstrap", "monte-carlo", "delta"] | None = None,
    n_boot: int = 5000,
    seed: Any = None,
    reference: Mapping[Column, Any] | None = None,
) -> MediationResult:
    """Fit the actor-partner mediation model.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    outcome : str
    predictor, mediator : str or sequence of str
        One or several of each. Several mediators stand side by side: none depends on another, their residuals
        correlate.
    covariates : str or sequence of str
        Columns held constant in the equations of all mediators and of the outcome: each member's own value, or the
        dyad's where partners never differ. For the partner's value too, make the variable a predictor. Categorical
        ones (text, pandas categories, and those named in ``reference``) enter as indicators of each category against
        the reference.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.
    interval : {"bootstrap", "monte-carlo", "delta"}, optional
        Whole dyads are resampled, because that assumes least; Monte Carlo draws from the normal distribution of the
        estimates; the delta method treats products as normal, which they are not. None: the bootstrap, and Monte Carlo
        with ``missing="model"``, where each sample is a search of its own (some minutes for 5000).
    n_boot : int, default 5000
        Samples or draws: enough for the second decimal of a 2.5 % point.
    seed : int, SeedSequence or Generator, optional
        None draws one and keeps it.
    reference : mapping of str to category, optional
        The category of a categorical covariate that the others are set against; None: the first one.

    Returns
    -------
    MediationResult
        ``tidy()``: ``term``, ``effect`` (``indirect``, ``specific indirect``: both ways through one of several
        mediators, ``total indirect``, ``direct``, ``total``), ``kind`` (``actor-actor``, ``partner-actor``, ... : the
        path to the mediator, then the path from it), ``predictor``, ``mediator``, ``from`` (whose predictor),
        ``through`` (whose mediator), ``role`` (whose outcome), ``estimate``, ``std_error`` (delta method),
        ``statistic``, ``df``, ``p_value`` (z), ``conf_low``, ``conf_high``. ``paths`` has the paths, ``k`` the ratio
        of partner to actor path with the same kind of interval and a ``note`` where it means little.

    Raises
    ------
    DesignError
        A variable is missing or named twice, or the model cannot be estimated from these dyads.

    References
    ----------
    Ledermann, Macho and Kenny (2011), Assessing mediation in dyadic data using the actor-partner interdependence
    model. Kenny and Ledermann (2010), Detecting, measuring, and testing dyadic patterns, for k.

    Examples
    --------
    >>> import numpy as np, reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=80, actor=0.4, partner=0.2, seed=1).panel
    >>> rows = panel.frame
    >>> rows["m"] = 0.5 * rows["x"] + np.random.default_rng(2).normal(size=len(rows))
    >>> panel = rd.DyadPanel(rows, dyad="dyad", person="person", role="role")
    >>> fit = rd.actor_partner.mediation(panel, outcome="y", predictor="x", mediator="m", n_boot=200, seed=3)
    >>> fit.tidy()["effect"].value_counts().to_dict()
    {'indirect': 8, 'total indirect': 4, 'direct': 4, 'total': 4}
    """
    named = {"outcome": (outcome,), "predictor": _names(predictor), "mediator": _names(mediator)}
    named["covariates"] = _names(covariates)
    _refuse_incomplete(named, {"predictor": predictor, "mediator": mediator, "outcome": outcome})
    if interval is None:
        interval = "bootstrap" if missing == "available" else "monte-carlo"
    check_option(interval, INTERVALS, "interval")
    if interval != "delta":
        check_count(n_boot, "n_boot", 2)
    categories = categories_of(panel, outcome, named["covariates"], reference, "covariate")
    # Before dyads are counted: the cause of their lack.
    one_sided = one_sided_notes(panel, outcome, named["covariates"])
    warn_all(one_sided)
    panel, named["covariates"] = with_indicators(panel, named["covariates"], categories)
    main = (*named["predictor"], *named["mediator"], outcome)
    data = dyad_table(
        panel,
        main,
        analysis="mediation",
        outcomes=[*named["mediator"], outcome],
        roles=roles,
        missing=missing,
        covariates=named["covariates"],
    )
    variables = MediationVariables(
        predictors=named["predictor"],
        mediators=named["mediator"],
        outcome=outcome,
        covariates=tuple(name for name in named["covariates"] if name not in data.shared),
        shared=tuple(data.shared),
    )
    fit = _fitted(data, variables)
    seed = known_seed(seed) if interval != "delta" else None
    draws, failed = _draws(fit, data, variables, interval, n_boot, seed)
    notes = (*data.notes, *_faults(fit, failed, n_boot))
    warn_all(notes)
    notes = (*one_sided, *notes)
    return _result(fit, data, variables, notes, draws, interval=interval, failed=failed, seed=seed, missing=missing)


def _names(given: Any) -> tuple[Any, ...]:
    if given is None or isinstance(given, str):
        return (given,) if given else ()
    return tuple(given) if isinstance(given, Sequence) else (given,)


def _refuse_incomplete(named: Mapping[str, tuple[Any, ...]], given: Mapping[str, Any]) -> None:
    for role, value in given.items():
        if not named[role] or not all(isinstance(name, str) and name for name in named[role]):
            raise DesignError(
                f"mediation needs a {role}, and {value!r} is none: an indirect effect has two paths, from the "
                "predictor to the mediator and from the mediator to the outcome, and without one of them there is "
                "nothing to multiply. For direct effects alone use rd.apim."
            )
    main = [name for role in ("outcome", "predictor", "mediator") for name in named[role]]
    if len(set(main)) < len(main):
        listed = ", ".join(
            f"{role} {', '.join(map(repr, named[role]))}" for role in ("outcome", "predictor", "mediator")
        )
        raise DesignError(
            "mediation needs three different variables: a variable that is its own mediator leaves a path out. "
            f"Given: {listed}."
        )


def _fitted(data: DyadTable, variables: MediationVariables) -> SemFit:
    alike = not data.distinguishable
    moments = data.moments((*variables.personal, *variables.shared))
    if alike:
        moments = double_entry(moments, len(variables.shared))
    return fit_structure(mediation_structure(variables, alike=alike), moments)


def _faults(fit: SemFit, failed: int, n_boot: int) -> tuple[str, ...]:
    notes = []
    if not fit.converged:
        notes.append(NOT_CONVERGED)
    if failed:
        notes.append(
            f"{failed} of {n_boot} resampled sets of dyads could not be fitted and are left out of the intervals."
        )
    return tuple(notes)


def _draws(
    fit: SemFit, data: DyadTable, variables: MediationVariables, interval: str, n_boot: int, seed: int | None
) -> tuple[NDArray[np.float64] | None, int]:
    """Draws of the paths (n, p), and how many samples could not be fitted."""
    if interval == "delta":
        return None, 0
    alike, generator = not data.distinguishable, np.random.default_rng(seed)
    labels = path_labels(variables, alike=alike)
    if interval == "monte-carlo":
        theta, cov = fit.subset(labels)
        root = np.linalg.cholesky(cov)
        return theta + generator.standard_normal((n_boot, len(theta))) @ root.T, 0
    values = data.stacked((*variables.personal, *variables.shared))
    if fit.moments.patterns:
        found = incomplete_bootstrap_paths(values, fit.structure, fit.moments, fit.theta, labels, n_boot, generator)
    else:
        mediators = [f"{name}.{member}" for name in variables.mediators for member in (1, 2)]
        groups = (mediators, [f"{variables.outcome}.1", f"{variables.outcome}.2"])
        found = bootstrap_paths(
            values, fit.structure, groups, labels, n_boot, generator, alike=alike, n_shared=len(variables.shared)
        )
    whole = np.isfinite(found).all(axis=1)
    if not whole.any():
        raise DesignError(
            f"mediation: none of {n_boot} resampled sets of {counted(data.n, 'dyad')} could be fitted. Ask for more "
            "samples (n_boot), take interval='monte-carlo', or leave variables out."
        )
    return found[whole], int(n_boot - whole.sum())


def _degrees_of_freedom(fit: SemFit, variables: MediationVariables, *, alike: bool) -> int:
    """Of the model within the saturated one; exchangeable members have fewer moments."""
    if not alike:
        return fit.df
    v, s = len(variables.personal), len(variables.shared)
    return v + v * (v + 1) + s + s * (s + 1) // 2 + s * v - len(fit.theta)


def _result(
    fit: SemFit,
    data: DyadTable,
    variables: MediationVariables,
    notes: tuple[str, ...],
    draws: NDArray[np.float64] | None,
    *,
    interval: str,
    failed: int,
    seed: int | None,
    missing: str,
) -> MediationResult:
    from scipy import stats

    df = _degrees_of_freedom(fit, variables, alike=not data.distinguishable)
    return MediationResult.of(
        table=effects_table(fit, data, variables, draws),
        paths=paths_table(fit, data, variables),
        k=k_table(fit, data, variables, draws),
        n_dyads=data.n,
        outcome=variables.outcome,
        predictors=variables.predictors,
        mediators=variables.mediators,
        covariates=(*variables.covariates, *variables.shared),
        roles=data.roles,
        interval=interval,
        n_draws=len(draws) if draws is not None else 0,
        n_failed=failed,
        seed=seed,
        log_likelihood=fit.indices()["log_likelihood"],
        statistic=fit.statistic if df else 0.0,
        df=df,
        p_value=float(stats.chi2.sf(fit.statistic, df)) if df else float("nan"),
        converged=fit.converged,
        missing=missing,
        notes=notes,
    )
