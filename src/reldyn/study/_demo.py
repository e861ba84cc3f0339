"""The main job on the sample study that comes with the library, and its answer beside what was planted."""

from __future__ import annotations

import importlib.resources
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reldyn._format import counted
from reldyn._kernels import chosen_kernels
from reldyn.panel import load_sample, load_sample_truth
from reldyn.results import equals_p, write_text
from reldyn.study._run import run_study

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.cycles import CycleResult
    from reldyn.study._run import StudyRun

__all__ = ["FASTER", "demo_lines", "run_demo"]

# How many times less processor time the demo takes with compiled kernels: benchmarks/results/demo.json.
FASTER = 9
INTERMITTENT = ("cycle", "alternation")
# What only the short demo has: its couples, and its few surrogates.
_SHORT_STEP = re.compile(r"^\[\[prepare\]\].*?\n(?=\[)", re.MULTILINE | re.DOTALL)
_SHORT_OPTION = re.compile(r"^n_surrogates = .*\n", re.MULTILINE)


def run_demo(output: Path, *, full: bool = False) -> StudyRun:
    """Run ``demo.toml`` of this package; the output folder holds a copy to change and run again.

    Parameters
    ----------
    output : Path
    full : bool, default False
        All 140 couples and the default number of surrogates, in place of 10 couples and few.

    Returns
    -------
    StudyRun
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.toml"
        write_text(path, _full_text(_text()) if full else _text())
        return run_study(path, output=output)


def _text() -> str:
    return importlib.resources.files("reldyn.study").joinpath("demo.toml").read_text(encoding="utf-8")


def _full_text(text: str) -> str:
    """The study file without what keeps the demo short."""
    return _SHORT_OPTION.sub("", _SHORT_STEP.sub("", text))


def demo_lines(run: StudyRun) -> Iterator[str]:
    """Say what the demo found, and what was planted.

    Parameters
    ----------
    run : StudyRun
        Of `run_demo`.

    Yields
    ------
    str
        Lines for a terminal.
    """
    cycles = cast("CycleResult", run.results["cycles"])
    directions = with_truth(cycles.verdicts(adjusted=False))
    n_dyads = directions["dyad"].nunique()
    which = f"the first {n_dyads} of 140 couples (all: --full)" if n_dyads < 140 else f"all {n_dyads} couples"
    yield f"Sample study, {which}. They are simulated, so it is known what is true."
    yield ""
    yield from _affect_lines(run)
    yield ""
    yield from _cycle_lines(cycles, directions)
    yield ""
    if chosen_kernels() == "numpy":
        yield f"Compiled kernels (extra [fast]) do the same about {FASTER} times as fast."


def with_truth(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts with a column ``planted``: the kind of series that the generator made.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        About the sample study or its first couples. Dyads and givers may carry running numbers, as in saved
        results: these follow the order of the ids.

    Returns
    -------
    pandas.DataFrame
        In the order of dyads and givers.
    """
    people = load_sample().frame[["person", "role"]].drop_duplicates()
    truth = load_sample_truth().couples.merge(people, left_on="giver", right_on="person", validate="one_to_one")
    kinds = truth.sort_values(["dyad", "role", "giver"])["kind"].to_numpy()
    ordered = verdicts.sort_values(["dyad", "giver"], kind="stable").reset_index(drop=True)
    return ordered.assign(planted=kinds[: len(ordered)])


def _affect_lines(run: StudyRun) -> Iterator[str]:
    affect = run.results["affect"].tidy().query("variable == 'positive_affect'")
    yield (
        f"Positive affect (0 to 100) of {counted(len(affect), 'person')}, mean over persons: level "
        f"{affect['mean'].mean():.1f}, SD {affect['sd'].mean():.1f}, inertia {affect['inertia'].mean():.2f}."
    )
    together = run.results["synchrony"].glance().iloc[0]
    yield (
        f"Synchrony of partners, largest correlation within five lags: {together['estimate']:.2f}; by chance "
        f"{together['surrogate_mean']:.2f} (p {equals_p(together['p_value'])}, circular shifts of whole days)."
    )
    yield "Positive affect by warmth just received, points per point; planted: actor 3, partner 0:"
    table = run.results["actor_partner"].tidy()
    table = table[table["level"] == "within"]
    width = max(len(str(term)) for term in table["term"])
    for row in table.itertuples():
        yield f"  {row.term!s:<{width}}  {row.estimate:6.2f}  [{row.conf_low:.2f}, {row.conf_high:.2f}]"


def _cycle_lines(cycles: CycleResult, directions: pd.DataFrame) -> Iterator[str]:
    n, planted = len(directions), directions["planted"].isin(INTERMITTENT)
    yield (
        f"Does warmth come and go in phases, at irregular times? {counted(n, 'direction')} (who gives it to whom), one "
        "by one:"
    )
    yield f"  {'verdict':<15}{'directions':>11}{'with planted cycles':>21}{'without':>9}"
    for verdict in ("supported", "rhythm", "not supported", "not decidable"):
        mine = directions["verdict"] == verdict
        yield f"  {verdict:<15}{mine.sum():>11}{(mine & planted).sum():>21}{(mine & ~planted).sum():>9}"
    share = cycles.sample().set_index("term").loc["prevalence"]
    yield (
        f"Share of directions with intermittent warmth: {share['estimate']:.2f}, 95 % interval "
        f"{share['conf_low']:.2f} to {share['conf_high']:.2f}. Planted: {planted.mean():.2f} ({planted.sum()} of {n})."
    )
    adjusted = int((cycles.verdicts()["verdict"] == "supported").sum())
    drawn = int(cycles.setting["n_surrogates"])
    yield (
        f"These are raw p-values of at most .05, from at most {drawn} surrogates: some of the {(~planted).sum()} "
        "directions without cycles"
    )
    yield (
        f"may be called supported by chance. Adjusted for {counted(n, 'direction')} {adjusted} are supported"
        + ("." if drawn >= 999 else ", because so few surrogates give no")
    )
    if drawn < 999:
        yield f"p-value below {1 / (drawn + 1):g}; a study takes 999, the default."
