"""`mediation`: the actor-partner interdependence mediation model (Ledermann, Macho and Kenny, 2011).

Each member's predictor reaches each member's outcome through both mediators: four simple indirect effects per outcome.
Estimates are maximum likelihood; a product of two estimates is not normal, so intervals come from resampled dyads or
from draws of the estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn.actor_partner.moments._dyads import DyadTable, FamilyResult, dyad_table, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._moments import moments_of
from reldyn.actor_partner.moments._sem import SemFit, delta, fit_structure
from reldyn.actor_partner.moments._structures import mediation_structure
from reldyn.errors import DesignError, check_option
from reldyn.stats import known_seed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["MediationResult", "mediation"]

# Paths in the order of every coefficient array: the equations of member 1, then of member 2.
KINDS = ("a actor", "a partner", "b actor", "b partner", "c actor", "c partner")
INTERVALS = ("bootstrap", "monte-carlo", "delta")
# Effect, the member whose predictor starts it (0: the outcome's own), and how it is built.
SIMPLE = (
    ("actor-actor", "own", "own", "a actor", "b actor", False),
    ("partner-partner", "own", "partner", "a partner", "b partner", True),
    ("partner-actor", "partner", "own", "a partner", "b actor", False),
    ("actor-partner", "partner", "partner", "a actor", "b partner", True),
)


@dataclass(frozen=True)
class MediationResult(FamilyResult):
    """Direct, indirect and total effects of an actor-partner mediation.

    Attributes
    ----------
    table : pandas.DataFrame
        Indirect, direct and total effects.
    paths : pandas.DataFrame
        The paths they are made of.
    n_dyads : int
    outcome, predictor, mediator : str
    roles : tuple
    interval : {"bootstrap", "monte-carlo", "delta"}
    n_draws, n_failed : int
        Samples or draws behind the intervals, and those that could not be fitted.
    seed : int or None
    log_likelihood : float
    converged : bool
    warnings : tuple of str
    """

    table: pd.DataFrame
    paths: pd.DataFrame
    n_dyads: int
    outcome: str
    predictor: str
    mediator: str
    roles: tuple[Any, ...]
    interval: str
    n_draws: int
    n_failed: int
    seed: int | None
    log_likelihood: float
    converged: bool
    warnings: tuple[str, ...] = ()

    figure: ClassVar[str | None] = "mediation_diagram"

    def _headline(self) -> str:
        return f"Actor-partner mediation: {self.predictor} to {self.outcome} through {self.mediator}"

    def _methods(self) -> str:
        who = f"members distinguished by role ({self.roles[0]}, {self.roles[1]})" if self.roles else "members alike"
        how = {
            "bootstrap": f"percentiles of {self.n_draws:,} samples of whole dyads (seed {self.seed})",
            "monte-carlo": f"percentiles of {self.n_draws:,} draws from the estimates' covariance (seed {self.seed})",
            "delta": "normal intervals with delta-method standard errors",
        }[self.interval]
        return (
            f"The actor-partner interdependence mediation model was fitted to {self.n_dyads} dyads, {who}, by maximum "
            f"likelihood (log-likelihood {self.log_likelihood:.3f}). Intervals (95 %): {how}. Whether a mediator lies "
            "on the way from predictor to outcome is an assumption, not a finding (Ledermann, Macho and Kenny, 2011)."
        )

    def _about(self) -> dict[str, Any]:
        return {
            "log_likelihood": self.log_likelihood,
            "converged": self.converged,
            "interval": self.interval,
            "n_draws": self.n_draws,
            "n_failed": self.n_failed,
            "seed": self.seed,
        }


def mediation(
    panel: DyadPanel,
    *,
    outcome: str,
    predictor: str,
    mediator: str,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    interval: Literal["bootstrap", "monte-carlo", "delta"] = "bootstrap",
    n_boot: int = 5000,
    seed: Any = None,
) -> MediationResult:
    """Fit the actor-partner mediation model.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad. Dyads that lack a value are left out, with a warning.
    outcome, predictor, mediator : str
        Three different columns.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them.
    interval : {"bootstrap", "monte-carlo", "delta"}, default "bootstrap"
        Whole dyads are resampled by default, because that assumes least; Monte Carlo draws from the normal
        distribution of the estimates; the delta method treats products as normal, which they are not.
    n_boot : int, default 5000
        Samples or draws: enough for the second decimal of a 2.5 % point.
    seed : int, SeedSequence or Generator, optional
        None draws one and keeps it.

    Returns
    -------
    MediationResult
        ``tidy()``: ``term``, ``effect`` (``indirect``, ``total indirect``, ``direct``, ``total``), ``from`` (whose
        predictor), ``through`` (whose mediator), ``role`` (whose outcome), ``kind`` (``actor-actor``,
        ``partner-actor``, ... : the path to the mediator, then the path from it), ``estimate``, ``std_error`` (delta
        method), ``statistic``, ``df``, ``p_value`` (z), ``conf_low``, ``conf_high``.

    Raises
    ------
    DesignError
        A variable is missing or named twice, or the model cannot be estimated from these dyads.

    References
    ----------
    Ledermann, Macho and Kenny (2011), Assessing mediation in dyadic data using the actor-partner interdependence
    model.

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
    check_option(interval, INTERVALS, "interval")
    _refuse_incomplete({"outcome": outcome, "predictor": predictor, "mediator": mediator})
    data = dyad_table(panel, [predictor, mediator, outcome], analysis="mediation", roles=roles)
    names = dict(zip("xmy", (predictor, mediator, outcome), strict=True))
    values = {letter: data.values[name] for letter, name in names.items()}
    stacked = np.hstack([values[letter] for letter in "xmy"])
    moments, alike = moments_of(stacked), not data.distinguishable
    fit = fit_structure(mediation_structure(alike=alike), double_entry(moments) if alike else moments)
    seed = known_seed(seed) if interval != "delta" else None
    draws, failed = _draws(fit, stacked, interval, n_boot, seed)
    notes = (*data.notes, *(_failed_note(failed, n_boot) if failed else ()))
    warn_all(notes)
    return MediationResult(
        table=_effects_table(fit, data, draws),
        paths=_paths_table(fit, data, names),
        n_dyads=data.n,
        outcome=outcome,
        predictor=predictor,
        mediator=mediator,
        roles=data.roles,
        interval=interval,
        n_draws=len(draws) if draws is not None else 0,
        n_failed=failed,
        seed=seed,
        log_likelihood=fit.indices()["log_likelihood"],
        converged=fit.converged,
        warnings=notes,
    )


