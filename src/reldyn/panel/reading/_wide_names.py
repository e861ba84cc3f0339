"""Names of columns by a pattern: where the partner, the item and the occasion stand in ``sat.1_2`` or ``TM.18``.

A pattern is a plain template with the fields ``{stem}``, ``{item}``, ``{member}`` and ``{time}``. It is parsed into
pieces and matched as a whole; nothing in it is evaluated.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from reldyn._format import counted
from reldyn.errors import DataError, DataWarning, DesignError, warn_caller

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Occasions", "Pattern", "find_members", "find_occasions", "unfold", "warn_items"]

_FIELDS = ("stem", "item", "member", "time")
_WORD = r"[^\W_]+"
_NUMBERED = re.compile(r"(\D*)(\d+)")
_DATE = r"\d{4}-\d{2}-\d{2}|\d{4}_\d{2}_\d{2}|\d{4}\.\d{2}\.\d{2}"
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_SHOWN = 5


@dataclass(frozen=True)
class Pattern:
    """A template of column names, cut into pieces.

    Attributes
    ----------
    option : str
        The argument it came from.
    template : str
    pieces : tuple of (str, str)
        ``("text", ".")`` or ``("field", "member")``, in order.
    """

    option: str
    template: str
    pieces: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, option: str, template: object, needed: str) -> Pattern:
        """Check a template: known fields, each once, the needed one and at least one of stem and item."""
        example = "{stem}.{member}_{item}" if needed == "member" else "{item}.{time}"
        pieces: list[tuple[str, str]] = []
        try:
            parsed = list(Formatter().parse(template)) if isinstance(template, str) else None
        except ValueError:
            parsed = None
        for text, name, spec, conversion in parsed or ():
            if text:
                pieces.append(("text", text))
            if name is not None:
                pieces.append(("field", name if not (spec or conversion) else "?"))
        fields = [name for kind, name in pieces if kind == "field"]
        known = set(fields) <= set(_FIELDS) and len(set(fields)) == len(fields)
        if not known or needed not in fields or not {"stem", "item"} & set(fields):
            raise DesignError(
                f"{option}={template!r}: give a pattern with {{{needed}}} and {{stem}} or {{item}}, for example "
                f"{option}={example!r}."
            )
        if option == "occasions" and "member" in fields:
            raise DesignError(f"{option}={template!r}: {{member}} belongs in names={template!r}.")
        return cls(option, str(template), tuple(pieces))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(name for kind, name in self.pieces if kind == "field")

    def expression(self, *, lazy: bool = False, time: str = r"\d+") -> re.Pattern[str]:
        """The pattern as a regular expression; a lazy stem is the shortest that fits."""
        kinds = {"stem": ".+?" if lazy else ".+", "item": ".+", "member": _WORD, "time": time}
        parts = [re.escape(text) if kind == "text" else f"(?P<{text}>{kinds[text]})" for kind, text in self.pieces]
        return re.compile("".join(parts))

    def without(self, field: str) -> Pattern:
        """The pattern less one field and the text that joins it: the text before it, or after a field that is first.

        Brackets around the field go with it.
        """
        place = self.pieces.index(("field", field))
        before, after = self.pieces[:place], self.pieces[place + 1 :]
        first, last = (side[0][1] if side and side[0][0] == "text" else "" for side in (before[-1:], after[:1]))
        closing = _BRACKETS.get(first[-1:])
        if closing is not None and last.startswith(closing):
            after = (("text", last[1:]), *after[1:]) if last[1:] else after[1:]
        if first:
            before = before[:-1]
        elif last:
            after = after[1:]
        pieces = (*before, *after)
        template = "".join(_escaped(text) if kind == "text" else f"{{{text}}}" for kind, text in pieces)
        return Pattern(self.option, template, pieces)

    def render(self, values: Mapping[str, str]) -> str:
        """The name that the values of the fields make."""
        return "".join(text if kind == "text" else values[text] for kind, text in self.pieces)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def find_members(columns: Sequence[str], pattern: Pattern) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Find the two members in the names.

    Returns
    -------
    pairs : dict of str to dict of str to str
        Per variable, the column of each member.
    members : list of str
        The two members, in the order in which they first stand.

    Raises
    ------
    DataError
        No column fits, or the names hold another number of members than two.

    Examples
    --------
    >>> find_members(["sat.1_1", "sat.2_1"], Pattern.parse("names", "{stem}.{member}_{item}", "member"))
    ({'sat_1': {'1': 'sat.1_1', '2': 'sat.2_1'}}, ['1', '2'])
    """
    found = _matches(columns, pattern.expression())
    if len(_values(found, "member")) != 2:
        shorter = _matches(columns, pattern.expression(lazy=True))
        found = shorter if len(_values(shorter, "member")) == 2 else found
    if not found:
        raise DataError(_no_match(columns, pattern))
    found = _of_two_members(found, pattern)
    members = _values(found, "member")
    if len(members) != 2:
        raise DataError(_wrong_members(columns, pattern, members))
    _warn_left(columns, found, pattern)
    bare = pattern.without("member")
    pairs: dict[str, dict[str, str]] = {}
    for name, values in found.items():
        member, variable = values["member"], bare.render(values)
        other = pairs.setdefault(variable, {}).setdefault(member, name)
        if other != name:
            raise DataError(f"{other!r} and {name!r} both become {variable!r} of member {member!r}: rename one.")
    return pairs, members


