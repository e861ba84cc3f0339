"""What every result offers: tidy, glance, summary, plot, warnings and JSON.

A family's class inherits from `Result`, names its tables and what else it holds (`InTables`, `InState`) and adds verbs;
it is registered by its name, so that `from_json` can bring its results back. No pickles: the JSON holds numbers, names
and nothing that runs.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from reldyn._format import LongText, counted
from reldyn._records import brief, result_line
from reldyn._registry import analyses_by_name, find_analysis
from reldyn._saved import REGISTRY, Withheld, decode, encode_parts, enter, numbers_of, schema_of
from reldyn._spec import spec_class
from reldyn.errors import DataError, DesignError
from reldyn.results._parts import parts_of_class
from reldyn.results._template import Section, html_section, methods_section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reldyn._saved import Numbers
    from reldyn._spec import Spec

__all__ = ["SCHEMA_VERSION", "Result", "from_json", "homes", "register", "write_text"]

SCHEMA_VERSION = 3
# Results that no analysis of a panel returns itself, or under another schema name, and the module that defines them:
# importing it registers them.
_OTHER_HOMES = {
    "AmbivalenceByOccasion": "reldyn.perception",
    "EffectSizes": "reldyn.actor_partner",
    "HMMResult": "reldyn.markov",
    "HierarchicalHMMResult": "reldyn.markov",
    "MarginalApimResult": "reldyn.actor_partner",
    "SlopesResult": "reldyn.actor_partner",
    "SocialAccuracyResult": "reldyn.perception",
}
# Where figures are drawn: a dotted path, so that results know no room above them.
_FIGURES = "reldyn.plot"
_MEND = "Save one with result.to_json(path)."
_LARGEST = 10**9


def no_figure(kind: type[Any]) -> str:
    """What is said where a result without a figure is to be drawn."""
    return f"{kind.__name__} has no figure: draw the columns of tidy(), a data frame, as you like."


class _Plot:
    """The method `plot` of results that have a figure; those without one have no such attribute."""

    def __get__(self, result: Any, owner: type[Any]) -> Any:
        if owner.figure is None:
            raise AttributeError(no_figure(owner))
        return _draw if result is None else functools.partial(_draw, result)


def _draw(result: Any, **options: Any) -> Figure:
    """Draw the result; options go to the function of `reldyn.plot` named in its page.

    In Jupyter the figure is shown once, however the line is written; see `reldyn.plot`.
    """
    figure: Figure = getattr(importlib.import_module(_FIGURES), result.figure)(result, **options)
    return figure


class _Frozen:
    """Refuses new attributes, also those of subclasses that are no dataclasses themselves."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {name!r} of a {type(self).__name__}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete {name!r} of a {type(self).__name__}")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result(_Frozen):
    """What an analysis found: the question, tables, notes and the record of its engine.

    A class of results adds verbs and no fields. It names what its results hold with `InTables` and `InState`, and
    makes them by these names: ``Ours.of(estimates=frame, variable="mood", notes=notes)``. It says ``_headline``,
    ``_methods`` and, where a summary shows anything but `tidy`, ``_sections``. ``figure`` is the name of the function
    in `reldyn.plot` that draws it. ``row_fields`` names the parts that hold rows, ``id_fields`` those that hold ids
    outside of tables (see `reldyn._saved`), ``person_columns`` columns of tables that name persons besides the usual
    ones.

    Attributes
    ----------
    spec : Spec or None
        What the analysis was asked; analyses of a panel set it.
    tables : mapping of str to pandas.DataFrame
        What was found, by name.
    notes : tuple of str
        What a careful reader must know.
    state : mapping of str to object
        What verbs and `summary` need besides: numbers, texts, None, tuples, mappings, arrays, other results and plain
        frozen dataclasses registered with `register`.
    """

    spec: Spec | None = None
    tables: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    figure: ClassVar[str | None] = None
    # Rows of a table that a summary shows; None for all.
    rows_shown: ClassVar[int | None] = None

    def __init_subclass__(cls, schema: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [name for name, kind in inspect.get_annotations(cls).items() if "ClassVar" not in str(kind)]
        if own:
            raise TypeError(
                f"{cls.__name__} is a Result and has the fields of one: name {', '.join(own)} with InTables() or "
                "InState()."
            )
        # A class that is renamed keeps its first schema name, or its older files could not be read.
        enter(cls, schema or cls.__name__)
        # A dataclass writes all its fields into a repr of its own, unless the class has one.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    @classmethod
    def of(cls, *, notes: Sequence[str] = (), **parts: Any) -> Self:
        """Make a result of its parts.

        Parameters
        ----------
        notes : sequence of str
            What a careful reader must know.
        **parts
            What the class names with `InTables` and `InState`; those with a default may be left out.

        Raises
        ------
        TypeError
            A part is missing, or the class has none of that name.
        """
        known = parts_of_class(cls)
        wrong = [name for name in parts if name not in known]
        missing = [name for name, part in known.items() if part.needed and name not in parts]
        if wrong or missing:
            raise TypeError(f"{cls.__name__}: parts missing {missing}, unknown {wrong}")
        held: dict[str, dict[str, Any]] = {"tables": {}, "state": {}}
        for name, part in known.items():
            held[part.home][name] = parts[name] if name in parts else part.default()
        return cls(tables=held["tables"], notes=tuple(notes), state=held["state"])

    def with_parts(self, **changes: Any) -> Self:
        """The same result with other values of some parts."""
        changed = type(self).of(**{"notes": self.notes, **self.parts(), **changes})
        object.__setattr__(changed, "spec", self.spec)
        return changed

    def parts(self) -> dict[str, Any]:
        """What the result holds, by the names of its class."""
        return {name: part.read(self) for name, part in parts_of_class(type(self)).items()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a careful reader must know: the notes."""
        return self.notes

    def __repr__(self) -> str:
        return result_line(self)

    def __str__(self) -> str:
        return repr(self) if type(self).tidy is Result.tidy else self.summary()

    def tidy(self) -> pd.DataFrame:
        """One row per estimate."""
        raise TypeError(f"{type(self).__name__} has no estimates to tidy")

    def glance(self) -> pd.DataFrame:
        """One row that describes the whole fit."""
        raise TypeError(f"{type(self).__name__} has nothing to glance at")

    def summary(self) -> str:
        """Text that reads like a methods and results section: headline, methods, tables and notes."""
        if type(self).tidy is Result.tidy:
            raise TypeError(f"{type(self).__name__} has no summary")
        return methods_section(
            self._headline(), self._methods(), self._sections(), self._remarks(), rows_shown=self.rows_shown
        )

    def _repr_html_(self) -> str:
        sections = list(self._sections())
        # A notebook shows a table, also where the summary says all in sentences.
        if all(isinstance(section, str) for section in sections):
            sections.insert(0, self.tidy())
        return html_section(self._headline(), sections, self._remarks(), rows_shown=self.rows_shown)

    # --- what the template is filled with -----------------------------------------------------------------------

    def _headline(self) -> str:
        """One line; by default the question and how many were asked."""
        question = find_analysis(self.spec.analysis).question if self.spec is not None else type(self).__name__
        return f"{question} {self._counted()}".rstrip()

    def _counted(self) -> str:
        glance = self.glance().iloc[0]
        return ", ".join(
            counted(int(glance[f"n_{unit}s"]), unit) for unit in ("dyad", "person") if f"n_{unit}s" in glance
        )

    def _methods(self) -> str:
        """The methods paragraph; by default what the list of analyses says, and the options that were given."""
        if self.spec is None:
            return ""
        asked = ", ".join(f"{name}={value!r}" for name, value in self.spec.to_table().items())
        return " ".join(filter(None, [find_analysis(self.spec.analysis).methods, asked and f"Given: {asked}."]))

    def _sections(self) -> Iterable[Section]:
        """What stands below the methods: tables, tables with a title, and paragraphs."""
        return (self.tidy(),)

    def _remarks(self) -> Sequence[str]:
        """The notes that a summary ends with."""
        return self.notes

    if TYPE_CHECKING:

        def plot(self, **options: Any) -> Figure:
            """Draw the result."""

    else:
        plot = _Plot()

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name != "plot" or type(self).figure is not None]

    def to_table(self, kind: Literal["html", "latex", "gt"] = "html", *, digits: int = 3) -> Any:
        """Turn `tidy` into a table for a paper.

        Parameters
        ----------
        kind : {"html", "latex", "gt"}, default "html"
            HTML text (a notebook shows the table; elsewhere open it in a browser and paste it into Word), LaTeX
            text, or the great-tables object itself, to be styled further. For several models side by side, or a Word
            file, give results to ``maketables.ETable``, which reads them as they are.
        digits : int, default 3
            Decimals; p-values are printed as papers print them.

        Returns
        -------
        str or great_tables.GT

        Raises
        ------
        ReldynError
            great-tables (extra ``report``) is not installed.
        """
        from reldyn._tables import render_table

        return render_table(self.tidy(), kind, title=self._headline(), notes=self.notes, digits=digits)

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        from reldyn._tables import coefficient_table

        return coefficient_table(self.tidy())

    @property
    def __maketables_depvar__(self) -> str:
        return str(getattr(getattr(self, "design", self), "outcome", "outcome"))

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "dyads"]

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return {"N": "Observations", "dyads": "Dyads", "ll": "Log-likelihood"}

    def __maketables_stat__(self, key: str) -> Any:
        from reldyn._tables import model_statistic

        return model_statistic(self.glance(), key)

    @overload
    def to_json(self, path: None = None, *, rows: bool = False) -> str: ...

    @overload
    def to_json(self, path: str | Path, *, rows: bool = False) -> None: ...

    def to_json(self, path: str | Path | None = None, *, rows: bool = False) -> str | None:
        """Return the result as JSON text, or write it to ``path`` if one is given.

        Parameters
        ----------
        path : str or Path, optional
            File to write.
        rows : bool, default False
            Whether to save the rows behind the result (answers, occasions, residuals, phases of occasions) and the
            original ids. By default neither: files are passed on, and rows and ids tell who said what. Dyads and
            persons then have running numbers in the order in which the result names them, which is that of the ids
            as a rule; roles stay, save where a result of a single dyad does not show that they are roles. Estimates
            of single dyads and persons are saved either way.

        Returns
        -------
        str or None
            The text; None if it was written to a file, so that the last line of a notebook cell shows none of it.

        Raises
        ------
        DataError
            Rows are asked for, and the result was itself read from a file without them; or the file cannot be written.
        """
        bare = self if rows else self._without_rows()
        numbers = None if rows else numbers_of(bare)
        text = json.dumps(
            {
                "schema": schema_of(type(self)),
                "schema_version": SCHEMA_VERSION,
                "rows": bool(rows),
                "spec": None if self.spec is None else self._saved_spec(self.spec, numbers),
                "fields": encode_parts(bare, numbers),
            },
            ensure_ascii=False,
            allow_nan=False,
        )
        if path is None:
            return LongText(text)
        try:
            write_text(path, text + "\n")
        except OSError as error:
            raise DataError(
                f"cannot write {path}: {error.strerror}. Name a file in a folder that is there and can be written."
            ) from None
        return None

    @staticmethod
    def _saved_spec(spec: Spec, numbers: Numbers | None) -> dict[str, Any]:
        """What the analysis was asked, as JSON; without ids where numbers stand in for them."""
        table = {name: _plain(value, numbers) for name, value in spec.to_table().items()}
        return {"analysis": spec.analysis, "options": table}

    def _without_rows(self) -> Self:
        """The result with whatever `tidy`, `glance` and `summary` count in rows put down beside them."""
        return self

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Make a result of what was saved: tables, notes and state, or the fields of its class in schemas 1 and 2."""
        known = parts_of_class(cls)
        present = set(fields) == {"tables", "notes", "state"}
        flat = {**fields["tables"], **fields["state"]} if present else fields
        notes = decode(fields["notes" if present else "warnings"]) if present or "warnings" in fields else ()
        parts = {name: decode(value) for name, value in flat.items() if name in known}
        for name, value in parts.items():
            no_table = not isinstance(value, Withheld) and not hasattr(value, "to_csv")
            if known[name].home == "tables" and no_table and not (value is None and not known[name].needed):
                raise TypeError(f"{name} is no table")
        return cls.of(notes=notes, **parts)


def register(cls: type[Any]) -> type[Any]:
    """Let a plain frozen dataclass travel inside the JSON of a result (class decorator)."""
    enter(cls, cls.__name__)
    return brief(cls)


def from_json(path: str | Path) -> Result:
    """Bring back a result that `to_json` saved.

    Parameters
    ----------
    path : str or Path
        A file, or the JSON text itself (anything that starts with ``{``).

    Returns
    -------
    Result
        The same class with the same fields; what was NaN is NaN again. Saved without rows (the default of `to_json`),
        everything but the verbs that need rows works as before; those raise a `DataError` that says so.

    Raises
    ------
    DataError
        The text is not a saved reldyn result, or was saved by a newer reldyn, or by an older one whose result held
        other things.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=30, actor=0.3, partner=0.2, seed=1).panel
    >>> fit = rd.apim(panel, outcome="y", predictors=["x"])
    >>> from_json(fit.to_json()).tidy().equals(fit.tidy())
    True
    """
    text = str(path)
    if text.lstrip().startswith("{"):
        return _from_text(text)
    saved = _read(Path(path))
    try:
        return _from_text(saved)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _from_text(text: str) -> Result:
    name, version, fields = _opened(text)
    known = homes()
    if name in known:
        importlib.import_module(known[name])
    saved_class = REGISTRY.get(name)
    if saved_class is None or not issubclass(saved_class, Result):
        raise DataError(f"no result of reldyn is called {name!r}; known: {', '.join(sorted(known))}.")
    try:
        result: Result = saved_class._from_fields(fields)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        if version < SCHEMA_VERSION:
            raise DataError(
                f"this {name} was saved by an earlier reldyn (schema_version {version}), and what it holds is no "
                "longer read: compute it anew from the data and save it with result.to_json(path)."
            ) from None
        raise DataError(f"not a whole {name}: {str(error)[:200]}. {_MEND}") from None
    spec = _spec_of(text)
    if spec is not None:
        object.__setattr__(result, "spec", spec)
    return result


def homes() -> dict[str, str]:
    """The module of every result that can be saved, by schema name."""
    of_analyses = (entry.result.rpartition(".") for entry in analyses_by_name().values())
    return {name: module for module, _, name in of_analyses} | _OTHER_HOMES


def _spec_of(text: str) -> Spec | None:
    """What the saved analysis was asked; None where the text does not say it, or no analysis has this name now."""
    said = json.loads(text).get("spec")
    try:
        return spec_class(said["analysis"]).from_table(said["options"]) if said else None
    except (DesignError, KeyError, TypeError, AttributeError):
        return None


def _plain(value: Any, numbers: Numbers | None) -> Any:
    """An option as JSON; ids become running numbers."""
    if isinstance(value, Mapping):
        return {name: _plain(item, numbers) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, numbers) for item in value]
    if numbers is not None and isinstance(value, (str, int)) and not isinstance(value, bool):
        return numbers.persons.get(value, numbers.dyads.get(value, value)) if isinstance(value, str) else value
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _opened(text: str) -> tuple[str, int, Any]:
    """Return class name, schema version and fields of a saved text, refusing what this reldyn cannot read."""
    try:
        saved = json.loads(text)
        name, version, fields = saved["schema"], saved["schema_version"], saved["fields"]
    except RecursionError:
        raise DataError(f"not a result saved by reldyn: it is nested too deeply. {_MEND}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"not a result saved by reldyn: {str(error)[:200]}. {_MEND}") from None
    if type(version) is not int:
        raise DataError(f"not a result saved by reldyn: schema_version is {version!r}. {_MEND}")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"saved with schema_version {version}, this reldyn reads up to {SCHEMA_VERSION}: upgrade reldyn."
        )
    return str(name), version, fields


def _read(path: Path) -> str:
    try:
        # A pipe would be waited for without end.
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no file, so not a result saved by reldyn.")
        if path.exists() and path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is larger than {_LARGEST // 10**6:,} MB, so not a result saved by reldyn.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text, so not a result saved by reldyn.") from None
    except DataError:
        raise
    except ValueError:
        raise DataError(f"{str(path)[:80]!r} is no path, and no result saved by reldyn.") from None


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, atomically: whole file or no file.

    The draft beside it has a name that nothing has, so no other file is touched.
    """
    path = Path(path)
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    with draft.open("x", encoding="utf-8", newline="\n") as stream:
        try:
            stream.write(text)
            stream.close()
            draft.replace(path)
        except BaseException:
            stream.close()
            draft.unlink(missing_ok=True)
            raise
