"""`reliability`: do the items tell persons apart, and do they tell a person's good occasions from bad ones?

Cranford et al. (2006, Personality and Social Psychology Bulletin 32, 917-929); Shrout and Lane (2012) for the nested
forms; Geldhof, Preacher and Zyphur (2014, Psychological Methods 19, 72-91) for omega at either level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Columns
from reldyn.dynamics._facets import CROSSED, NESTED, Cells, crossed_anova, crossed_reml, nested_anova, nested_reml
from reldyn.dynamics._persons import listed
from reldyn.dynamics._two_level_factor import FactorFit, fit_two_levels, omega
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.panel import analysis
from reldyn.results import EstimateResult, InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

Method = Literal["anova", "reml"]

__all__ = ["ReliabilityResult", "reliability"]

_MEANING = {
    "RkF": "differences between persons, averages over the same occasions",
    "R1R": "differences between persons, one occasion",
    "RkR": "differences between persons, averages over any occasions",
    "Rc": "change within persons",
    "RkRn": "differences between persons, averages over occasions of their own",
    "Rcn": "change within persons, occasions of their own",
    "omega_within": "omega of one factor within persons",
    "omega_between": "omega of one factor between persons",
}
_REACH = 1.959963984540054


class ReliabilityResult(EstimateResult):
    """Reliability between and within persons.

    Attributes
    ----------
    items : tuple of str
    method : str
        How the crossed components were estimated.
    table : pandas.DataFrame
    component_table : pandas.DataFrame
    loading_table : pandas.DataFrame
    occasions : float
        Number of occasions of the averages.
    n_persons, n_occasions, n_cells : int
    converged : bool
    notes : tuple of str
    """

    items = InState[tuple[str, ...]]()
    method = InState[str]()
    component_table = InTables()
    loading_table = InTables()
    occasions = InState[float]()
    n_persons = InState[int]()
    n_occasions = InState[int]()
    n_cells = InState[int]()
    converged = InState[bool]()

    def components(self) -> pd.DataFrame:
        """Variance components: ``design`` (crossed, nested), ``source``, ``variance``, ``share``."""
        return self.component_table.copy()

    def loadings(self) -> pd.DataFrame:
        """Loadings and unique variances of the two-level factor model: ``level``, ``item``; empty without one."""
        return self.loading_table.copy()

    def _headline(self) -> str:
        return f"Reliability of {', '.join(self.items)}" + ("" if self.converged else " (NOT CONVERGED)")

    def _methods(self) -> str:
        how = "mean squares" if self.method == "anova" else "restricted likelihood"
        return (
            f"Generalizability of {counted(len(self.items), 'item')} over {counted(self.n_cells, 'occasion')} of "
            f"{counted(self.n_persons, 'person')}, components by {how}, averages over {self.occasions:.4g} occasions "
            "(Cranford et al., 2006; nested forms Shrout and Lane, 2012); omega by maximum likelihood of one factor "
            "per level (Geldhof, Preacher and Zyphur, 2014). R1R and RkR count differences between occasions as error."
        )

    def _about(self) -> Mapping[str, Any]:
        names = ("n_persons", "n_occasions", "n_cells", "occasions", "converged", "method")
        return {name: getattr(self, name) for name in names}


_HEYWOOD = "negative unique variance (Heywood case)"
# Relative difference below which answers to two items are the same.
_ROUNDING = 1e-12


@analysis
def reliability(
    panel: DyadPanel, items: Columns, *, method: Method | None = None, occasions: float | None = None
) -> ReliabilityResult:
    """Estimate how reliably several items measure differences between persons and change within them.

    Parameters
    ----------
    panel : DyadPanel
        An occasion counts for a person when all items are answered; persons and occasions may have gaps.
    items : sequence of str
        Two or more numeric columns, keyed in one direction; omega needs three.
    method : {"anova", "reml"}, optional
        How variance components are estimated. None: mean squares where every person answered at every occasion and no
        component comes out negative, else restricted likelihood, which keeps components at 0 or above.
    occasions : float, optional
        Number of occasions over which averages are taken in RkF, RkR and RkRn. None: the harmonic mean of the numbers
        that persons answered (in balanced data that number).

    Returns
    -------
    ReliabilityResult
        ``tidy()``: ``coefficient`` (``RkF``, ``R1R``, ``RkR``, ``Rc``; ``RkRn``, ``Rcn`` with occasions nested in
        persons; ``omega_within``, ``omega_between``), ``meaning``, ``estimate``, ``std_error``, ``conf_low``,
        ``conf_high`` (95 %, omega only), ``note``. ``components()`` and ``loadings()`` hold what they rest on.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        Fewer than two items, three persons, or two occasions; or mean squares are asked of incomplete data.

    Notes
    -----
    Persons count as independent, although partners are not; estimate each role by itself where that matters
    (``panel.select(roles=...)``). A negative unique variance (Heywood case) is reported and flagged, never moved to 0:
    omega then stands but the factor model of that level does not fit well. Where the unique variances of a level sum
    to less than 0, omega would not lie between 0 and 1 and is missing, with a note; so are coefficients whose error
    variance is negative under ``method="anova"``.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> person, day = (part.ravel() for part in np.indices((20, 10)))
    >>> mood = rng.normal(size=20)[person] + rng.normal(size=200)
    >>> own = rng.normal(0, 0.5, (3, 20))
    >>> frame = pd.DataFrame({f"item{k + 1}": mood + own[k, person] + rng.normal(0, 0.5, 200) for k in range(3)})
    >>> frame = frame.assign(dyad=person // 2, person=person, day=day)
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="person", day="day")
    >>> found = rd.dynamics.reliability(panel, ["item1", "item2", "item3"], method="reml")
    >>> found.tidy()["coefficient"].tolist()
    ['RkF', 'R1R', 'RkR', 'Rc', 'RkRn', 'Rcn', 'omega_within', 'omega_between']
    """
    import pandas as pd

    from reldyn.stats import one_thread

    names = listed(items)
    if method is not None:
        check_option(method, get_args(Method), "method")
    cells, notes = _cells(panel, names)
    k = _occasions(occasions, cells)
    with one_thread():
        crossed, nested, used, told, converged = _components(cells, method)
        factor, reason = _factor(cells)
    notes += told + _heywood(factor, names)
    if factor is not None and not factor.converged:
        notes.append("the two-level factor model did not converge to a verified optimum, so its omega has no interval")
    for note in notes:
        # At the line that called the function, past the decorator of analyses.
        warn_caller(note, DataWarning)
    rows = _coefficients(crossed, nested, k, len(names)) + _omegas(factor, reason)
    return ReliabilityResult.of(
        items=tuple(names),
        method=used,
        table=pd.DataFrame(rows),
        component_table=_component_table(crossed, nested),
        loading_table=_loading_table(factor, names),
        occasions=k,
        n_persons=cells.n_persons,
        n_occasions=cells.n_occasions,
        n_cells=len(cells.person),
        converged=converged and (factor is None or factor.converged),
        notes=tuple(notes),
    )


def _cells(panel: DyadPanel, names: list[str]) -> tuple[Cells, list[str]]:
    if len(names) < 2:
        raise DesignError("reliability shows over items: name at least two.")
    answers = np.column_stack([panel.values(name) for name in names])
    seen = np.isfinite(answers)
    whole = np.flatnonzero(seen.all(axis=1))
    index = panel.index
    person = np.unique(index.person[whole], return_inverse=True)[1]
    occasion = np.unique(index.occasion[whole], return_inverse=True)[1]
    cells = Cells(answers[whole], person, occasion)
    if not len(whole) or cells.n_persons < 3 or cells.n_occasions < 2 or len(whole) <= cells.n_persons:
        found = (0, 0) if not len(whole) else (cells.n_persons, cells.n_occasions)
        raise DesignError(
            f"all of {', '.join(names)} are answered by {counted(found[0], 'person')} at "
            f"{counted(found[1], 'occasion')}; reliability needs three persons and two occasions each."
        )
    if (np.ptp(cells.answers, axis=0) == 0).any():
        flat = [name for name, column in zip(names, cells.answers.T, strict=True) if np.ptp(column) == 0]
        raise DesignError(f"{flat[0]!r} never varies: leave it out of the items.")
    apart = np.ptp(cells.answers - cells.answers[:, :1], axis=0).max()
    if apart <= _ROUNDING * np.ptp(cells.answers, axis=0).max():
        raise DesignError(f"{', '.join(names)} never differ but for a constant: they are one item, not several.")
    partly = int((seen.any(axis=1) & ~seen.all(axis=1)).sum())
    notes = []
    if partly:
        are = agreeing(partly, "is", "are")
        notes.append(f"{counted(partly, 'occasion')} with only some of the items {are} left out")
    gone = panel.n_persons - cells.n_persons
    if gone:
        have, are = agreeing(gone, "has", "have"), agreeing(gone, "is", "are")
        notes.append(
            f"{gone} of {counted(panel.n_persons, 'person')} {have} no occasion with an answer to every item and {are} "
            "left out"
        )
    return cells, notes


def _occasions(occasions: float | None, cells: Cells) -> float:
    if occasions is None:
        return cells.n_persons / float((1.0 / np.bincount(cells.person)).sum())
    number = isinstance(occasions, (int, float, np.number)) and not isinstance(occasions, bool)
    if not number or not float(occasions) >= 1:
        raise DesignError(f"occasions={occasions!r}: give a number of occasions of at least 1.")
    return float(occasions)


def _components(cells: Cells, method: Method | None) -> tuple[Array, Array, Method, list[str], bool]:
    """Crossed and nested components, the method used, what a reader must know, and convergence."""
    notes: list[str] = []
    if method == "anova" and not cells.balanced:
        raise DesignError(
            f"method='anova' needs every person at every occasion, here are {len(cells.person)} of "
            f"{cells.n_persons * cells.n_occasions} cells: use method='reml'."
        )
    if method != "reml" and cells.balanced:
        crossed, nested = crossed_anova(cells), nested_anova(cells)
        sources = [f"{name} (crossed)" for name, one in zip(CROSSED, crossed, strict=True) if one < 0]
        sources += [f"{name} (nested)" for name, one in zip(NESTED, nested, strict=True) if one < 0]
        if not sources or method == "anova":
            if sources:
                notes.append(f"negative variance components, kept as they are: {', '.join(sources)}")
            return crossed, nested, "anova", notes, True
        notes.append(f"negative variance components by mean squares ({', '.join(sources)}): restricted likelihood used")
    crossed, first = crossed_reml(cells)
    nested, second = nested_reml(cells)
    if not (first and second):
        notes.append("the restricted likelihood did not converge to a verified optimum")
    return crossed, nested, "reml", notes, first and second


def _coefficients(crossed: Array, nested: Array, k: float, m: int) -> list[dict[str, Any]]:
    p, t, _, pt, pi, _, e = crossed
    between = p + pi / m
    q, within, error = nested
    parts = {
        "RkF": (between, e / (k * m)),
        "R1R": (between, t + pt + e / m),
        "RkR": (between, t / k + pt / k + e / (k * m)),
        "Rc": (pt, e / m),
        "RkRn": (q, within / k + error / (k * m)),
        "Rcn": (within, error / m),
    }
    rows = []
    for name, (true, noise) in parts.items():
        defined = true + noise > 0 and noise >= 0
        note = "" if defined else "negative error variance" if noise < 0 else "no variance to divide"
        if defined and true < 0:
            note = "negative true variance"
        rows.append(_row(name, float(true / (true + noise)) if defined else np.nan, note))
    return rows


def _row(name: str, estimate: float, note: str = "", error: float = np.nan, heywood: bool = False) -> dict[str, Any]:
    low, high = estimate - _REACH * error, estimate + _REACH * error
    if np.isfinite(error) and 0 < estimate < 1 and not heywood:
        # On the logit scale the interval stays between 0 and 1.
        logit, reach = np.log(estimate / (1 - estimate)), _REACH * error / (estimate * (1 - estimate))
        low, high = 1 / (1 + np.exp(reach - logit)), 1 / (1 + np.exp(-reach - logit))
    return {
        "term": name,
        "coefficient": name,
        "meaning": _MEANING[name],
        "estimate": estimate,
        "std_error": error,
        "conf_low": low,
        "conf_high": high,
        "note": note,
    }


def _factor(cells: Cells) -> tuple[FactorFit | None, str]:
    """Fit the two-level factor model, or the reason why not."""
    m = cells.answers.shape[1]
    if m < 3:
        return None, f"{counted(m, 'item')}, omega needs 3"
    if cells.n_persons < 4 * m:
        return None, f"{counted(cells.n_persons, 'person')}, omega of {counted(m, 'item')} needs {4 * m}"
    count = np.bincount(cells.person)
    mean = np.column_stack([np.bincount(cells.person, weights=x) / count for x in cells.answers.T])
    for part, where in ((cells.answers - mean[cells.person], "within"), (mean - mean.mean(axis=0), "between")):
        scale = part.std(axis=0)
        # A correlation matrix that is singular leaves no unique variance to estimate.
        if (scale < 1e-12).any() or np.linalg.eigvalsh(np.corrcoef(part.T))[0] < 1e-10:
            return None, f"items never vary or are linearly dependent {where} persons"
    return fit_two_levels(cells.answers, cells.person), ""


def _heywood(factor: FactorFit | None, names: list[str]) -> list[str]:
    if factor is None:
        return []
    notes = []
    for level, unique in zip(("within", "between"), factor.unique, strict=True):
        bad = [f"{name} ({one:.3g})" for name, one in zip(names, unique, strict=True) if one < 0]
        if bad:
            gone = "" if unique.sum() >= 0 else f"; their sum is negative, so omega_{level} is not defined"
            said = f"negative unique variance {level} persons (Heywood case), kept as it is: {', '.join(bad)}"
            notes.append(said + gone)
    return notes


def _omegas(factor: FactorFit | None, reason: str) -> list[dict[str, Any]]:
    rows = []
    for level, name in enumerate(("omega_within", "omega_between")):
        if factor is None:
            rows.append(_row(name, np.nan, reason))
            continue
        value, error = omega(factor, level)
        if factor.unique[level].sum() < 0:
            # A share of variance above 1, or of a sum with a negative variance: no reliability.
            rows.append(_row(name, np.nan, f"not defined: {_HEYWOOD}, and the unique variances sum to less than 0"))
            continue
        heywood = bool((factor.unique[level] < 0).any())
        rows.append(_row(name, value, _HEYWOOD if heywood else "", error, heywood))
    return rows


def _component_table(crossed: Array, nested: Array) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"design": design, "source": source, "variance": float(one), "share": float(one / values.sum())}
        for design, sources, values in (("crossed", CROSSED, crossed), ("nested", NESTED, nested))
        for source, one in zip(sources, values, strict=True)
    ]
    return pd.DataFrame(rows)


def _loading_table(factor: FactorFit | None, names: list[str]) -> pd.DataFrame:
    import pandas as pd

    columns = ("level", "item", "loading", "loading_error", "unique_variance", "unique_error", "log_likelihood")
    if factor is None:
        return pd.DataFrame({name: [] for name in columns})
    m = len(names)
    errors = np.sqrt(np.maximum(np.diag(factor.covariance), 0.0)).reshape(4, m)
    rows = [
        (
            *(level, name, factor.loading[at, j], errors[2 * at, j], factor.unique[at, j], errors[2 * at + 1, j]),
            factor.log_likelihood,
        )
        for at, level in enumerate(("within", "between"))
        for j, name in enumerate(names)
    ]
    return pd.DataFrame(rows, columns=list(columns))