def _matches(columns: Sequence[str], expression: re.Pattern[str]) -> dict[str, dict[str, str]]:
    return {name: match.groupdict() for name in columns if (match := expression.fullmatch(name))}


def _values(found: Mapping[str, Mapping[str, str]], field: str) -> list[str]:
    return list(dict.fromkeys(values[field] for values in found.values()))


def _of_two_members(found: dict[str, dict[str, str]], pattern: Pattern) -> dict[str, dict[str, str]]:
    """Drop columns that fit by chance: of members that share no variable with another, where two others do."""
    bare = pattern.without("member")
    shared: dict[str, set[str]] = {}
    for values in found.values():
        shared.setdefault(bare.render(values), set()).add(values["member"])
    members = {member for group in shared.values() if len(group) > 1 for member in group}
    if len(members) != 2:
        return found
    return {name: values for name, values in found.items() if values["member"] in members}


def _no_match(columns: Sequence[str], pattern: Pattern) -> str:
    """Name the columns that come nearest to a pattern that fits none."""
    texts = [text for kind, text in pattern.pieces if kind == "text"]
    scores = {name: sum(text in name for text in texts) for name in columns}
    skeleton = re.sub(r"\{\w+\}", "x", pattern.template)
    order = sorted(columns, key=lambda name: (-scores[name], -difflib.SequenceMatcher(None, name, skeleton).ratio()))
    near = [name for name in order if scores[name] or not texts][:_SHOWN]
    nearest = f" Nearest: {', '.join(near)}." if near else ""
    listed = ", ".join(columns[:30]) + (" ..." if len(columns) > 30 else "")
    return (
        f"no column of the wide table has the form {pattern.option}={pattern.template!r}.{nearest} Columns: {listed}."
    )


def _wrong_members(columns: Sequence[str], pattern: Pattern, members: Sequence[str]) -> str:
    shown = ", ".join(repr(member) for member in members[:_SHOWN]) + (" ..." if len(members) > _SHOWN else "")
    text = (
        f"{pattern.option}={pattern.template!r} finds {counted(len(members), 'member')} ({shown}), where a dyad has "
        "two."
    )
    if len({member.strip().casefold() for member in members}) == 2:
        named = _matches(columns, pattern.expression())
        count = Counter(parts["member"] for parts in named.values())
        usual = {member.strip().casefold(): member for member in sorted(members, key=lambda one: count[one])}
        odd = [name for name, parts in named.items() if parts["member"] not in usual.values()]
        return f"{text} Some differ in capitals or blanks only: rename {', '.join(odd[:_SHOWN])}."
    for field in ("item", "stem", "time"):
        if field in pattern.fields:
            other = pattern.template.replace("{member}", "{?}").replace(f"{{{field}}}", "{member}")
            other = other.replace("{?}", f"{{{field}}}")
            swapped = _matches(columns, Pattern.parse(pattern.option, other, "member").expression())
            if len(_values(swapped, "member")) == 2:
                return f"{text} {pattern.option}={other!r} finds two."
    examples = ", ".join(list(_matches(columns, pattern.expression()))[:_SHOWN])
    return f"{text} Columns of this form: {examples}."


