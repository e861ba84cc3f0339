"""What follows what, as a table of log odds ratios per path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError
from reldyn.plot._given import draws_result
from reldyn.plot._layers import tiles
from reldyn.plot._style import BLUE, INK, ORANGE, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from reldyn.coupling import LagSequentialResult

__all__ = ["lag_sequential"]


@draws_result("rd.coupling.lag_sequential(panel, ...)")
def lag_sequential(result: LagSequentialResult) -> Figure:
    """Draw the averaged log odds ratios of each path: rows are the code before, columns the code that follows.

    Parameters
    ----------
    result : LagSequentialResult
        Of `reldyn.coupling.lag_sequential`.

    Returns
    -------
    matplotlib.figure.Figure
        Blue: follows more often than by chance; orange: less often. A star: the 95 % interval over dyads leaves out 0.

    Raises
    ------
    DesignError
        There is nothing to draw.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=80, seed=1).panel
    >>> found = rd.coupling.lag_sequential(panel, "warmth", bins=2, n_permutations=0)
    >>> len(rd.plot.lag_sequential(found).axes)
    5
    """
    table = result.tidy()
    largest = float(np.nanmax(np.abs(table["estimate"].to_numpy(dtype=float)), initial=0.0)) if len(table) else 0.0
    if not largest > 0:
        raise DesignError("no dyad has a table of codes to draw.")
    paths = list(table.groupby(["path", "given_by", "target_by"], sort=False, dropna=False))
    codes = list(dict.fromkeys(table["given"]))
    columns = min(len(paths), 2)
    rows = -(-len(paths) // columns)
    margin = 0.07 * max(len(code) for code in codes)
    with style():
        figure = new_figure(
            columns * (1.2 + margin + 0.55 * len(codes)) + 0.8, rows * (1.0 + margin + 0.5 * len(codes))
        )
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, (_, part) in zip(axes, paths, strict=True):
            image = _draw(ax, part, codes, largest)
        figure.colorbar(image, ax=list(axes), label="log odds ratio", shrink=0.7)
    return figure


def _draw(ax: Axes, part: pd.DataFrame, codes: list[str], largest: float) -> QuadMesh:
    from matplotlib.colors import LinearSegmentedColormap

    place = {code: at for at, code in enumerate(codes)}
    values = np.full((len(codes), len(codes)), np.nan)
    starred = np.zeros(values.shape, dtype=bool)
    rows, columns = part["given"].map(place).to_numpy(), part["target"].map(place).to_numpy()
    values[rows, columns] = part["estimate"]
    starred[rows, columns] = (part["conf_low"] > 0) | (part["conf_high"] < 0)
    shades = LinearSegmentedColormap.from_list("odds", [ORANGE, "white", BLUE])
    texts = np.array(
        [f"{value:.2f}{'*' if sure else ''}" for value, sure in zip(values.flat, starred.flat, strict=True)]
    )
    written: dict[str, Any] = {"annot": texts.reshape(values.shape), "fmt": "", "annot_kws": {"color": INK, "size": 8}}
    image = tiles(ax, values, cmap=shades, vmin=-largest, vmax=largest, square=True, **written)
    middle = np.arange(len(codes)) + 0.5
    long = max(len(code) for code in codes) > 4
    ax.set_xticks(middle, codes, rotation=35 if long else 0, ha="right" if long else "center")
    ax.set_yticks(middle, codes)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    first = part.iloc[0]
    before, after = _members(first["path"], first["given_by"], first["target_by"])
    ax.set(xlabel=f"{after} after".strip(), ylabel=f"{before} before".strip())
    ax.set_title(f"{before} to {after}" if before else "turns")
    return image


def _members(path: str, given_by: object, target_by: object) -> tuple[str, str]:
    if path == "turns":
        return "", ""
    if given_by != "":
        return str(given_by), str(target_by)
    return ("self", "self") if path == "own" else ("partner", "self")