def _refuse_incomplete(named: dict[str, Any]) -> None:
    for role, name in named.items():
        if not isinstance(name, str) or not name:
            raise DesignError(
                f"mediation needs a {role}, and {name!r} is none: an indirect effect has two paths, from the predictor "
                "to the mediator and from the mediator to the outcome, and without one of them there is nothing to "
                "multiply. For direct effects alone use rd.apim."
            )
    if len(set(named.values())) < 3:
        raise DesignError(
            "mediation needs three different variables: a variable that is its own mediator leaves a path out. "
            f"Given: {', '.join(f'{role} {name!r}' for role, name in named.items())}."
        )


def _failed_note(failed: int, n_boot: int) -> tuple[str, ...]:
    return (f"{failed} of {n_boot} resampled sets of dyads could not be fitted and are left out of the intervals.",)


def _labels(fit: SemFit) -> tuple[str, ...]:
    """Labels of the twelve paths, or of the six that members share."""
    alike = "a actor" in fit.structure.labels
    return KINDS if alike else tuple(f"{kind}.{member}" for member in (1, 2) for kind in KINDS)


def _draws(
    fit: SemFit, values: NDArray[np.float64], interval: str, n_boot: int, seed: int | None
) -> tuple[NDArray[np.float64] | None, int]:
    """Draws of the paths (n, 12 or 6), and how many samples could not be fitted."""
    if interval == "delta":
        return None, 0
    generator = np.random.default_rng(seed)
    labels = _labels(fit)
    if interval == "monte-carlo":
        theta, cov = fit.subset(labels)
        root = np.linalg.cholesky(cov)
        return theta + generator.standard_normal((n_boot, len(theta))) @ root.T, 0
    found = bootstrap_paths(values, n_boot, generator, alike=len(labels) == len(KINDS))
    whole = np.isfinite(found).all(axis=1)
    return found[whole], int(n_boot - whole.sum())


def bootstrap_paths(
    values: NDArray[np.float64], n_boot: int, generator: np.random.Generator, *, alike: bool
) -> NDArray[np.float64]:
    """Paths of samples of whole dyads, (n_boot, 12 or 6), in the order of `KINDS`; NaN rows where undetermined.

    Parameters
    ----------
    values : (n, 6) array
        ``x`` of both members, ``m`` of both, ``y`` of both.
    n_boot : int
    generator : Generator
    alike : bool
        Whether members share their paths.
    """
    n = len(values)
    out = np.full((n_boot, len(KINDS) * (1 if alike else 2)), np.nan)
    products = np.einsum("ni,nj->nij", *(2 * [np.column_stack([np.ones(n), values])])).reshape(n, -1)
    for start in range(0, n_boot, 500):
        size = min(500, n_boot - start)
        # How often each dyad was drawn is all that its moments need.
        counts = generator.multinomial(n, np.full(n, 1 / n), size=size)
        moments = (counts @ products).reshape(size, 7, 7)
        out[start : start + size] = _alike_paths(moments) if alike else _role_paths(moments)
    return out


def _solve(moments: NDArray[np.float64], left: list[int], right: list[int]) -> NDArray[np.float64]:
    """Least squares of ``right`` on ``left`` from cross-products, (size, left, right); NaN where singular."""
    gram = moments[:, left][:, :, left]
    good = np.linalg.cond(gram) < 1e12
    out = np.full((len(moments), len(left), len(right)), np.nan)
    out[good] = np.linalg.solve(gram[good], moments[good][:, left][:, :, right])
    return out


