"""What the learning models found, never without the population and never without the recovery report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._types import Array
from reldyn.cycles.learning_models._fit import LearningFit
from reldyn.cycles.learning_models._models import DRIVES
from reldyn.results import InState, Result, format_table, register

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section


__all__ = ["POOR_RECOVERY", "LearningResult", "Recovered"]

# Below this correlation of true and recovered rates most of the differences between rates are error.
POOR_RECOVERY = 0.5
_REACH = 1.959963984540054


@register
@dataclasses.dataclass(frozen=True, slots=True)
class Recovered:
    """One sample drawn from a fitted model and fitted again.

    Attributes
    ----------
    truth, chosen : str
        The model that was drawn from, and the one of the lowest BIC.
    correlation, bias, coverage : float
        Of the learning rates of single directions: with the true ones, mean error, share of 95 % intervals that
        hold the true rate; NaN for "none".
    centre : float
        Recovered population median of the learning rate.
    drive : (n_drives,) array
        Recovered population means of the drives.
    """

    truth: str
    chosen: str
    correlation: float
    bias: float
    coverage: float
    centre: float
    drive: Array


class LearningResult(Result):
    """How a response follows what was learned about warmth, for the sample and, shrunken, for each direction.

    Attributes
    ----------
    warmth, response : str
    setting : mapping
        ``reported_by``, ``n_recovery``, ``seed``.
    fits : tuple of LearningFit
        One per model, in the order asked for.
    directions : tuple of (dyad, giver, n_pairs, note)
        All of the panel; those with a note were not used.
    recovery : tuple of Recovered
        ``n_recovery`` samples per model.
    notes : tuple of str
    """

    warmth = InState[str]()
    response = InState[str]()
    setting = InState[dict[str, Any]]()
    fits = InState[tuple[LearningFit, ...]]()
    directions = InState[tuple[tuple[Hashable, Hashable, int, str], ...]]()
    recovery = InState[tuple[Recovered, ...]]()

    id_fields: ClassVar[dict[str, str]] = {"directions": "directions"}

    @property
    def best(self) -> LearningFit:
        """The model of the lowest BIC; of equals the first."""
        return min(self.fits, key=lambda fit: fit.bic)

    def tidy(self) -> pd.DataFrame:
        """One row per model and parameter of the population.

        ``p_value`` and ``statistic`` of a drive are NaN where the model without learning was fitted too and has the
        lower BIC: without a drive there is no learning rate, and tests that take one as given reject too often.
        """
        import pandas as pd

        rows = []
        without = min((fit.bic for fit in self.fits if fit.model == "none"), default=math.inf)
        for fit in self.fits:
            if fit.model == "none":
                continue
            asked_for = fit.bic < without
            errors = np.sqrt(np.diag(fit.covariance))
            low, high = fit.centre - _REACH * errors[0], fit.centre + _REACH * errors[0]
            middle = _rate(fit.centre)
            cells = [("learning rate", middle, middle * (1 - middle) * errors[0], _rate(low), _rate(high), fit.spread)]
            for place, name in enumerate(DRIVES[fit.model]):
                value, error = float(fit.drive[place]), float(errors[place + 1])
                sd = float(fit.drive_sd[place])
                cells.append((name, value, error, value - _REACH * error, value + _REACH * error, sd))
            for name, value, error, below, above, sd in cells:
                ratio = value / error if name != "learning rate" and error > 0 and asked_for else math.nan
                rows.append(
                    {
                        "term": f"{name} ({fit.model})",
                        "model": fit.model,
                        "parameter": name,
                        "estimate": value,
                        "std_error": error,
                        "statistic": ratio,
                        "p_value": math.erfc(abs(ratio) / math.sqrt(2)),
                        "conf_low": below,
                        "conf_high": above,
                        "population_sd": sd,
                    }
                )
        names = ("term", "model", "parameter", "estimate", "std_error", "statistic", "p_value", "conf_low")
        return pd.DataFrame(rows, columns=[*names, "conf_high", "population_sd"])

    def comparison(self) -> pd.DataFrame:
        """One row per model: marginal log likelihood, BIC, and the directions that it fits best."""
        import pandas as pd

        best = np.argmax([fit.log_marginal for fit in self.fits], axis=0)
        lowest = self.best.bic
        return pd.DataFrame(
            [
                {
                    "model": fit.model,
                    "log_marginal": float(fit.log_marginal.sum()),
                    "n_parameters": fit.n_parameters,
                    "bic": fit.bic,
                    "bic_above_best": fit.bic - lowest,
                    "n_directions_best": int((best == place).sum()),
                    "converged": fit.converged,
                }
                for place, fit in enumerate(self.fits)
            ]
        )

    def rates(self) -> pd.DataFrame:
        """One row per direction and learning model: the shrunken rate beside the population it was shrunken to.

        ``rate`` is the posterior mean, ``conf_low`` and ``conf_high`` its 95 % interval given the population;
        ``population`` is the population's median, ``population_low`` and ``population_high`` hold 95 % of it;
        ``recovery`` is the correlation of true and recovered rates in this design, and ``interpretable`` whether
        it reaches .5. Directions that were not used have a note and no rate.
        """
        import pandas as pd

        rows = []
        for fit in self.fits:
            if fit.model == "none":
                continue
            recovery = self.rate_recovery(fit.model)
            population = {
                "population": _rate(fit.centre),
                "population_low": _rate(fit.centre - _REACH * fit.spread),
                "population_high": _rate(fit.centre + _REACH * fit.spread),
                "recovery": recovery,
                "interpretable": recovery >= POOR_RECOVERY,
            }
            used = iter(zip(fit.rate.tolist(), fit.low.tolist(), fit.high.tolist(), strict=True))
            for dyad, giver, n_pairs, note in self.directions:
                rate, low, high = (math.nan, math.nan, math.nan) if note else next(used)
                own = {"rate": rate, "conf_low": low, "conf_high": high}
                which = {"model": fit.model, "dyad": dyad, "giver": giver}
                rows.append({**which, **own, **population, "n_pairs": n_pairs, "note": note})
        return pd.DataFrame(rows)

    def rate_recovery(self, model: str) -> float:
        """Mean correlation of true and recovered learning rates of directions; NaN for "none"."""
        return _mean([one.correlation for one in self.recovery if one.truth == model])

    def recognised(self, model: str) -> float:
        """Share of the samples drawn from a model in which it is chosen."""
        return _mean([float(one.chosen == model) for one in self.recovery if one.truth == model])

    def parameter_recovery(self) -> pd.DataFrame:
        """One row per learning model: correlation, bias and coverage of rates, bias of the population's values."""
        import pandas as pd

        rows = []
        for fit in self.fits:
            again = [one for one in self.recovery if one.truth == fit.model]
            if fit.model == "none":
                continue
            names = ("correlation", "bias", "coverage")
            row: dict[str, Any] = {"model": fit.model, "n_samples": len(again)}
            row |= {name: _mean([getattr(one, name) for one in again]) for name in names}
            row["population_bias"] = _mean([one.centre for one in again]) - _rate(fit.centre)
            for place, name in enumerate(DRIVES[fit.model]):
                row[f"{name} bias"] = _mean([float(one.drive[place]) for one in again]) - float(fit.drive[place])
            rows.append(row)
        return pd.DataFrame(rows, columns=None if rows else ["model", "n_samples", "correlation", "bias", "coverage"])

    def model_recovery(self) -> pd.DataFrame:
        """One row per model drawn from, one column per model chosen: shares of samples."""
        import pandas as pd

        models = [fit.model for fit in self.fits]
        rows = []
        for truth in models:
            chosen = [one.chosen for one in self.recovery if one.truth == truth]
            rows.append({"truth": truth, **{model: chosen.count(model) / max(len(chosen), 1) for model in models}})
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: the chosen model, its marginal likelihood and what recovery says of it."""
        import pandas as pd

        best = self.best
        used = [one for one in self.directions if not one[3]]
        row = {
            "model": best.model,
            "n_dyads": len({str(one[0]) for one in used}),
            "n_directions": len(used),
            "n_obs": sum(one[2] for one in used),
            "log_likelihood": float(best.log_marginal.sum()),
            "bic": best.bic,
            "converged": all(fit.converged for fit in self.fits),
            "rate_recovery": self.rate_recovery(best.model),
            "model_recovery": self.recognised(best.model),
        }
        return pd.DataFrame([row | self.setting])

    def _headline(self) -> str:
        row = self.glance().iloc[0]
        return (
            f"Learning from warmth in {row['n_directions']} directions of {row['n_dyads']} dyads: "
            f"lowest BIC for {_spoken(str(row['model']))}"
        )

    def _methods(self) -> str:
        return (
            f"The next {self.response!r} within a day is regressed on what a learning model makes of {self.warmth!r} "
            "(prediction error and, where the model has one, uncertainty; in SD of the response per SD of warmth), "
            "beside the response before, current warmth and the time of day, which the model without learning shares. "
            "Rates and drives of directions come from one population (EM, rates summed over a grid). Models: "
            "Rescorla and Wagner (1972); Pearce and Hall (1980); volatile Kalman filter (Piray and Daw 2020), whose "
            "rate is its first gain. They describe the series, not what anybody has in mind."
        )

    def _sections(self) -> Iterable[Section]:
        estimates = self.tidy().drop(columns=["term", "statistic"])
        yield "Models", format_table(self.comparison(), digits=2)
        yield "Estimates", format_table(estimates, digits=2)
        yield (
            f"Recovery: {self.setting['n_recovery']} samples per model, drawn from the fitted population with the "
            f"warmth, the schedule and the gaps of this panel; seed {self.setting['seed']}. Correlation, bias and "
            "coverage are those of the learning rates of single directions; below, the share in which each model "
            "(rows) is chosen as each (columns)."
        )
        if len(estimates):
            yield "Recovery of learning rates", format_table(self.parameter_recovery(), digits=2)
        yield "Recovery of models", format_table(self.model_recovery(), digits=2)


def _rate(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _spoken(model: str) -> str:
    return "the model without learning" if model == "none" else model
