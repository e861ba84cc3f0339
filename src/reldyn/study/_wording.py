"""The words of a study file for messages of the library, whose fixes are written in Python.

The rooms below know no study file. What they say passes here on its way to the reader of one, who writes TOML.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from reldyn.errors import DataError, DataWarning, DesignError, warn_caller

if TYPE_CHECKING:
    import pandas as pd

Origin = Literal["panel", "reading", "align", "analysis"]

__all__ = ["findings_in_study_words", "in_study_words", "study_words"]

_SECTIONS = {
    "[data]": "missing decimal encoding skip header sheet delimiter labels",
    "[columns]": "dyad person role time day beep dates timezone workdays",
    "[wide]": "prefixes suffixes names occasions",
    "[schedule]": "scheduled sent answered expires night_steps",
    "the step 'align'": "prompts day_starts tolerance duplicates stamp",
}
# Options that stand elsewhere where reading or aligning speaks of them.
_OWN = {"reading": {"dates": "[data]"}, "align": {"timezone": "the step 'align'"}}
_SECTION = {option: section for section, options in _SECTIONS.items() for option in options.split()}
# The first argument of option objects, which needs no name in Python.
_FIRST = {"Random": "terms", "Residual": "process", "Surrogates": "kind"}
# What has no counterpart as a call; the first that fits is taken.
_PHRASES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"Pass a pandas data frame, or read a file with rd\.read_table", "Name a file in [data]"),
    (r"Read (?:a|the) file with rd\.read_table\(path, ([^\n]*?)\)(?=[. ,;]|$)", r"Write \1"),
    (r"read (?:a|the) file with rd\.read_table\(path, ([^\n]*?)\)(?=[. ,;]|$)", r"write \1"),
    (r"rd\.read_table\(path, ([^\n]*?)\)(?=[. ,;]|$)", r"\1"),
    (r"read a file with rd\.read_table", "name a file in [data]"),
    (r"frame\.drop_duplicates\(\) leaves one of each", "leave one of each in the data file"),
    (r"fill it down: frame\[[^\n]*?\.ffill\(\)", "fill it down in the data file"),
    (r"Make them one: frame\[[^\n]*?\.casefold\(\)", "Write them alike in the data file"),
    (r"make them one: frame\[[^\n]*?\.casefold\(\)", "write them alike in the data file"),
    (r"blank them: frame\.loc\[[^\n]*?float\('nan'\)", "blank them with a step 'recode' of [[prepare]]"),
    (
        r"join it with the date first, for example pandas\.to_datetime\([^\n]*?\)(?=\.? |\.?$)",
        "join it with the date in the data file",
    ),
    (r"Convert (it|them)(?: to numbers)? (?:with |\()pandas\.to_numeric\)?", r"Write numbers in the data file"),
    (
        r"(,?) ?(?:or )?make the column an ordered categorical \(pandas\.Categorical with ordered=True\)",
        r"\1 or write numbers in their order in the data file",
    ),
    (r"join them with pandas\.concat, which goes by the names", "join them by their names"),
    (r" \(pd\.get_dummies\)", " (a step 'derive' of [[prepare]] makes one)"),
    (r"DyadPanel\.compliance\(\) gives", "compliance.csv in the output of reldyn run gives"),
    (r"List the stretches with panel\.careless\(items\)", "Flag them with a step 'careless' of [[prepare]]"),
    (r"panel\.careless\(items\)", "a step 'careless' of [[prepare]]"),
    (r"(?:, )?DyadPanel\(rows, day=\.\.\.\)", " in a data file of its own"),
    (r"name it as day= of DyadPanel", "name it as day in [columns]"),
    (r"declare DyadPanel\(scales=\{\.\.\.\}\)|declare it in scales=", "declare it in [scales]"),
    (r"the scale declared in scales=", "the scale declared in [scales]"),
    (r"Write scales=\{\"(\w+)\": \((\S+), (\S+)\)\}", r"Write \1 = [\2, \3] in [scales]"),
    (r"scales=\{'(\w+)': \((\S+), (\S+)\)\}", r"\1 = [\2, \3] in [scales]"),
    (r"scales=(?![\w({'\"])", "[scales]"),
    (r"( as role)? when making the (?:Dyad)?[Pp]anel", r"\1 in [columns]"),
    (r"panel\.select\((?:where|compositions)=\.\.\.\)", "a step 'filter' of [[prepare]]"),
    (r"panel\.with_compositions\(exchangeable=\.\.\.\)", "a step 'recode' of its role in [[prepare]]"),
    (r"(?:schedule=)?rd\.Schedule\((.*?)\)", r"\1"),
    (r"rd\.shared\(name\)", '{ shared = "NAME" }'),
    (r"rd\.shared\b", "{ shared = ... }"),
    (r"is neither terms such as (\S+ \S+) nor an rd\.Random", r"is neither a list such as \1 nor a table"),
    (
        r"(?:an |a )?(?:rd\.)?\b(Estimation|Residual|Surrogates|Random)\((.*?)\)",
        lambda found: _as_table(found[1], found[2]),
    ),
    (r"is not an Estimation, such as", "is no table such as"),
    (r"\brd\.align\(frame, \.\.\., prompts=\.\.\.\)", "prompts of a step 'align' of [[prepare]]"),
    (r"the (?:report|summary) of rd\.align", "the flow of the sample in the report"),
    (r"Rows that rd\.align", "Rows that the step 'align'"),
    (r"\brd\.align\b", "a step 'align' of [[prepare]]"),
    (
        r"(?<![\w./\\'\"-])rd\.(\w[\w.]*)\(\.\.\., (.*?)\)",
        lambda found: _as_verb(*found.groups()),
    ),
    (r"(?<![\w./\\'\"-])rd\.(?!analyses)(\w+(?:\.\w+)*)(?:\((?:panel, )?\.\.\.\))?", r"\1"),
    (r"\breldyn\.(?=(?:actor_partner|coupling|cycles|dynamics|intervention|perception)\.)", ""),
    (r"\bor None (for|to)\b", r"or leave it out \1"),
    (r"\bgive True, False,? or\b", "give true, false or"),
    (r"night_steps=None", 'night_steps = "restart"'),
    (r", None or 'clock'", ", 'restart' or 'clock'"),
)
_OPTION = re.compile(r"(?:\b([Pp])ass )?(?<![\w.\[{'\"/\\-])([a-z]\w*)=(?!=)")
_EXAMPLE = re.compile(r"\b(?:such as|as in) (?=[({])")
_PLAIN = re.compile(r"[+-]?[\w.]*\w|\.\.\.")
_KEY = re.compile(r"[A-Za-z0-9_-]+")


def in_study_words(text: str, origin: Origin = "panel") -> str:
    """Say in the words of a study file what a message says in Python.

    Parameters
    ----------
    text : str
    origin : {"panel", "reading", "align", "analysis"}, default "panel"
        What says it: where an option stands in the file hangs on that.

    Examples
    --------
    >>> in_study_words("Read the file with rd.read_table(path, decimal=',').")
    'Write decimal = "," in [data].'
    >>> in_study_words("give lags such as (1, 2), or pass trend=None", "analysis")
    'give lags such as [1, 2], or leave trend out'
    """
    for pattern, words in _PHRASES:
        text = re.sub(pattern, words, text)
    text = _with_options(text, None if origin == "analysis" else _SECTION | _OWN.get(origin, {}))
    return _with_examples(text)


@contextmanager
def study_words(origin: Origin = "panel") -> Iterator[None]:
    """Turn errors and warnings of the library within into the words of a study file; see `in_study_words`."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        try:
            yield
        except DataError as problem:
            found = None if problem.findings is None else findings_in_study_words(problem.findings)
            raise DataError(in_study_words(str(problem), origin), found) from None
        except DesignError as problem:
            raise DesignError(in_study_words(str(problem), origin)) from None
    for one in said:
        if issubclass(one.category, DataWarning):
            warn_caller(in_study_words(str(one.message), origin), one.category)
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def findings_in_study_words(table: pd.DataFrame) -> pd.DataFrame:
    """The table of findings with fixes for a study file."""
    said = {name: [in_study_words(text) for text in table[name]] for name in ("message", "fix")}
    return table.assign(**said)


