"""Labels that a caller names - dyads, roles, compositions - looked up among those that there are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from reldyn.errors import DataError, label_hint

__all__ = ["label_codes"]

_SHOWN = 10


def label_codes(
    wanted: Iterable[Hashable] | Hashable, labels: Sequence[Hashable], what: str, where: str = "the panel"
) -> list[int]:
    """Places of the wanted labels, in the order in which they are wanted.

    Parameters
    ----------
    wanted : iterable of labels, or one label
    labels : sequence of labels
        All that there are.
    what, where : str
        What they are labels of, and what has them, for the message.

    Returns
    -------
    list of int

    Raises
    ------
    DataError
        A wanted label is not among them.

    Examples
    --------
    >>> label_codes("b", ("a", "b"), "role")
    [1]
    >>> label_codes(["3"], (1, 2, 3), "dyad")
    Traceback (most recent call last):
        ...
    reldyn.errors.DataError: no dyad '3' in the panel (did you mean 3, a number?); there are 3: 1, 2, 3.
    """
    named = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)
    place = {label: code for code, label in enumerate(labels)}
    unknown = [label for label in named if not isinstance(label, Hashable) or label not in place]
    if unknown:
        shown = ", ".join(repr(label) for label in labels[:_SHOWN]) + (" ..." if len(labels) > _SHOWN else "")
        hint = label_hint(unknown[0], labels)
        raise DataError(f"no {what} {unknown[0]!r} in {where}{hint}; there are {len(labels)}: {shown}.")
    return [place[label] for label in named]
