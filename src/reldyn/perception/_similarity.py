"""`similarity`: of two profiles, raw and with the stereotype taken off, against pseudo-couples.

Two people who answer as most people do resemble each other without having anything to do with each other (Cronbach,
1955); what is left without the norm is the distinctive similarity, and pseudo-couples say what chance gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Columns, Ints
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import analysis
from reldyn.perception._profiles import FEWEST, Compared, compare, mean_by_group, pseudo_means, to_z
from reldyn.perception._ratings import check_items
from reldyn.perception._slopes_of_one import mean_over
from reldyn.results import InState, InTables, Result, Withheld
from reldyn.stats import known_seed, monte_carlo_p

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["SimilarityResult", "similarity"]

Over = Literal["items", "occasions"]
_TERMS = ("raw", "distinctive", "stereotype")
_FEWEST_DYADS = 3


class SimilarityResult(Result):
    """How alike profiles are.

    Attributes
    ----------
    table : pandas.DataFrame
        The means over dyads.
    profile_table : pandas.DataFrame
        One row per pair of profiles.
    pseudo : (n_permutations, 2) array
        Mean z of pseudo-couples, raw and distinctive, of the first variable; empty without permutations.
    over : str
    accuracy : bool
        Whether judgments were compared with the target's own answers.
    seed : int
    notes : tuple of str
    n_dyads : int, optional
        Where the profiles themselves were not saved.
    """

    table = InTables()
    profile_table = InTables()
    pseudo = InState[Array]()
    over = InState[str]()
    accuracy = InState[bool]()
    seed = InState[int]()
    n_dyads = InState[int | None](None)
    n_profiles = InState[int | None](None)

    figure: ClassVar[str | None] = "similarity"

    def tidy(self) -> pd.DataFrame:
        """One row per kind of similarity (and variable, over occasions).

        Returns
        -------
        pandas.DataFrame
            ``term`` (the kind; with several variables, the variable and the kind), ``kind`` (``raw``, ``distinctive``,
            ``stereotype``), ``variable`` (empty over items), ``estimate`` (mean z turned back into a correlation),
            ``std_error`` (of the mean z, over dyads), ``conf_low``, ``conf_high``, ``pseudo`` (the same mean in
            pseudo-couples), ``p_value`` (share of pseudo-couples that are as much alike; one-sided; none for
            ``stereotype``, which pseudo-couples keep), ``n_dyads``, ``note``.
        """
        return self.table.copy()

    def profiles(self) -> pd.DataFrame:
        """One row per pair of profiles.

        Returns
        -------
        pandas.DataFrame
            ``dyad`` (with ``person`` and ``role`` of the perceiver where judgments were compared), the occasion
            columns of the panel or ``variable``, ``n_items`` (elements that both have), ``raw``, ``distinctive``,
            ``stereotype``, ``level_difference``, ``scatter_difference``, ``mean_absolute_difference``, ``note``.
        """
        return self.profile_table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: ``n_dyads`` and ``n_profiles`` (with a correlation), ``over``, ``n_permutations``, ``seed``."""
        import pandas as pd

        row = {
            "n_dyads": self._count(),
            "n_profiles": self._n_profiles(),
            "over": self.over,
            "n_permutations": len(self.pseudo),
            "seed": self.seed,
        }
        return pd.DataFrame([row])

    def _count(self) -> int:
        return _compared_dyads(self.profile_table) if self.n_dyads is None else self.n_dyads

    def _n_profiles(self) -> int:
        """Rows with a correlation; in files that were saved without rows and without this count, all rows."""
        table: Any = self.profile_table
        if self.n_profiles is not None:
            return self.n_profiles
        return len(table) if isinstance(table, Withheld) else int(table["raw"].notna().sum())

    def _without_rows(self) -> SimilarityResult:
        """Without profiles of single occasions; those of whole series or of single occasions per dyad are estimates."""
        table: Any = self.profile_table
        if isinstance(table, Withheld):
            return self
        keys = [name for name in ("dyad", "person", "variable") if name in table]
        kept: Any = table if not table.duplicated(keys).any() else Withheld(table.shape)
        return self.with_parts(profile_table=kept, n_dyads=self._count(), n_profiles=self._n_profiles())

    def _headline(self) -> str:
        return "Accuracy of profiles" if self.accuracy else "Similarity of partners"

    def _methods(self) -> str:
        about = self.glance().iloc[0]
        what = "judgments with the target's own answers" if self.accuracy else "the two members' answers"
        return (
            f"Profiles over {self.over} were correlated between {what} in {counted(about['n_dyads'], 'dyad')}: as they "
            "stand (raw), with the mean profile of each kind taken off (distinctive), and with the mean profile alone "
            "(stereotype). Means are of Fisher's z, intervals count dyads. The p-values compare with "
            f"{counted(about['n_permutations'], 'sample')} of pseudo-couples (Kenny, Kashy and Cook, 2006, chapter 12)."
        )