def _warn_left(
    columns: Sequence[str],
    found: Mapping[str, Mapping[str, str]],
    pattern: Pattern,
    instead: str = "columns of the dyad",
) -> None:
    """Warn of columns that begin like those of the pattern but do not fit it."""
    kind, first = pattern.pieces[0]
    after = pattern.pieces[1] if len(pattern.pieces) > 1 else ("field", "")
    if kind != "field" or first not in ("stem", "item") or after[0] != "text":
        return
    stems = {values[first] for values in found.values()}
    left = [name for name in columns if name not in found and any(name.startswith(stem + after[1]) for stem in stems)]
    if left:
        shown = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else "")
        warn_caller(
            f"not of the form {pattern.option}={pattern.template!r}, though they begin alike: {shown}. They are "
            f"taken as {instead}.",
            DataWarning,
        )


Time: TypeAlias = int | str


@dataclass(frozen=True)
class Occasions:
    """Columns by variable and occasion.

    Attributes
    ----------
    columns : dict of str to dict of int or str to str
        Per variable, the column of each time: a number, or a date as ISO 8601 writes it.
    times : list of int or list of str
        All times, in rising order.
    """

    columns: dict[str, dict[Time, str]]
    times: list[Time]


def find_occasions(
    columns: Sequence[str], pattern: Pattern, marks: Mapping[str, str], where: Literal["prefix", "suffix"]
) -> Occasions:
    """Find the occasions in the names; a prefix or suffix of a member is set aside before, and put back after.

    Examples
    --------
    >>> pattern = Pattern.parse("occasions", "{item}.{time}", "time")
    >>> find_occasions(["TM.1_f", "TM.2_f"], pattern, {"f": "_f"}, "suffix").columns
    {'TM_f': {1: 'TM.1_f', 2: 'TM.2_f'}}
    """
    bare = {name: _set_aside(name, marks, where) for name in columns}
    inner = list(dict.fromkeys(name for name, _ in bare.values()))
    found, numbers = _numbered(inner, pattern)
    _warn_left(inner, found, pattern, "columns that are the same at every occasion")
    rest = pattern.without("time")
    grouped: dict[str, dict[Time, str]] = {}
    for name, (short, mark) in bare.items():
        if short not in found:
            continue
        variable = rest.render(found[short])
        variable = mark + variable if where == "prefix" else variable + mark
        time = numbers[found[short]["time"]]
        other = grouped.setdefault(variable, {}).setdefault(time, name)
        if other != name:
            raise DataError(f"{other!r} and {name!r} both become {variable!r} at time {time}: rename one.")
    # All are numbers, or all dates, which are in order as text.
    times = sorted({time for group in grouped.values() for time in group}, key=lambda time: (len(str(time)), str(time)))
    _warn_gaps(grouped, times)
    return Occasions(grouped, times)


def _set_aside(name: str, marks: Mapping[str, str], where: Literal["prefix", "suffix"]) -> tuple[str, str]:
    for mark in sorted(marks.values(), key=len, reverse=True):
        short = name.removeprefix(mark) if where == "prefix" else name.removesuffix(mark)
        if short not in (name, ""):
            return short, mark
    return name, ""


def _numbered(columns: Sequence[str], pattern: Pattern) -> tuple[dict[str, dict[str, str]], dict[str, Time]]:
    """The columns of the pattern and the time of each occasion; words (pre, post) are numbered as they stand."""
    found = _matches(columns, pattern.expression(time=_DATE))
    if found:
        return found, {text: re.sub(r"\D", "-", text) for text in _values(found, "time")}
    found = _matches(columns, pattern.expression())
    if found:
        return found, {text: int(text) for text in _values(found, "time")}
    found = _matches(columns, pattern.expression(time=_WORD))
    labels = _values(found, "time")
    if not found:
        raise DataError(_no_match(columns, pattern))
    parts = [_NUMBERED.fullmatch(label) for label in labels]
    if all(parts) and len({part.group(1) for part in parts if part}) == 1:
        return found, {part.group(): int(part.group(2)) for part in parts if part}
    rest = pattern.without("time")
    sets: dict[str, set[str]] = {}
    for values in found.values():
        sets.setdefault(rest.render(values), set()).add(values["time"])
    if len(labels) < 2 or any(one != set(labels) for one in sets.values()):
        raise DataError(
            f"{pattern.option}={pattern.template!r} finds no numbers of occasions, but {', '.join(labels[:_SHOWN])}: "
            "write into the pattern what stands between the item and its number, for example '{item}_T{time}'."
        )
    listed = ", ".join(f"{label} = {number}" for number, label in enumerate(labels, start=1))
    warn_caller(
        f"{pattern.option}={pattern.template!r}: the occasions are numbered as they stand: {listed}.", DataWarning
    )
    return found, {label: number for number, label in enumerate(labels, start=1)}


