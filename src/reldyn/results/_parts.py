"""Names for what a result holds: its tables and the record of its engine, read as attributes.

A result has four fields, `spec`, `tables`, `notes` and `state`, and its class names what is in them by lines such as
``edges = InTables()`` and ``n_dyads = InState[int]()``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, cast, overload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["InState", "InTables", "MaybeInTables", "Part", "parts_of_class"]

T = TypeVar("T")
_NEEDED: Any = object()


class Part:
    """One entry of ``tables`` or ``state``, by name.

    Parameters
    ----------
    default : object, optional
        Taken where a result is made without the part, or was saved before its class had it. Without one it is needed.
    factory : callable, optional
        Makes the default, where it is one that could be changed.
    """

    home = "state"
    name = ""

    def __init__(self, default: Any = _NEEDED, *, factory: Callable[[], Any] | None = None) -> None:
        self._default = default
        self._factory = factory

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def __set__(self, result: Any, value: Any) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {self.name!r} of a {type(result).__name__}")

    @property
    def needed(self) -> bool:
        """Whether no result can be made without it."""
        return self._default is _NEEDED and self._factory is None

    def default(self) -> Any:
        """What stands for it where it is left out."""
        return self._default if self._factory is None else self._factory()

    def read(self, result: Any) -> Any:
        """The entry of one result."""
        held = vars(result).get(self.home, {})
        if self.name not in held:
            raise AttributeError(f"this {type(result).__name__} has no {self.name!r}")
        return held[self.name]


class InState(Part, Generic[T]):
    """What an engine recorded, of type ``T``."""

    @overload
    def __get__(self, result: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, result: object, owner: type[Any]) -> T: ...

    def __get__(self, result: object | None, owner: type[Any]) -> Self | T:
        return self if result is None else cast("T", self.read(result))


class InTables(Part):
    """A table."""

    home = "tables"

    @overload
    def __get__(self, result: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, result: object, owner: type[Any]) -> pd.DataFrame: ...

    def __get__(self, result: object | None, owner: type[Any]) -> Self | pd.DataFrame:
        return self if result is None else cast("pd.DataFrame", self.read(result))


class MaybeInTables(Part):
    """A table that some results have; None in the others."""

    home = "tables"

    def __init__(self) -> None:
        super().__init__(default=None)

    @overload
    def __get__(self, result: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, result: object, owner: type[Any]) -> pd.DataFrame | None: ...

    def __get__(self, result: object | None, owner: type[Any]) -> Self | pd.DataFrame | None:
        return self if result is None else cast("pd.DataFrame | None", self.read(result))


def parts_of_class(cls: type[Any]) -> dict[str, Part]:
    """The parts of a class of results by name, those of its bases first."""
    return dict(_walk(cls))


def _walk(cls: type[Any]) -> Iterator[tuple[str, Part]]:
    for base in reversed(cls.__mro__):
        yield from ((name, part) for name, part in vars(base).items() if isinstance(part, Part))