def _role_paths(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twelve paths; columns of the moments are 1, x1, x2, m1, m2, y1, y2."""
    to_m = _solve(moments, [0, 1, 2], [3, 4])[:, 1:]
    to_y = _solve(moments, [0, 1, 2, 3, 4], [5, 6])[:, 1:]
    columns = []
    for own, other in ((0, 1), (1, 0)):
        columns += [to_m[:, own, own], to_m[:, other, own], to_y[:, 2 + own, own], to_y[:, 2 + other, own]]
        columns += [to_y[:, own, own], to_y[:, other, own]]
    return np.column_stack(columns)


def _alike_paths(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Six paths from sums and differences of members: actor is half their sum, partner half their difference."""
    rotate = np.zeros((7, 7))
    rotate[0, 0] = 1.0
    for k in range(3):
        rotate[1 + k, 1 + 2 * k : 3 + 2 * k] = (1.0, 1.0)
        rotate[4 + k, 1 + 2 * k : 3 + 2 * k] = (1.0, -1.0)
    turned = rotate @ moments @ rotate.T
    sums_m, gaps_m = _solve(turned, [0, 1], [2])[:, 1:, 0], _solve(turned, [4], [5])[:, :, 0]
    sums_y, gaps_y = _solve(turned, [0, 1, 2], [3])[:, 1:, 0], _solve(turned, [4, 5], [6])[:, :, 0]
    sums = np.hstack([sums_m, sums_y[:, ::-1]])
    gaps = np.hstack([gaps_m, gaps_y[:, ::-1]])
    return np.stack([0.5 * (sums + gaps), 0.5 * (sums - gaps)], axis=2).reshape(len(moments), 6)


def _effects(paths: Any, alike: bool) -> list[tuple[str, str, str, str, int, Any]]:
    """Every effect from the path coefficients (..., 12 or 6): effect, from, through, kind, member, values."""
    count = len(KINDS)

    def coefficient(kind: str, member: int) -> Any:
        return paths[..., KINDS.index(kind) + (0 if alike else count * member)]

    found = []
    for member in (0,) if alike else (0, 1):
        other = member if alike else 1 - member
        total: dict[str, Any] = {"own": 0.0, "partner": 0.0}
        for name, source, through, first, second, crossed in SIMPLE:
            value = coefficient(first, other if crossed else member) * coefficient(second, member)
            total[source] = total[source] + value
            found.append(("indirect", source, through, name, member, value))
        for source, kind in (("own", "c actor"), ("partner", "c partner")):
            direct = coefficient(kind, member)
            found.append(("total indirect", source, "", "", member, total[source]))
            found.append(("direct", source, "", "", member, direct))
            found.append(("total", source, "", "", member, total[source] + direct))
    return found


def _effects_table(fit: SemFit, data: DyadTable, draws: NDArray[np.float64] | None) -> pd.DataFrame:
    import pandas as pd

    from reldyn.actor_partner.moments._dyads import estimate_rows

    alike = not data.distinguishable
    theta, cov = fit.subset(_labels(fit))
    estimate, spread = delta(lambda point: np.array([row[-1] for row in _effects(point, alike)]), theta, cov)
    columns = estimate_rows(estimate, np.sqrt(np.diag(spread)))
    if draws is not None:
        several = np.column_stack([row[-1] for row in _effects(draws, alike)])
        columns["conf_low"], columns["conf_high"] = np.quantile(several, [0.025, 0.975], axis=0)
    rows = []
    for effect, source, through, kind, member, _ in _effects(theta, alike):
        role = "" if alike else data.roles[member]
        start, middle = _whose(source, member, data), _whose(through, member, data)
        route = f"{start} predictor" + (f", {middle} mediator" if middle else "")
        rows.append(
            {
                "term": f"{effect} ({route})" + ("" if alike else f", {role}"),
                "effect": effect,
                "kind": kind,
                "from": start,
                "through": middle,
                "role": role,
            }
        )
    return pd.DataFrame(rows).assign(**columns)


def _whose(which: str, member: int, data: DyadTable) -> str:
    """Whose variable it is: a role, or own and partner's where members are alike."""
    if not which:
        return ""
    if not data.distinguishable:
        return "own" if which == "own" else "partner's"
    return str(data.roles[member if which == "own" else 1 - member])


def _paths_table(fit: SemFit, data: DyadTable, names: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    from reldyn.actor_partner.moments._dyads import estimate_rows

    ends = {"a": ("x", "m"), "b": ("m", "y"), "c": ("x", "y")}
    labels = _labels(fit)
    theta, cov = fit.subset(labels)
    rows = []
    for label in labels:
        kind, _, member = label.partition(".")
        source, to = ends[kind[0]]
        role: Any = data.roles[int(member) - 1] if member else ""
        effect = kind.split()[1]
        rows.append(
            {
                "term": f"{effect} {names[source]} to {names[to]}" + (f", {role}" if member else ""),
                "effect": effect,
                "source": names[source],
                "outcome": names[to],
                "role": role,
            }
        )
    return pd.DataFrame(rows).assign(**estimate_rows(theta, np.sqrt(np.diag(cov))))
