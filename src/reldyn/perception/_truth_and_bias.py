"""`truth_and_bias`: judgments of the partner pulled by the truth and by the perceiver's own bias.

The truth and bias model of judgment (West and Kenny, 2011), for couples Kenny and Acitelli (2001) and, from day to
day, Kouros and Papp (2019). The estimation is that of `reldyn.mixed_model`: this module only says what is centred
where, and which numbers are called by which names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Column
from reldyn.actor_partner import mixed_model
from reldyn.errors import DesignError, check_option
from reldyn.mixed import Estimation, Random, Residual, Shared
from reldyn.panel import analysis
from reldyn.perception._centres import BIAS_CENTRES, CENTRES, BiasCentre, Centre, Centred, centred_rows
from reldyn.perception._truth_bias_result import TruthBiasResult, TruthBiasSetting, singular_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["truth_and_bias"]

OUTCOME, TRUTH, BIAS, DRIFT = "centred judgment", "truth force", "bias force", "drift"
TRUTH_OVER_TIME, BIAS_OVER_TIME = "truth force over time", "bias force over time"
_RANDOM = {"intercept": "intercept", "truth": TRUTH, "bias": BIAS, "time": DRIFT}
_MODEL = ("random", "roles", "residual", "estimation")
# Occasions per perceiver, and dyads, from which slopes are let vary unless the caller says otherwise.
_ENOUGH_OCCASIONS, _ENOUGH_DYADS = 6, 10


@analysis
def truth_and_bias(
    panel: DyadPanel,
    *,
    judgment: Column,
    truth: Column,
    bias: Column | None = None,
    center: Centre = "truth",
    bias_center: BiasCentre = "truth",
    over_time: Column | None = None,
    **model: Any,
) -> TruthBiasResult:
    """Estimate how far judgments of the partner follow the truth, and how far the perceiver's own bias.

    ``judgment - c = directional bias + truth force x (truth - c) + bias force x (bias - c)``, with the same mean of
    the truth ``c`` taken off all three. *Directional bias* is the mean over- or underestimation, *truth force* the
    tracking of the truth, *bias force* the pull of another variable: assumed similarity where that is the
    perceiver's own state. Truth is the model's word for what judgments are compared with, such as the partner's own
    report. Two reports that differ do not tell which of them is right.

    Parameters
    ----------
    panel : DyadPanel
        Rows of perceivers.
    judgment : str
        Column with the perceiver's judgment of the partner.
    truth : str
        Column with the truth on the perceiver's own row: after ``panel.actor_partner(["mood"])`` the partner's own
        report is ``"mood_partner"``.
    bias : str, optional
        Column with the variable of bias, such as ``"mood_actor"``. None: truth force alone.
    center : {"truth", "role_truth", "person_truth"}, default "truth"
        Whose mean of the truth is the zero: that of all rows used (West and Kenny's choice); that of the perceiver's
        role, so that each role's directional bias is its own mean difference; or that of the perceiver's own rows,
        which leaves tracking within persons, the question of a diary.
    bias_center : {"truth", "own"}, default "truth"
        What is taken off the variable of bias: the same mean of the truth, as the authors do, or its own mean. Slopes
        are the same over "truth" and "own" (and, given an intercept per role, over "truth" and "role_truth"), only
        the intercept moves; with ``center="person_truth"`` only ``"own"`` keeps differences between persons out of
        the bias force.
    over_time : str, optional
        Column of time, or of anything else along which the three may change. Its mean is taken off, and it is
        multiplied with truth and bias: the change of each per unit of time.
    **model
        ``random``: any of ``"intercept"``, ``"truth"``, ``"bias"``, ``"time"``, each varying per perceiver, or per
        dyad as ``rd.shared("truth")``, also as ``rd.Random(terms, covariance)``. None: the first three, correlated
        within each term only, with six or more rows per perceiver and ten dyads; the intercept with fewer; nothing at
        one occasion. Slopes vary by default because intervals that deny it are too narrow.
        ``roles``, ``residual``, ``estimation``: as in `reldyn.mixed_model`.

    Returns
    -------
    TruthBiasResult
        ``tidy()`` has ``effect`` (``directional bias``, ``truth force``, ``bias force``), ``moderator`` (the column of
        time where it is a change), the perceiver's ``role``, and the columns every result has. Rows with a missing
        value are left out; one-sided dyads take part.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, a variable does not vary, or a term cannot be estimated from these rows.

    Notes
    -----
    In simulated diaries of 14 days, 60 and 30 dyads, centred within perceivers (500 or more a cell,
    ``tools/results/perception_checks.json``), 95 % intervals held directional bias, truth force and bias force in
    .93 to .97, with and without a fifth of the answers missing, and their changes over time in .94 to .95. Where
    forces differed between perceivers and ``random`` denied it, those of truth force and bias force held them in .84
    to .90 only.

    Whether trust in one's own perception falls after a large discrepancy is a question to an actor-partner model: with
    ``distance`` the absolute difference of judgment and report, lag both by ``panel.lag(["trust", "distance"])`` and
    fit ``rd.apim(panel, outcome="trust", predictors=("distance_lag1",), covariates=("trust_lag1",))``. The notebook on
    truth, bias and doubting oneself does so.

    References
    ----------
    West and Kenny (2011), Psychological Review 118, 357-378. Kenny and Acitelli (2001), Journal of Personality and
    Social Psychology 80, 439-448. Kouros and Papp (2019), Family Process 58.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample().select(dyads=range(1, 21)).actor_partner(["warmth_given", "longing"])
    >>> fit = rd.perception.truth_and_bias(panel, judgment="warmth_received", truth="warmth_given_partner")
    >>> fit.tidy()[["effect", "role"]].values.tolist()[:2]
    [['directional bias', 'female'], ['directional bias', 'male']]
    """
    check_option(center, CENTRES, "center")
    check_option(bias_center, BIAS_CENTRES, "bias_center")
    for name in model:
        check_option(name, _MODEL, "argument")
    rows = centred_rows(
        panel,
        judgment=judgment,
        truth=truth,
        bias=bias,
        over_time=over_time,
        center=center,
        bias_center=bias_center,
    )
    clock = None if over_time is None else _clock(panel, over_time, rows)
    columns = _columns(rows, clock)
    sides = _sides(panel, rows.used)
    setting = _model(panel, rows, sides, model, tuple(columns))
    fit = mixed_model(
        panel._with_columns({OUTCOME: rows.judgment, **columns}), outcome=OUTCOME, fixed=tuple(columns), **setting
    )
    notes = [note for note in (_ONE_SIDED if sides < 2 else "", singular_note(fit)) if note]
    span = () if over_time is None else _span(panel.values(over_time)[rows.used])
    asked = TruthBiasSetting(judgment, truth, bias or "", center, bias_center, over_time or "", span)
    return TruthBiasResult.of(
        setting=asked, fit=fit, identifiers=_perceivers(panel, rows.used), notes=(*notes, *fit.warnings)
    )


_ONE_SIDED = (
    "Only one member of each dyad judged the other, so effects are those of perceivers, one per dyad, and nothing is "
    "said about how the two members' perceptions covary."
)


def _span(values: NDArray[np.float64]) -> tuple[float, ...]:
    return float(values.min()), float(values.mean()), float(values.max())


def _clock(panel: DyadPanel, over_time: str, rows: Centred) -> NDArray[np.float64]:
    values = panel.values(over_time)
    values = np.where(rows.used, values - values[rows.used].mean(), np.nan)
    if float(np.ptp(values[rows.used])) == 0:
        raise DesignError(f"{over_time!r} does not vary over the rows used, so nothing can change with it.")
    return values


def _columns(rows: Centred, clock: NDArray[np.float64] | None) -> dict[str, NDArray[np.float64]]:
    """The fixed effects by the names they have in the fit."""
    columns = {TRUTH: rows.truth}
    if rows.bias is not None:
        columns[BIAS] = rows.bias
    if clock is not None:
        columns[DRIFT] = clock
        columns[TRUTH_OVER_TIME] = rows.truth * clock
        if rows.bias is not None:
            columns[BIAS_OVER_TIME] = rows.bias * clock
    return columns


def _sides(panel: DyadPanel, used: NDArray[np.bool_]) -> int:
    """The largest number of members of one dyad that judge."""
    index = panel.index
    persons = np.unique(index.dyad[used] * 2 + index.member[used])
    return int(np.bincount(persons // 2).max(initial=0))


def _model(
    panel: DyadPanel, rows: Centred, sides: int, model: dict[str, Any], columns: tuple[str, ...]
) -> dict[str, Any]:
    """Arguments of `mixed_model`, with the defaults that these rows can bear."""
    index, used = panel.index, rows.used
    roles, residual = model.get("roles"), model.get("residual")
    random = _random(model.get("random"), columns)
    if random is None:
        per_person = np.bincount(index.person[used])
        per_person = per_person[per_person > 0]
        n_dyads = len(np.unique(index.dyad[used]))
        terms: tuple[Any, ...] = ()
        if np.median(per_person) >= 2:
            terms = ("intercept",)
        if np.median(per_person) >= _ENOUGH_OCCASIONS and n_dyads >= _ENOUGH_DYADS:
            terms = ("intercept", TRUTH, BIAS) if BIAS in columns else ("intercept", TRUTH)
        random = Random(terms, covariance="block")
    if sides < 2:
        # With one perceiver per dyad nothing distinguishes deviations of the person from those of the dyad.
        named = (term if isinstance(term, Shared) else Shared(term) for term in random.terms)
        random = Random(tuple(named), covariance=random.covariance)
        residual = Residual("independent", equal_variances=True) if residual is None else residual
        roles = "exchangeable" if roles is None and len(np.unique(index.role[used])) < 2 else roles
    found: dict[str, Any] = {
        "random": random,
        "roles": roles,
        "residual": "unstructured" if residual is None else residual,
    }
    return found | {"estimation": model.get("estimation", Estimation())}


def _random(given: Any, columns: tuple[str, ...]) -> Random | None:
    """Random terms by the names they have in the fit; None where nothing was asked for."""
    if given is None:
        return None
    asked = given if isinstance(given, Random) else Random(_listed(given))
    known = [name for name, column in _RANDOM.items() if name == "intercept" or column in columns]
    terms: list[str | Shared] = []
    for term in asked.terms:
        name = term.name if isinstance(term, Shared) else term
        check_option(name, known, "random")
        terms.append(Shared(_RANDOM[name]) if isinstance(term, Shared) else _RANDOM[name])
    return Random(tuple(terms), covariance=asked.covariance)


def _listed(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)


def _perceivers(panel: DyadPanel, used: NDArray[np.bool_]) -> Any:
    """One row per perceiver: who it is, and on how many rows its part rests."""
    import pandas as pd

    index = panel.index
    count = np.bincount(index.person[used], minlength=index.n_persons)
    codes = np.flatnonzero(count)
    first = np.full(index.n_persons, -1)
    first[index.person[::-1]] = np.arange(len(panel))[::-1]
    at = first[codes]
    return pd.DataFrame(
        {
            "dyad": [index.dyad_labels[code] for code in index.dyad[at]],
            "person": [index.person_labels[code] for code in codes],
            "role": [str(index.roles[code]) if index.roles and code >= 0 else "" for code in index.role[at]],
            "member": index.member[at],
            "composition": [panel.composition_of_dyad[code] for code in index.dyad[at]],
            "n_obs": count[codes],
        }
    )
