"""`mixed_model`: the general dyadic mixed model, whose columns enter as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from reldyn._types import Column, Terms
from reldyn.actor_partner._categories import categories_of, refuse_incomplete, refuse_text_outcome
from reldyn.actor_partner._causes import one_sided_notes, two_valued_note
from reldyn.actor_partner._metrics import metric_note, unequal_metrics
from reldyn.actor_partner._past import has_levels, outcome_past, refuse_incomplete_past
from reldyn.actor_partner.model._apim import run_model
from reldyn.actor_partner.model._block import mixed_block
from reldyn.actor_partner.model._result import MixedResult
from reldyn.actor_partner.model._setting import ModelSetting, as_random, as_residual, check_call, with_default_inference
from reldyn.actor_partner.model._terms import named_terms, strata_of
from reldyn.actor_partner.model._values import has_occasions
from reldyn.mixed import Estimation, Residual
from reldyn.panel import analysis

if TYPE_CHECKING:
    from reldyn.actor_partner.model._design import Block
    from reldyn.panel import DyadPanel

__all__ = ["mixed_model"]


@analysis
def mixed_model(
    panel: DyadPanel,
    *,
    outcome: Column,
    fixed: Terms,
    random: Any = None,
    roles: Literal["distinguishable", "exchangeable", "by-composition"] | None = None,
    residual: str | Residual = "unstructured",
    reference: Mapping[Column, Any] | None = None,
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
) -> MixedResult:
    """Fit a dyadic linear mixed model.

    The general form under `apim`: columns enter as they stand, one coefficient per role (categories as indicators),
    with an intercept per role.

    Parameters
    ----------
    panel : DyadPanel
    outcome : str
        Numeric column.
    fixed : sequence of str or shared
        Columns; ``rd.shared("NAME")`` has one coefficient for both roles. Categorical ones (text, pandas categories,
        and those named in ``reference``) enter as indicators of each category against the reference, and have
        ``joint_test`` and ``marginal_means`` as in `apim`. The intercept is implied (``rd.shared("intercept")`` makes
        it common).
    random : sequence of str or shared, or Random, optional
        ``"intercept"`` and any column of ``fixed``. None: the intercept with several occasions, with cluster-robust
        (CR2) inference as in `apim`; else nothing.
    roles : {"distinguishable", "exchangeable", "by-composition"}, optional
        As in `apim`.
    residual : str or Residual, default "unstructured"
        As in `apim`.
    reference : mapping of str to category, optional
        As in `apim`.
    estimation : Estimation
        REML by default; rows with the outcome and all columns of ``fixed`` are used.

    Returns
    -------
    MixedResult
        Rows of ``tidy()`` have ``effect="fixed"`` (or ``"intercept"``) and the column in ``variable``.

    Raises
    ------
    DesignError
        A term cannot be estimated from these rows; the message names it and the reason.
    DataError
        A column is absent or doubled.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame(
    ...     {
    ...         "couple": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
    ...         "sex": ["f", "m"] * 5,
    ...         "years": [1, 1, 4, 4, 2, 2, 7, 7, 5, 5],
    ...         "mood": [5, 3, 4, 6, 2, 4, 3, 2, 6, 5],
    ...     }
    ... )
    >>> panel = rd.DyadPanel(frame, dyad="couple", person="sex", role="sex")
    >>> fit = rd.mixed_model(panel, outcome="mood", fixed=[rd.shared("years")], estimation=rd.Estimation(inference="z"))
    >>> fit.tidy()[["term", "role"]].values.tolist()
    [['intercept, f', 'f'], ['intercept, m', 'm'], ['years', '']]
    """
    check_call(outcome, estimation)
    refuse_text_outcome(panel, outcome)
    named = named_terms(fixed, "fixed")
    chosen, strata = strata_of(panel, roles)
    by_default = random is None and has_occasions(panel)
    random = as_random(random, has_occasions(panel))
    columns = [name for name, _ in named if name != "intercept"]
    categories = categories_of(panel, outcome, columns, reference, "column of fixed")
    refuse_incomplete(categories, estimation)
    numeric = [name for name in columns if name not in categories]
    past = outcome_past(panel, outcome, numeric, {}, levels=has_levels(random))
    refuse_incomplete_past(past.lags, estimation)
    unequal = unequal_metrics(panel, [outcome, *numeric], strata)
    past = past.with_spoken(metric_note(unequal)).with_remarks(two_valued_note(panel, outcome))
    if estimation.missing == "available":
        past = past.with_spoken(one_sided_notes(panel, outcome, columns, "fixed"))

    def lay_out(rows: DyadPanel) -> Block:
        return mixed_block(rows, outcome=outcome, fixed=named, random=random.terms, categories=categories)

    setting = ModelSetting(
        kind="mixed_model",
        roles=chosen,
        role_labels=panel.roles,
        predictors=(),
        covariates=named,
        centering={},
        centres={},
        interaction=None,
        moderators={},
        random=random,
        residual=as_residual(residual),
        estimation=with_default_inference(estimation, by_default),
        n_rows_panel=len(panel),
        lags=past.lags,
        default_random=by_default,
        unequal_metrics=unequal,
        categories=categories,
    )
    return run_model(MixedResult, panel, outcome, lay_out, strata, setting, past)
