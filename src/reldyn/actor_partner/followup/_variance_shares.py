"""Shares of variance of a multilevel model: R2 within and between persons, and intraclass correlations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.model._design import structure_of
from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from reldyn._types import Array, Flags, Ints
    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import DesignColumn

__all__ = ["icc_table", "r_squared_table"]

# Level, source in words, and which components it is the share of: fixed effects and slopes within and between,
# intercepts.
SHARES = (
    ("total", "fixed effects within persons", ("f1",)),
    ("total", "fixed effects between persons", ("f2",)),
    ("total", "fixed effects", ("f1", "f2")),
    ("total", "random slopes", ("v1", "v2")),
    ("total", "random intercepts", ("m",)),
    ("total", "fixed effects and random slopes", ("f1", "f2", "v1", "v2")),
    ("total", "fixed and random effects", ("f1", "f2", "v1", "v2", "m")),
    ("within", "fixed effects", ("f1",)),
    ("within", "random slopes", ("v1",)),
    ("within", "fixed effects and random slopes", ("f1", "v1")),
    ("between", "fixed effects", ("f2",)),
    ("between", "random slopes", ("v2",)),
    ("between", "fixed effects and random slopes", ("f2", "v2")),
    ("between", "random intercepts", ("m",)),
)


def _members(design: DesignRows) -> Iterator[tuple[int, int, Any, str, Flags]]:
    """Composition, member, labels and rows of each role; exchangeable members are one."""
    stratum = design.stratum[design.dyad]
    for code, part in enumerate(design.strata):
        label = part.label if len(design.strata) > 1 else ""
        inside = stratum == code
        if part.exchangeable:
            yield code, 0, "", label, inside
            continue
        for slot, role in enumerate(part.roles):
            yield code, slot, role, label, inside & (design.member == slot)


def _split(values: Array, person: Ints) -> tuple[Array, Array]:
    """Deviations from persons' means, and the means, on every row."""
    count = np.bincount(person)
    means = np.stack([np.bincount(person, weights=column) / count for column in values.T], axis=1)[person]
    return values - means, means


def _covariance(values: Array) -> Array:
    return np.atleast_2d(np.cov(values.T, ddof=1)) if values.shape[1] else np.zeros((0, 0))


def r_squared_table(result: MixedResult) -> pd.DataFrame:
    """Rights and Sterba's shares per role; the table of `MixedResult.r_squared`."""
    import pandas as pd

    design, estimates = result.design, result.estimates
    if estimates.data == "marginal" or (len(design.y) <= 2 * design.n_dyads and not design.random):
        raise DesignError(
            "R2 within and between persons belongs to models of several occasions with random intercepts; of a "
            "cross-section see rd.actor_partner.effect_sizes."
        )
    rows = []
    for code, slot, role, composition, inside in _members(design):
        parts = _components(result, code, slot, inside)
        within, between = parts["f1"] + parts["v1"] + parts["s"], parts["f2"] + parts["v2"] + parts["m"]
        whole = {"total": within + between, "within": within, "between": between}
        for level, source, names in SHARES:
            share = sum(parts[name] for name in names) / whole[level] if whole[level] > 0 else float("nan")
            term = ", ".join(text for text in (f"R2 {level}: {source}", composition, str(role)) if text)
            row = {"term": term, "level": level, "source": source, "role": role}
            rows.append(row | ({"composition": composition} if composition else {}) | {"estimate": float(share)})
    frame = pd.DataFrame(rows)
    frame["role"] = pd.Series([row["role"] for row in rows], dtype=object)
    return frame


def _components(result: MixedResult, code: int, slot: int, inside: Flags) -> dict[str, float]:
    """Variances of one role: fixed effects and slopes within and between, intercepts, residual."""
    design, estimates = result.design, result.estimates
    person = np.unique(2 * design.dyad[inside] + design.member[inside], return_inverse=True)[1]
    places = np.array([k for k, c in enumerate(design.fixed) if _belongs(c, code, slot) and _varies(c)], dtype=np.int64)
    within, between = _parts(design, [design.fixed[k] for k in places], inside, person)
    beta = estimates.beta[places]
    found = {"f1": float(beta @ within @ beta), "f2": float(beta @ between @ beta)}
    chosen = np.array([k for k, c in enumerate(design.random) if _belongs(c, code, slot)], dtype=np.int64)
    columns = [design.random[k] for k in chosen]
    G = estimates.random[np.ix_(chosen, chosen)]
    within, between = _parts(design, columns, inside, person)
    found["v1"], found["v2"] = float(np.sum(G * within)), float(np.sum(G * between))
    # Intercepts are deviations at the means of the slopes' predictors.
    centre = design.base[inside][:, [column.base for column in columns]].mean(axis=0)
    found["m"] = float(centre @ G @ centre)
    found["s"] = float(np.asarray(estimates.residual[code]["covariance"])[slot, slot])
    return found