@analysis
def similarity(
    panel: DyadPanel,
    items: Columns,
    *,
    judged: Columns | None = None,
    over: Over = "items",
    n_permutations: int = 999,
    seed: Any = None,
) -> SimilarityResult:
    """Correlate profiles within dyads, raw and with what is common to everybody taken off.

    Parameters
    ----------
    panel : DyadPanel
    items : sequence of str
        Columns with each person's own answers. Over items: four or more, on one response scale, whose order means the
        same for everybody. Over occasions: any number, each a profile of its own.
    judged : sequence of str, optional
        Judgments of the partner on the same items, in the same order: then judgments are compared with the partner's
        own answers, one row per perceiver, and ``stereotype`` is stereotype accuracy.
    over : {"items", "occasions"}, default "items"
        What a profile runs over: items at one occasion, or the occasions of one variable.
    n_permutations : int, default 999
        Samples of pseudo-couples; 0 for none.
    seed : int, SeedSequence or Generator, optional

    Returns
    -------
    SimilarityResult
        ``profiles()`` per dyad (or perceiver) and occasion or variable, ``tidy()`` for the sample. The norm taken off
        is the mean over persons of the same role (of all, where no role tells members apart), persons' means first
        over items, occasion by occasion over occasions. A profile with fewer than four common elements, or one that
        does not vary, has no correlation and a ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, too few items or occasions, or fewer than three dyads with both profiles.

    References
    ----------
    Cronbach (1955), Psychological Bulletin 52, 177-193. Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter
    12. Furr (2008), Journal of Personality 76, 1267-1316.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, n_occasions=30, contagion=0.4, seed=1).panel
    >>> found = rd.perception.similarity(panel, ["mood"], over="occasions", n_permutations=99, seed=1)
    >>> found.tidy()["term"].tolist()
    ['raw', 'distinctive', 'stereotype']
    """
    check_option(over, ("items", "occasions"), "over")
    check_count(n_permutations, "n_permutations", 0)
    own, seen = check_items(items, judged, FEWEST if over == "items" else 1)
    if over == "occasions" and len(panel.clock) < FEWEST:
        raise DesignError(
            f"{counted(len(panel.clock), 'occasion')}, below {FEWEST}: a profile over occasions needs more."
        )
    known = known_seed(seed)
    sources = np.random.SeedSequence(known).spawn(1 if over == "items" else len(own))
    blocks = _over_items(panel, own, seen) if over == "items" else _over_occasions(panel, own, seen)
    tables: list[Any] = []
    profiles: list[Any] = []
    pseudo: list[Array] = []
    for block, source in zip(blocks, sources, strict=True):
        found = _one_block(panel, block, int(n_permutations), np.random.default_rng(source))
        tables.append(found[0])
        profiles.append(found[1])
        pseudo.append(found[2])
    import pandas as pd

    table = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        table["term"] = [f"{name} {kind}" for name, kind in zip(table["variable"], table["kind"], strict=True)]
    profile_table = pd.concat(profiles, ignore_index=True)
    left_out = panel.n_dyads - _compared_dyads(profile_table)
    told = (
        f"{left_out} of {counted(panel.n_dyads, 'dyad')} {agreeing(left_out, 'has', 'have')} no profiles that can be "
        "correlated; profiles() says why."
    )
    return SimilarityResult.of(
        table=table,
        profile_table=profile_table,
        notes=(told,) if left_out else (),
        pseudo=pseudo[0],
        over=over,
        accuracy=judged is not None,
        seed=known,
    )


@dataclass(frozen=True)
class _Block:
    """Profiles of both members, (slices, n_dyads, 2, k): own answers, judgments where there are any, and their norms.

    ``labels`` has one row per slice with what identifies it.
    """

    variable: str
    own: Array
    norm: Array
    judgments: Array | None
    judgments_norm: Array | None
    labels: pd.DataFrame


def _role_of_members(panel: DyadPanel) -> Ints:
    """(n_dyads, 2) codes of the groups whose mean is the norm; one where no role tells members apart."""
    index = panel.index
    roles = np.zeros((index.n_dyads, 2), dtype=np.int64)
    if len(index.roles) == 2:
        roles[index.dyad, index.member] = np.maximum(index.role, 0)
    return roles