def _as_verb(name: str, arguments: str) -> str:
    """A call of an analysis as the keys of its table."""
    return f'verb = "{name}" with {_with_options(arguments)}'


def _as_table(kind: str, arguments: str) -> str:
    """Arguments of an option object as an inline table."""
    if arguments and not re.match(r"\w+=", arguments):
        arguments = f"{_FIRST.get(kind, 'method')}={arguments}"
    return "{ " + _with_options(arguments) + " }"


def _with_examples(text: str) -> str:
    """Tuples and mappings that are given as examples, as TOML writes them."""
    parts, start = [], 0
    for found in _EXAMPLE.finditer(text):
        if found.end() >= start:
            value, end = _literal(text, found.end(), "...")
            parts += [text[start : found.end()], value or ""]
            start = end
    return "".join(parts) + text[start:]


def _with_options(text: str, sections: Mapping[str, str] | None = None) -> str:
    """Arguments as keys of TOML; the last of those of one section that stand together says where.

    Where sections are given, other names with an equals sign are words of the file and stay as they are.
    """
    keys: list[tuple[str | None, str, str | None]] = []
    between, start, at = [], 0, 0
    while found := _OPTION.search(text, at):
        value, at = _literal(text, found.end(), usual='"..."' if found[2] == "missing" else "...")
        if sections is None or found[2] in sections:
            between.append(text[start : found.start()])
            keys.append((found[1], found[2], value))
            start = at
    places = [(sections or {}).get(name, "") for _, name, _ in keys]
    parts = []
    for number, (verb, name, value) in enumerate(keys):
        again = number + 1 < len(keys) and places[number] == places[number + 1] and ". " not in between[number + 1]
        place = f" in {places[number]}" if places[number] and not again else ""
        parts += [between[number], _as_key(verb, name, value), place]
    return "".join(parts) + text[start:]


