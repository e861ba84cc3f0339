"""What every generator returns: a panel and the truth behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reldyn._format import counted

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


class Truth(Mapping[str, Any]):
    """The parameters behind simulated data: a read-only mapping whose keys are also attributes.

    Frames are handed out as copies, so that no reader can change the truth of another.

    Parameters
    ----------
    **values
        The parameters by name.

    Examples
    --------
    >>> truth = Truth(actor=(0.3, 0.2), seed=1)
    >>> truth["actor"], truth.seed, list(truth)
    ((0.3, 0.2), 1, ['actor', 'seed'])
    """

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, /, **values: Any) -> None:
        object.__setattr__(self, "_values", values)

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        return value.copy() if hasattr(value, "copy") else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the truth holds no {name!r}; it holds: {', '.join(self._values)}.")
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"the truth of simulated data is fixed: {name!r} cannot be set.")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._values})

    def __repr__(self) -> str:
        return f"Truth({', '.join(self._values)})"

    def __str__(self) -> str:
        return "\n".join(f"{name}: {_told(value)}" for name, value in self._values.items())

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What a notebook shows: the values, and not the names alone."""
        printer.text(str(self))

    def __getstate__(self) -> dict[str, Any]:
        return dict(self._values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "_values", state)


def _told(value: Any) -> str:
    if not hasattr(value, "columns"):
        return str(value)
    return f"{counted(len(value), 'row')} ({', '.join(map(str, value.columns))})"


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Simulated:
    """A simulated panel and the truth behind it.

    Attributes
    ----------
    panel : DyadPanel
        The data as a study would have them: scheduled rows that were missed are kept, with missing answers.
    truth : Truth
        Every parameter by name, the seed among them; what differs between dyads is held in frames.
    """

    panel: DyadPanel
    truth: Truth

    def __repr__(self) -> str:
        return f"Simulated({self.panel!r}; {self.truth!r})"

    def __str__(self) -> str:
        return f"{self.panel}\n  truth         {', '.join(self.truth)}"