def _norms(values: Array, roles: Ints) -> Array:
    """Mean over the persons of a role, (n_dyads, 2, ...) like the values."""
    norm = np.full_like(values, np.nan)
    for code in np.unique(roles):
        mine = roles == code
        group = values[mine]
        seen = np.isfinite(group)
        count = seen.sum(axis=0)
        mean = np.full(group.shape[1:], np.nan)
        np.divide(np.where(seen, group, 0.0).sum(axis=0), count, out=mean, where=count > 0)
        norm[mine] = mean
    return norm


def _person_means(cube: Array) -> Array:
    """(n_dyads, 2, variables) means over occasions."""
    seen = np.isfinite(cube)
    count = seen.sum(axis=2)
    mean = np.full(count.shape, np.nan)
    np.divide(np.where(seen, cube, 0.0).sum(axis=2), count, out=mean, where=count > 0)
    return mean


def _over_items(panel: DyadPanel, own: list[str], partner_items: list[str]) -> list[_Block]:
    roles = _role_of_members(panel)
    parts: list[tuple[Array, Array] | None] = []
    for names in (own, partner_items):
        if not names:
            parts.append(None)
            continue
        cube = panel.series(names).dense()
        norm = np.broadcast_to(_norms(_person_means(cube), roles)[:, :, None], cube.shape)
        parts.append((np.moveaxis(cube, 2, 0), np.moveaxis(norm, 2, 0)))
    first, second = parts
    if first is None:
        raise DesignError("name the items.")
    judgments, judgments_norm = second or (None, None)
    return [_Block("", first[0], first[1], judgments, judgments_norm, _occasions(panel))]


def _over_occasions(panel: DyadPanel, own: list[str], partner_items: list[str]) -> list[_Block]:
    import pandas as pd

    roles = _role_of_members(panel)
    blocks = []
    for place, name in enumerate(own):
        parts: list[Array | None] = []
        for column in (name, partner_items[place] if partner_items else None):
            if column is None:
                parts += [None, None]
                continue
            values = panel.series(column).dense()
            parts += [values[None], _norms(values, roles)[None]]
        if parts[0] is not None and parts[1] is not None:
            blocks.append(_Block(name, parts[0], parts[1], parts[2], parts[3], pd.DataFrame({"variable": [name]})))
    return blocks


def _occasions(panel: DyadPanel) -> pd.DataFrame:
    """What the panel calls each scheduled occasion; no column for a cross-section."""
    names = [panel.columns[kind] for kind in ("day", "beep", "time")]
    known = [name for name in names if name is not None]
    table = panel.frame[known].assign(**{"\x1foccasion": panel.index.slot}).drop_duplicates("\x1foccasion")
    return table.set_index("\x1foccasion").reindex(range(len(panel.clock))).reset_index(drop=True)


def _one_block(
    panel: DyadPanel, block: _Block, n_permutations: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, Array]:
    """Table of means, table of profiles, and the pseudo-couples of one block."""
    # Pairs of profiles to compare: of the two members, or of each perceiver's judgments with the partner's answers.
    if block.judgments is None or block.judgments_norm is None:
        own, norm = block.own, block.norm
        sides = [(own[:, :, 0], own[:, :, 1], norm[:, :, 0], norm[:, :, 1])]
    else:
        sides = [
            (block.judgments[:, :, m], block.own[:, :, 1 - m], block.judgments_norm[:, :, m], block.norm[:, :, 1 - m])
            for m in (0, 1)
        ]
    compared = [compare(*(part.reshape(-1, part.shape[-1]) for part in side)) for side in sides]
    if block.judgments is None:
        compared[0] = _both_stereotypes(compared[0], sides[0])
    profiles = _profile_rows(panel, block, compared)
    slices, n_dyads = sides[0][0].shape[:2]
    group = np.tile(np.arange(n_dyads), slices)
    if len(np.unique(group[np.isfinite(compared[0].raw)])) < _FEWEST_DYADS and len(sides) == 1:
        raise DesignError(
            f"fewer than {_FEWEST_DYADS} dyads have two profiles{' of ' + block.variable if block.variable else ''} "
            "that can be correlated: see the answers of both members."
        )
    drawn = [pseudo_means(*side, n_permutations, rng) for side in sides]
    seen = [part for part in drawn if np.isfinite(part).any()]
    pseudo = np.mean(seen, axis=0) if seen else np.full((n_permutations, 2), np.nan)
    return _means(block.variable, compared, group, n_dyads, pseudo), profiles, pseudo