def _as_key(verb: str | None, name: str, value: str | None) -> str:
    """One argument as a key; `verb` is the first letter of the word "pass" before it."""
    if value == "None":
        return {None: f"no {name}", "P": f"Leave {name} out", "p": f"leave {name} out"}[verb]
    write = {None: "", "P": "Write ", "p": "write "}[verb]
    # A bare name is left of "(day=, beep=)".
    return write + (name if value is None else f"{name} = {value}")


def _literal(text: str, start: int, usual: str) -> tuple[str | None, int]:
    """The value that Python writes at this place, as TOML writes it, and where it ends; `usual` is an ellipsis."""
    end = _end(text, start)
    source = text[start:end]
    if not source:
        return None, start
    if source == "None":
        return source, end
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return source, end
    return _toml(value, usual), end


def _end(text: str, start: int) -> int:
    """Where a value ends: a text in quotation marks, something in brackets, or a word."""
    first = text[start : start + 1]
    if first and first in "'\"([{":
        depth, quote, at = 0, "", start
        while at < len(text):
            sign = text[at]
            if quote:
                at += sign == "\\"
                quote = "" if sign == quote else quote
            elif sign in "'\"":
                quote = sign
            else:
                depth += (sign in "([{") - (sign in ")]}")
            at += 1
            if not quote and not depth:
                return at
        return start
    plain = _PLAIN.match(text, start)
    return plain.end() if plain else start


def _toml(value: Any, usual: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        inner = (f"{_key(str(name))} = {_toml(item, usual)}" for name, item in value.items())
        return "{ " + ", ".join(inner) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item, usual) for item in value) + "]"
    return usual if value is ... else str(value)


def _key(name: str) -> str:
    return name if _KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)
