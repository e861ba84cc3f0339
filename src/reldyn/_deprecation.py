"""How a public name goes away: it warns for two minor releases, then it is gone."""

from __future__ import annotations

import warnings

__all__ = ["warn_deprecated"]

_MINOR_RELEASES = 2


def warn_deprecated(name: str, *, since: str, replacement: str, stacklevel: int = 2) -> None:
    """Warn that a public name is on its way out, what replaces it and when it ends.

    Parameters
    ----------
    name : str
        What the caller wrote, for example ``"rd.apim(center=...)"``.
    since : str
        The minor release that deprecated it, ``"major.minor"``. It ends two minor releases later:
        long enough to be met at least once by a lab that upgrades with every second paper.
    replacement : str
        What to write instead.
    stacklevel : int, default 2
        Whose line the warning names, counted from the function that calls this one: 2 is that
        function's caller, the user when a public function calls directly.

    Warns
    -----
    FutureWarning
        Always; unlike a `DeprecationWarning` it is shown by default wherever the call stands.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("rd.old", since="0.2", replacement="rd.new")
    >>> print(caught[0].message)
    rd.old is deprecated since reldyn 0.2 and goes away in 0.4: write rd.new instead.
    """
    major, minor = (int(part) for part in since.split("."))
    ends = f"{major}.{minor + _MINOR_RELEASES}"
    message = f"{name} is deprecated since reldyn {since} and goes away in {ends}: write {replacement} instead."
    warnings.warn(message, FutureWarning, stacklevel=stacklevel + 1)