def _both_stereotypes(found: Compared, side: tuple[Array, Array, Array, Array]) -> Compared:
    """Agreement of either member with the norm, averaged: the two members play the same part."""
    import dataclasses

    x, y, norm_x, norm_y = (part.reshape(-1, part.shape[-1]) for part in side)
    one = compare(x, np.where(np.isfinite(y), norm_x, np.nan), norm_x, norm_x).raw
    two = compare(y, np.where(np.isfinite(x), norm_y, np.nan), norm_y, norm_y).raw
    return dataclasses.replace(found, stereotype=np.tanh(0.5 * (to_z(one) + to_z(two))))


def _compared_dyads(profiles: pd.DataFrame) -> int:
    """Number of dyads with a correlation."""
    return int(profiles.loc[profiles["raw"].notna(), "dyad"].nunique())


def _profile_rows(panel: DyadPanel, block: _Block, compared: list[Compared]) -> pd.DataFrame:
    import pandas as pd

    index = panel.index
    slices, n_dyads = block.own.shape[:2]
    people = _people(panel)
    parts = []
    for member, found in enumerate(compared):
        code, place = np.tile(np.arange(n_dyads), slices), np.repeat(np.arange(slices), n_dyads)
        frame = pd.DataFrame({"dyad": [index.dyad_labels[k] for k in code]})
        if len(compared) > 1:
            frame["person"] = [people[k, member][0] for k in code]
            frame["role"] = [people[k, member][1] for k in code]
        labels = block.labels.iloc[place].reset_index(drop=True)
        frame = pd.concat([frame, labels], axis=1)
        frame["n_items"] = found.n
        for name in _TERMS:
            frame[name] = getattr(found, name)
        frame["level_difference"], frame["scatter_difference"] = found.level, found.scatter
        frame["mean_absolute_difference"] = found.distance
        frame["note"] = _notes(found)
        # Occasions at which nobody could be compared are no rows; a dyad that never could keeps one, with the reason.
        empty = found.n == 0
        never = np.bincount(code[~empty], minlength=n_dyads) == 0
        parts.append(frame[~empty | (never[code] & (place == 0))])
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return rows


def _people(panel: DyadPanel) -> dict[tuple[int, int], tuple[Any, str]]:
    """Person and role of both members of each dyad; empty for a member who never appears."""
    index = panel.index
    who: dict[tuple[int, int], tuple[Any, str]]
    who = {(k, member): ("", "") for k in range(index.n_dyads) for member in (0, 1)}
    first = np.unique(index.person, return_index=True)[1]
    for k, member, label, role in zip(
        index.dyad[first].tolist(),
        index.member[first].tolist(),
        index.person_labels,
        index.role[first].tolist(),
        strict=True,
    ):
        who[k, member] = (label, str(index.roles[role]) if role >= 0 else "")
    return who


def _notes(found: Compared) -> list[str]:
    def note(n: int, r: float) -> str:
        if n < FEWEST:
            return f"{n} common elements, below {FEWEST}"
        return "a profile never varies" if math.isnan(r) else ""

    return [note(int(n), float(r)) for n, r in zip(found.n, found.raw, strict=True)]


def _means(variable: str, compared: list[Compared], group: Ints, n_dyads: int, pseudo: Array) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for place, term in enumerate(_TERMS):
        # Each perceiver's mean first, then dyads as they come.
        z = np.concatenate([mean_by_group(to_z(getattr(one, term)), group, n_dyads) for one in compared])
        mean = mean_over(z, np.tile(np.arange(n_dyads), len(compared)))
        found, correlation = mean.row(), mean.transformed(np.tanh).row()
        row = {
            "term": term,
            "kind": term,
            "variable": variable,
            "estimate": correlation["estimate"],
            "std_error": found["std_error"],
            "conf_low": correlation["conf_low"],
            "conf_high": correlation["conf_high"],
            "pseudo": math.nan,
            "p_value": math.nan,
            "n_dyads": len(np.unique(np.tile(np.arange(n_dyads), len(compared))[np.isfinite(z)])),
            "note": found["note"],
        }
        if place < 2 and len(pseudo) and np.isfinite(pseudo[:, place]).all() and math.isfinite(found["estimate"]):
            mine = np.array(
                [part[np.isfinite(part)].mean() for part in np.split(z, len(compared)) if np.isfinite(part).any()]
            )
            row["pseudo"] = math.tanh(float(pseudo[:, place].mean()))
            row["p_value"] = float(monte_carlo_p(mine.mean(), pseudo[:, place]))
        rows.append(row)
    return pd.DataFrame(rows)