def _belongs(column: DesignColumn, code: int, slot: int) -> bool:
    return column.stratum == code and column.slot in (-1, slot)


def _varies(column: DesignColumn) -> bool:
    return column.term.effect not in ("intercept", "threshold")


def _parts(design: DesignRows, columns: list[DesignColumn], inside: Flags, person: Ints) -> tuple[Array, Array]:
    """Covariances of the terms within and between persons; terms of one level keep to it."""
    values = design.base[inside][:, [column.base for column in columns]]
    if not columns:
        return np.zeros((0, 0)), np.zeros((0, 0))
    deviations, means = _split(values, person)
    for k, column in enumerate(columns):
        if column.term.level == "within":
            deviations[:, k], means[:, k] = values[:, k], 0.0
        elif column.term.level:
            deviations[:, k], means[:, k] = 0.0, values[:, k]
    return _covariance(deviations), _covariance(means)


def icc_table(result: MixedResult) -> pd.DataFrame:
    """Intraclass correlations of persons and partners; the table of `MixedResult.icc`."""
    import pandas as pd

    from reldyn.actor_partner.model._components import CovarianceComponent, component_table

    design, estimates = result.design, result.estimates
    intercepts = [k for k, column in enumerate(design.random) if column.term.effect == "intercept"]
    if not intercepts or not estimates.cov_parameters.size:
        raise DesignError(
            "intraclass correlations of a longitudinal model need random intercepts and one fit of complete rows; of a "
            "cross-section see rd.actor_partner.nonindependence."
        )
    structure = structure_of(design, result.setting.random)
    theta = np.concatenate(
        [structure.parameters(structure.to_internal(estimates.random)), *(part for part in estimates.natural)]
    )
    components = []
    for code, part in enumerate(design.strata):
        composition = part.label if len(design.strata) > 1 else ""
        value = _Correlations(result, structure, code, intercepts)
        labels = [""] if part.exchangeable else list(part.roles)
        for slot, role in enumerate(labels):
            term = ", ".join(text for text in ("same person, different occasions", composition, str(role)) if text)
            components.append(
                CovarianceComponent(
                    term, "correlation", value.of(slot, slot, same=False), role=role, composition=composition
                )
            )
        for same, words in ((False, "partners, different occasions"), (True, "partners, same occasion")):
            term = ", ".join(text for text in (words, composition) if text)
            components.append(
                CovarianceComponent(term, "correlation", value.of(0, 1, same=same), composition=composition)
            )
    frame = component_table(components, theta, estimates.cov_parameters, 1.0, singular=estimates.at_boundary)
    frame["effect"] = [part.term.split(",")[0] for part in components]
    frame["occasion"] = ["same" if "same occasion" in part.term else "different" for part in components]
    first = ["term", "effect", "occasion", "role", *(["composition"] if "composition" in frame else [])]
    return pd.DataFrame(frame[[*first, "estimate", "std_error", "conf_low", "conf_high", "note"]])


class _Correlations:
    """Correlations of two answers, from the covariance parameters."""

    def __init__(self, result: MixedResult, structure: Any, code: int, intercepts: list[int]) -> None:
        self.residual, self.structure, self.code = result.setting.residual, structure, code
        self.alike = result.design.strata[code].exchangeable
        columns = result.design.random
        # A common intercept is the intercept of both.
        self.place = [
            [k for k in intercepts if columns[k].stratum == code and columns[k].slot in (-1, slot)] for slot in (0, 1)
        ]
        sizes = [len(part) for part in result.estimates.natural]
        begin = structure.n_parameters + sum(sizes[:code])
        self.own = slice(begin, begin + sizes[code])

    def of(self, first: int, second: int, *, same: bool) -> Any:
        from reldyn.mixed import describe_process

        def value(point: Array) -> float:
            G = self.structure.to_reported(self.structure.matrix(point[: self.structure.n_parameters]))
            between = np.array(
                [[G[np.ix_(self.place[a], self.place[b])].sum() for b in (0, 1)] for a in (0, 1)], dtype=float
            )
            residual = np.asarray(describe_process(self.residual, self.alike, point[self.own])["covariance"])
            whole = np.diag(between + residual)
            shared = between[first, second] + (residual[first, second] if same else 0.0)
            return float(shared / np.sqrt(whole[first] * whole[second]))

        return value
