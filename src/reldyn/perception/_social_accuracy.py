"""`social_accuracy`: how far impressions follow what is particular to the target, and what is true of everybody.

The social accuracy model of Biesanz (2010), after Cronbach's (1955) warning that a perceiver who says of everyone what
holds of most people agrees with every target.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Ints
from reldyn.errors import ConvergenceWarning, DesignError, check_option, warn_caller
from reldyn.perception._crossed import Component, CrossedFit, fit_crossed, fit_nested
from reldyn.perception._ratings import Ratings, check_items, from_panel, from_table
from reldyn.perception._slopes_of_one import is_constant
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.results import Section

__all__ = ["SocialAccuracyResult", "social_accuracy"]

WIDTH = 100
_EFFECTS = ("impression", "distinctive accuracy", "normative accuracy")
_FEWEST_PERCEIVERS, _FEWEST_ITEMS = 5, 3


class SocialAccuracyResult(Result):
    """Distinctive and normative accuracy of impressions.

    Attributes
    ----------
    table : pandas.DataFrame
        The fixed effects.
    variance_table : pandas.DataFrame
        The variance components.
    people : pandas.DataFrame
        One row per perceiver.
    about : mapping
        Counts, log-likelihood, convergence.
    notes : tuple of str
    """

    table = InTables()
    variance_table = InTables()
    people = InTables()
    about = InState[Mapping[str, Any]]()

    figure: ClassVar[str | None] = "social_accuracy"

    def tidy(self) -> pd.DataFrame:
        """One row per fixed effect.

        Returns
        -------
        pandas.DataFrame
            ``term`` (``impression``: the mean impression at the mean norm of a target who is like the norm;
            ``distinctive accuracy``; ``normative accuracy``), ``estimate``, ``std_error``, ``statistic``, ``df``
            (perceivers, or dyads where both members rated, minus one), ``p_value``, ``conf_low``, ``conf_high``.
        """
        return self.table.copy()

    def variances(self) -> pd.DataFrame:
        """One row per variance component.

        Returns
        -------
        pandas.DataFrame
            ``group`` (``perceiver``, ``target``, ``dyad``, ``item``, ``residual``), ``term``, ``variance``, ``sd``,
            ``at_boundary``.
        """
        return self.variance_table.copy()

    def perceivers(self) -> pd.DataFrame:
        """Each perceiver's own accuracies: the mean plus the predicted deviation of the perceiver.

        Returns
        -------
        pandas.DataFrame
            ``perceiver``, ``impression``, ``distinctive_accuracy``, ``normative_accuracy``, ``n_obs``.
        """
        return self.people.copy()

    def glance(self) -> pd.DataFrame:
        """One row: ``n_perceivers``, ``n_items``, ``n_dyads``, ``n_obs``, ``log_likelihood``, ``converged``, ..."""
        import pandas as pd

        return pd.DataFrame([dict(self.about)])

    def _headline(self) -> str:
        return "Social accuracy model"

    def _methods(self) -> str:
        about = self.about
        first = "" if about["converged"] else "THE FIT DID NOT CONVERGE: the numbers below are no estimates to report. "
        return first + (
            f"{counted(about['n_obs'], 'impression')} by {about['n_perceivers']} perceivers on "
            f"{counted(about['n_items'], 'item')} were regressed on the target's own answer minus the norm of the item "
            "(distinctive accuracy) and on that norm, centred (normative accuracy: agreement with what is said of "
            f"people at large). Effects varying over {about['groups']}; {about['covariance']}; restricted maximum "
            "likelihood (Biesanz, 2010). The target's own answer is what impressions are compared with, not a fact "
            "about the target."
        )

    def _sections(self) -> Iterable[Section]:
        yield self.table
        yield "Variance components", self.variance_table.drop(columns="variance")


def social_accuracy(
    data: DyadPanel | pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    judged: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    covariance: Literal["diagonal", "full"] = "diagonal",
) -> SocialAccuracyResult:
    """Fit the social accuracy model.

    ``impression = b0 + b1 (target's answer - norm) + b2 (norm - mean norm)``, each varying over perceivers, and over
    targets and dyads where these can be told apart from them; items have an intercept of their own.

    Parameters
    ----------
    data : DyadPanel or pandas.DataFrame
        A panel whose partners answered the same items about themselves and about each other; or a table with one row
        per perceiver, target and item.
    items, judged : sequence of str, optional
        Of a panel: columns with everyone's own answers, and with the judgments of the partner on the same items in
        the same order.
    columns : mapping of str to str, optional
        Of a table: what its columns are called, where not ``perceiver``, ``item``, ``impression``, ``target`` (the
        target's own answer), and, if there, ``norm``, ``target_person``, ``dyad``.
    covariance : {"diagonal", "full"}, default "diagonal"
        Independent crossed effects; or effects of the perceiver alone, free to correlate, without targets, dyads and
        items, since statsmodels has no correlated crossed effects.

    Returns
    -------
    SocialAccuracyResult
        Components without variance are reported as 0, flagged in ``variances()`` and in the warnings. Rows that lack a
        value are left out.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known; fewer than five perceivers or three items; no variation to be accurate about.

    Warns
    -----
    ConvergenceWarning
        The optimum is not confirmed.

    Notes
    -----
    Without a column ``norm`` the norm of an item is the mean of the targets' own answers. Where each perceiver rates
    one target whom nobody else rates, as partners do, targets are the same as perceivers and have no effects of their
    own. Estimation is by `statsmodels` (``MixedLM`` with variance components), started at the optimum of the profiled
    criterion, because from its own start it stops far from the optimum.

    References
    ----------
    Biesanz (2010), Multivariate Behavioral Research 45, 853-885. Cronbach (1955), Psychological Bulletin 52, 177-193.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> own = rng.normal(4, 1, (40, 6)) + np.linspace(-1, 1, 6)
    >>> seen = 0.5 * own.reshape(20, 2, 6)[:, ::-1].reshape(40, 6) + rng.normal(2, 0.5, (40, 6))
    >>> frame = pd.DataFrame(np.hstack([own, seen]), columns=[*"abcdef", *"ABCDEF"])
    >>> frame = frame.assign(dyad=np.repeat(range(20), 2), who=["a", "b"] * 20)
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who")
    >>> rd.perception.social_accuracy(panel, items=[*"abcdef"], judged=[*"ABCDEF"]).tidy()["term"].tolist()
    ['impression', 'distinctive accuracy', 'normative accuracy']
    """
    import pandas as pd

    check_option(covariance, ("diagonal", "full"), "covariance")
    if isinstance(data, pd.DataFrame):
        if items is not None or judged is not None:
            raise DesignError("items= and judged= belong to a panel; name the columns of a table by columns=.")
        ratings = from_table(data, columns)
    else:
        if columns is not None:
            raise DesignError("columns= belongs to a table; name the items of a panel by items= and judged=.")
        if judged is None:
            raise DesignError("judged=None: name the columns with the judgments of the partner, in the order of items.")
        ratings = from_panel(data, *check_items(items, judged, _FEWEST_ITEMS))
    valid, norm = ratings.target - ratings.norm, ratings.norm - ratings.item_norm
    _check_ratings(ratings, valid, norm)
    X = np.column_stack([np.ones(len(valid)), valid, norm])
    groupings, notes = _groupings(ratings)
    try:
        fit, names, groupings = _fitted(ratings, X, groupings, covariance)
    except np.linalg.LinAlgError:
        raise DesignError(
            f"impressions around {np.abs(ratings.impression).mean():.3g} with a standard deviation of "
            f"{ratings.impression.std():.3g}: the variances cannot be computed at this size. Give the ratings in a "
            "unit in which they lie between 1 and 100 or so."
        ) from None
    return _described(ratings, fit, names, list(groupings), covariance, notes)


def _fitted(
    ratings: Ratings, X: Array, groupings: dict[str, Ints], covariance: str
) -> tuple[CrossedFit, list[tuple[str, str]], dict[str, Ints]]:
    """The fit, what each of its components is called, and the groupings it used.

    Fitted around the mean impression in units of its SD: both optimisers stop early in very small or large numbers.
    """
    centre, unit = float(ratings.impression.mean()), float(ratings.impression.std())
    y, X = (ratings.impression - centre) / unit, X / np.array([1.0, unit, unit])
    if covariance == "full":
        parts = [("perceiver", one) for one in _EFFECTS]
        nested = fit_nested(y, X, ratings.perceiver, X)
        return _in_units(nested, parts, centre, unit, len(y)), parts, {"perceiver": ratings.perceiver}
    parts = [(group, effect) for group in groupings for effect in _EFFECTS] + [("item", "impression")]
    components = [
        Component(f"{group}: {effect}", groupings.get(group, ratings.item), X[:, _EFFECTS.index(effect)])
        for group, effect in parts
    ]
    return _in_units(fit_crossed(y, X, components), parts, centre, unit, len(y)), parts, groupings


def _in_units(fit: CrossedFit, parts: list[tuple[str, str]], centre: float, unit: float, n: int) -> CrossedFit:
    """The fit in the unit of the impressions; accuracies are slopes of one unit on the same and stay."""
    size = np.array([unit, 1.0, 1.0])
    sizes = size[[_EFFECTS.index(effect) for _, effect in parts]]
    return dataclasses.replace(
        fit,
        beta=fit.beta * size + np.array([centre, 0.0, 0.0]),
        std_error=fit.std_error * size,
        variances=fit.variances * sizes**2,
        residual=fit.residual * unit**2,
        effects=tuple(one * own for one, own in zip(fit.effects, sizes, strict=True)),
        log_likelihood=fit.log_likelihood - (n - 1) * math.log(unit),
    )


def _check_ratings(ratings: Ratings, valid: Array, norm: Array) -> None:
    for count, name, fewest in (
        (len(ratings.labels), "perceivers", _FEWEST_PERCEIVERS),
        (int(ratings.item.max()) + 1, "items", _FEWEST_ITEMS),
    ):
        if count < fewest:
            raise DesignError(f"{count} {name} with complete ratings, below {fewest}: the model needs more.")
    for values, what in (
        (ratings.impression, "impressions never vary, so they follow nothing"),
        (valid, "targets never differ from the norm, so there is nothing distinctive to see"),
        (norm, "items have the same norm, so nobody can be accurate about it"),
    ):
        if is_constant(values):
            raise DesignError(f"the {what}. Look at the answers.")


def _groupings(ratings: Ratings) -> tuple[dict[str, Ints], list[str]]:
    """Groupings whose effects can be told apart: perceivers, then targets and dyads where they differ from these."""
    found, notes = {"perceiver": ratings.perceiver}, []
    for name, codes in (("target", ratings.target_person), ("dyad", ratings.dyad)):
        if codes is None:
            continue
        if any(_same(codes, other) for other in found.values()):
            notes.append(
                f"Each {name} goes with one perceiver, so that effects of the {name} are part of the perceiver's."
            )
        elif _one_perceiver_each(codes, ratings.perceiver):
            notes.append(f"Every {name} was met by one perceiver only, so that their effects cannot be separated.")
        else:
            found[name] = codes
    return found, notes


def _same(one: Ints, other: Ints) -> bool:
    """Whether two codings group the rows in the same way."""
    pairs = len(np.unique(one * (int(other.max()) + 1) + other))
    return pairs == len(np.unique(one)) == len(np.unique(other))


def _one_perceiver_each(codes: Ints, perceiver: Ints) -> bool:
    """Whether a grouping lies within perceivers with one group each."""
    pairs = len(np.unique(codes * (int(perceiver.max()) + 1) + perceiver))
    return pairs == len(np.unique(perceiver)) and pairs == len(np.unique(codes))


def _described(
    ratings: Ratings,
    fit: CrossedFit,
    names: list[tuple[str, str]],
    groupings: list[str],
    covariance: str,
    notes: list[str],
) -> SocialAccuracyResult:
    import pandas as pd

    if ratings.n_dropped:
        lack = agreeing(ratings.n_dropped, "lacks", "lack")
        notes.append(
            f"{counted(ratings.n_dropped, 'rating')} {lack} the impression, the target's own answer or a norm; "
            "left out."
        )
    singular = [f"{group}: {effect}" for (group, effect), none in zip(names, fit.singular, strict=True) if none]
    if singular:
        notes.append(
            f"The fit is singular: no variance is left for {', '.join(singular)}. Estimates and intervals treat it as "
            "known to be zero."
        )
    if not fit.converged:
        notes.append("The optimum is not confirmed: two searches for it disagree. The numbers are no estimates.")
        warn_caller(notes[-1], ConvergenceWarning)
    variances = pd.DataFrame(
        {
            "group": [group for group, _ in names] + ["residual"],
            "term": [effect for _, effect in names] + [""],
            "variance": [*fit.variances, fit.residual],
            "sd": np.sqrt([*fit.variances, fit.residual]),
            "at_boundary": [*fit.singular, False],
        }
    )
    own = dict(zip(names, fit.effects, strict=True))
    people = pd.DataFrame({"perceiver": list(ratings.labels)})
    for place, effect in enumerate(_EFFECTS):
        people[effect.replace(" ", "_")] = fit.beta[place] + own["perceiver", effect]
    people["n_obs"] = np.bincount(ratings.perceiver)
    units = ratings.dyad if ratings.dyad is not None else ratings.perceiver
    n_units = min(len(np.unique(units)), len(ratings.labels))
    about = {
        "n_perceivers": len(ratings.labels),
        "n_items": int(ratings.item.max()) + 1,
        "n_dyads": 0 if ratings.dyad is None else len(np.unique(ratings.dyad)),
        "n_obs": len(ratings.impression),
        "log_likelihood": fit.log_likelihood,
        "groups": ", ".join([*groupings, *(["item"] if covariance == "diagonal" else [])]),
        "covariance": "independent of each other" if covariance == "diagonal" else "free to correlate",
        "converged": fit.converged,
        "at_boundary": bool(fit.singular.any()),
    }
    return SocialAccuracyResult.of(
        table=_fixed(fit, n_units - 1.0), variance_table=variances, people=people, about=about, notes=tuple(notes)
    )


def _fixed(fit: CrossedFit, df: float) -> pd.DataFrame:
    import pandas as pd
    from scipy.stats import t as student

    reach = float(student.ppf(0.975, df)) * fit.std_error if df > 0 else np.full(3, math.nan)
    statistic = fit.beta / fit.std_error
    return pd.DataFrame(
        {
            "term": _EFFECTS,
            "estimate": fit.beta,
            "std_error": fit.std_error,
            "statistic": statistic,
            "df": df,
            "p_value": 2 * student.sf(np.abs(statistic), df),
            "conf_low": fit.beta - reach,
            "conf_high": fit.beta + reach,
        }
    )