def _warn_gaps(grouped: Mapping[str, Mapping[Time, str]], times: Sequence[Time]) -> None:
    short = [f"{name} ({len(group)} of {len(times)})" for name, group in grouped.items() if len(group) < len(times)]
    if short:
        shown = ", ".join(short[:_SHOWN]) + (f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else "")
        warn_caller(f"without a column for every occasion: {shown}. The other values are missing.", DataWarning)


def unfold(rows: pd.DataFrame, occasions: Occasions, time: str) -> pd.DataFrame:
    """Make one row per row and occasion: the occasions of a row follow one another."""
    import pandas as pd

    n, length = len(rows), len(occasions.times)
    used = {name for group in occasions.columns.values() for name in group.values()}
    common = [name for name in rows.columns if name not in used]
    taken = [name for name in (time, *occasions.columns) if name in common]
    if taken:
        raise DataError(f"{taken[0]!r} is a column of the wide table already: rename it, or give the new time a name.")
    long = rows[common].take(np.repeat(np.arange(n), length)).reset_index(drop=True)
    order = np.arange(n * length).reshape(length, n).T.ravel()
    columns: dict[str, pd.Series] = {time: pd.Series(np.tile(np.array(occasions.times), n))}
    for variable, group in occasions.columns.items():
        like = rows[next(iter(group.values()))]
        parts = [rows[group[at]] if at in group else absent(like) for at in occasions.times]
        columns[variable] = pd.concat(parts, ignore_index=True).take(order).reset_index(drop=True)
    return pd.concat([long, pd.DataFrame(columns)], axis=1)


def absent(like: pd.Series) -> pd.Series:
    """A column without values that can stand beside another."""
    return like.reindex(np.full(len(like), -1))


def warn_items(
    columns: Sequence[str], pairs: Mapping[str, Mapping[str, str]], marks: Mapping[str, str], where: str
) -> None:
    """Warn where numbers taken for the two members look like the numbers of items or occasions."""
    parts = {label: _NUMBERED.fullmatch(mark) if where == "suffix" else None for label, mark in marks.items()}
    if not all(parts.values()):
        return
    join = next(part.group(1) for part in parts.values() if part)
    used = {name for group in pairs.values() for name in group.values()}
    more = [
        name
        for name in columns
        if name not in used and any(re.fullmatch(re.escape(variable + join) + r"\d+", name) for variable in pairs)
    ]
    listed = " and ".join(repr(mark) for mark in marks.values())
    if more:
        warn_caller(
            f"the suffixes {listed} look like items or occasions, not members: {', '.join(more[:_SHOWN])} "
            f"{'go' if len(more) > 1 else 'goes'} on counting. If the partner stands inside the name, pass a pattern: "
            "names='{stem}.{member}_{item}'.",
            DataWarning,
        )
        return
    inner = _inner_pairs(list(pairs))
    if inner:
        warn_caller(
            f"the suffixes {listed} may be items, not members: the names before them come in twos as well "
            f"({', '.join(inner)}). If the partner stands there, pass a pattern: names='{{stem}}.{{member}}_{{item}}'.",
            DataWarning,
        )


def _inner_pairs(variables: Sequence[str]) -> list[str]:
    """Variables that all come in twos which differ in a last number or letter."""
    stems: dict[str, list[str]] = {}
    for variable in variables:
        match = re.fullmatch(r"(.+[._-])(\d+|[A-Za-z])", variable)
        if match is None:
            return []
        stems.setdefault(match.group(1), []).append(variable)
    if stems and all(len(group) == 2 for group in stems.values()):
        return next(iter(stems.values()))
    return []
