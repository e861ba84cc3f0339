"""What a user may ask of the mixed model: frozen option objects, checked when they are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from reldyn.errors import DesignError, check_option

Covariance = Literal["full", "diagonal", "block"]
Process = Literal["independent", "unstructured", "ar1", "car1", "var1"]
Method = Literal["reml", "ml"]
Inference = Literal["kenward-roger", "z", "cr2", "profile", "parametric-bootstrap", "dyad-bootstrap"]
Missing = Literal["available", "model", "impute"]
SERIAL = ("ar1", "car1", "var1")


@dataclass(frozen=True, slots=True)
class Shared:
    """A term that both roles have in common: one coefficient, or one random effect, for both.

    Made by `shared`.

    Attributes
    ----------
    name : str
        The term.
    """

    name: str


def shared(name: str) -> Shared:
    """Mark a term as common to both roles.

    Among the fixed effects it is one coefficient for both roles; among the random effects it is one deviation for
    both members of a dyad.

    Parameters
    ----------
    name : str
        The term, as it would be written without the mark.

    Returns
    -------
    Shared

    Raises
    ------
    DesignError
        If `name` is not a non-empty string.

    Examples
    --------
    >>> shared("day")
    Shared(name='day')
    """
    if not isinstance(name, str) or not name:
        raise DesignError(f"shared({name!r}) needs the name of one term, such as shared('day').")
    return Shared(name)


@dataclass(frozen=True, slots=True)
class Random:
    """Which effects vary between dyads, and how their deviations hang together.

    Parameters
    ----------
    terms : sequence of str or Shared
        The terms that vary, each per role unless marked by `shared`.
    covariance : {"full", "diagonal", "block"}, default "full"
        ``"full"``: every deviation may covary with every other, of both members; the default, since any covariance
        that is left out is a claim. ``"block"``: the two members' deviations of one term covary, those of different
        terms do not. ``"diagonal"``: none do.

    Raises
    ------
    DesignError
        If `covariance` is not known, or a term is named twice or is not a name.

    Examples
    --------
    >>> Random(("intercept", shared("day")), covariance="block").covariance
    'block'
    """

    terms: tuple[str | Shared, ...]
    covariance: Covariance = "full"

    def __post_init__(self) -> None:
        given: Any = self.terms
        if not isinstance(given, Iterable | Shared):
            raise DesignError(f"random takes names of terms or shared(name), not {given!r}.")
        terms: Any = (given,) if isinstance(given, str | Shared) else tuple(given)
        object.__setattr__(self, "terms", terms)
        check_option(self.covariance, get_args(Covariance), "covariance")
        for term in terms:
            if not isinstance(term, str | Shared):
                raise DesignError(f"a random term must be a name or shared(name), not {term!r}.")
        names = [term.name if isinstance(term, Shared) else term for term in terms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DesignError(f"random terms named twice: {', '.join(twice)}. Name each term once.")


@dataclass(frozen=True, slots=True)
class Residual:
    """How the two members' residuals hang together, within an occasion and over time.

    Parameters
    ----------
    process : {"independent", "unstructured", "ar1", "car1", "var1"}, default "unstructured"
        ``"independent"``: one variance per role and nothing else. ``"unstructured"``: a 2 x 2 covariance at each
        occasion, the usual actor-partner model and therefore the default. ``"ar1"``: each role its own
        autoregression with correlated innovations. ``"car1"``: the same in continuous time, from each member's own
        time stamps. ``"var1"``: a full 2 x 2 transition, so that one member's residual may carry over to the other.
    common : bool, default False
        One autoregression (one transition matrix up to role swap) for both roles. The default lets the roles differ.
    equal_variances : bool, default False
        One (innovation, measurement-error) variance for both roles. The default lets the roles differ.
    measurement_error : bool, default False
        Add white noise to a serial process, one variance per role. Off by default: it asks for long series.

    Raises
    ------
    DesignError
        If `process` is not known, or `common` or `measurement_error` is asked of a process without time in it.

    Notes
    -----
    A partner missing at an occasion costs only that half; a gap counts as the steps it spans.

    Examples
    --------
    >>> Residual("ar1", common=True).process
    'ar1'
    """

    process: Process = "unstructured"
    common: bool = False
    equal_variances: bool = False
    measurement_error: bool = False

    def __post_init__(self) -> None:
        check_option(self.process, get_args(Process), "residual process")
        for name in ("common", "equal_variances", "measurement_error"):
            if not isinstance(getattr(self, name), bool):
                raise DesignError(f"Residual takes True or False for {name}, not {getattr(self, name)!r}.")
        if self.process in SERIAL:
            return
        for name in ("common", "measurement_error"):
            if getattr(self, name):
                raise DesignError(
                    f"Residual({self.process!r}, {name}=True) cannot be estimated: the process has no carry-over from "
                    f"occasion to occasion. Leave {name} out, or choose one of {', '.join(map(repr, SERIAL))}."
                )

    @property
    def serial(self) -> bool:
        """Whether residuals of different occasions are related."""
        return self.process in SERIAL


def check_estimation(estimation: Any) -> None:
    """Refuse what is no `Estimation`.

    Parameters
    ----------
    estimation : Estimation
        Anything else is refused.

    Raises
    ------
    DesignError
        It is no `Estimation`.

    Examples
    --------
    >>> check_estimation("ml")
    Traceback (most recent call last):
        ...
    reldyn.errors.DesignError: estimation='ml' is not an Estimation, such as rd.Estimation(method='ml').
    """
    if not isinstance(estimation, Estimation):
        raise DesignError(f"estimation={estimation!r} is not an Estimation, such as rd.Estimation(method='ml').")


@dataclass(frozen=True, slots=True)
class Estimation:
    """How the model is estimated and what its intervals and tests rest on.

    Parameters
    ----------
    method : {"reml", "ml"}, default "reml"
        Restricted likelihood by default, because ML variances are too small when dyads are few; ``"ml"`` for
        likelihood-ratio tests between models with different fixed effects.
    inference : {"kenward-roger", "z", "cr2", "profile", "parametric-bootstrap", "dyad-bootstrap"}, optional
        None: ``"kenward-roger"`` under REML (z-intervals of between-person effects cover only about .90 with 30
        dyads), ``"z"`` under ML, where the Kenward-Roger correction is not defined.
    missing : {"available", "model", "impute"}, default "available"
        What becomes of rows with a missing predictor: left out; modelled jointly by likelihood; imputed within dyads.
    n_boot : int, default 999
        Bootstrap samples; 999 puts the 2.5 % and 97.5 % points on exact order statistics.
    seed : int, SeedSequence or Generator, optional
        For the bootstrap and for imputation. None draws one, which the result keeps.
    n_jobs : int, default 1
        Worker processes; the numbers do not depend on it.
    max_memory : float, default 4.0
        Gigabytes that a fit may take. The need is estimated before the work; a fit that needs more is refused with
        what makes it large. 4 leaves room on a laptop.

    Raises
    ------
    DesignError
        If an option is not known, or ``"kenward-roger"`` is asked under ML.

    Examples
    --------
    >>> Estimation().resolved_inference
    'kenward-roger'
    >>> Estimation(method="ml").resolved_inference
    'z'
    """

    method: Method = "reml"
    inference: Inference | None = None
    missing: Missing = "available"
    n_boot: int = 999
    seed: Any = None
    n_jobs: int = 1
    max_memory: float = 4.0

    def __post_init__(self) -> None:
        check_option(self.method, get_args(Method), "method")
        check_option(self.missing, get_args(Missing), "missing")
        if self.inference is not None:
            check_option(self.inference, get_args(Inference), "inference")
        if self.inference == "kenward-roger" and self.method == "ml":
            raise DesignError(
                "inference='kenward-roger' is defined under REML only. Use method='reml', or inference='z' with ML."
            )
        for name, least in (("n_boot", 1), ("n_jobs", -1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least or value == 0:
                raise DesignError(f"{name}={value!r} is not a count of at least 1" + (", or -1." if least < 0 else "."))

        memory = self.max_memory
        if isinstance(memory, bool) or not isinstance(memory, int | float) or not memory > 0:
            raise DesignError(f"max_memory={memory!r} is not a positive number of gigabytes.")

    @property
    def resolved_inference(self) -> Inference:
        """The inference asked for, or the default that goes with the method."""
        return self.inference or ("kenward-roger" if self.method == "reml" else "z")
