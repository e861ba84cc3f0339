"""Values of results as JSON and back: numbers, names and nothing that runs; rows and ids only when asked for.

A class says which of its fields hold rows (``row_fields``: answers, occasions, residuals, phases of
occasions) and which hold ids outside of tables (``id_fields``). Saved without rows, a field of rows keeps its
size alone, and ids become running numbers.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from reldyn._records import parts_of
from reldyn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "REGISTRY",
    "Numbers",
    "Withheld",
    "decode",
    "encode_fields",
    "encode_parts",
    "enter",
    "numbers_of",
    "row_fields",
    "schema_of",
]

# Classes that can be saved, by schema name: the word that a file says, whatever the class is called by then.
REGISTRY: dict[str, type[Any]] = {}
_SCHEMAS: dict[type[Any], str] = {}
DYAD = "dyad"
# Columns that name a person: by an id, or by a role where roles tell the two apart.
PERSONS = frozenset({"person", "perceiver", "giver", "receiver", "sender"})
TEXTS = frozenset({"term", "note", "notes", "reason", "reasons", "detail", "warnings"})
# Words that stand in the place of an id in rows about everybody.
_NOBODY = frozenset({"", "sample", "all"})
# Shorter ids are looked for only where a text is known to name one: "a" is also a word.
_SHORTEST = 3


class Withheld:
    """Rows that were not saved: it knows how many there were, and tells whoever asks for more.

    Parameters
    ----------
    shape : tuple of int
    """

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} values, saved without rows>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise DataError(
            "this result was saved without rows, and this needs them: save it with to_json(path, rows=True), or "
            "compute it anew from the data."
        )


def _refuse(self: Withheld, *_: Any, **__: Any) -> NoReturn:
    self._refuse()


for _name in (
    *("iter", "getitem", "contains", "call", "array", "float", "int", "index", "bool", "lt", "le", "gt", "ge"),
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "matmul", "rmatmul", "neg", "and"),
):
    setattr(Withheld, f"__{_name}__", _refuse)


def enter(cls: type[Any], schema: str) -> None:
    """Let a class be saved and read under a schema name, which no other class has.

    Raises
    ------
    TypeError
        Another class has the name: files could be read as either.
    """
    other = REGISTRY.get(schema)
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(
            f"{cls.__module__}.{cls.__qualname__} cannot be saved as {schema!r}, which is "
            f"{other.__module__}.{other.__qualname__}: give it a name of its own with schema='...'."
        )
    REGISTRY[schema] = cls
    _SCHEMAS[cls] = schema


def schema_of(cls: type[Any]) -> str | None:
    """What a saved file calls a class; None where it cannot be saved."""
    return _SCHEMAS.get(cls)


def row_fields(cls: type[Any]) -> frozenset[str]:
    """Fields of a class that hold rows, those of its bases included."""
    named: set[str] = set()
    for base in cls.__mro__:
        named |= set(vars(base).get("row_fields", ()))
    return frozenset(named)


def _id_fields(cls: type[Any]) -> dict[str, str]:
    named: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        named |= vars(base).get("id_fields", {})
    return named


def _person_columns(cls: type[Any]) -> frozenset[str]:
    return PERSONS | frozenset(getattr(cls, "person_columns", ()))


# --- ids ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Running numbers in place of ids, in the order in which a result names them.

    Attributes
    ----------
    dyads, persons : mapping of label to int
        A label that names a member in several dyads is a role, or numbers the members of each: it identifies nobody
        and is none of these.
    """

    dyads: Mapping[Hashable, int]
    persons: Mapping[Hashable, int]

    def text(self, text: str) -> str:
        """A sentence without ids: what follows the word ``dyad``, and labels of three signs and more anywhere."""
        for word, numbers in (("dyad", self._dyads), ("person", self.written_persons)):
            text = _after(word).sub(lambda found, known=numbers: known.get(found.group(1), found.group()), text)  # type: ignore[misc]
        return self._without_long(text)

    def term(self, text: str, dyad: Any, persons: tuple[Any, ...]) -> str:
        """A term of a table without the ids of its row, wherever terms name them."""
        if dyad not in self.dyads:
            return self._without_long(text)
        own = tuple(dict.fromkeys(str(label) for label in persons if _is_id(label) and label in self.persons))

        def replaced(match: re.Match[str]) -> str:
            return (self._dyads if match.lastgroup == DYAD else self.written_persons)[match.group()]

        return self._without_long(_places(str(dyad), own).sub(replaced, text))

    @cached_property
    def _dyads(self) -> dict[str, str]:
        return {str(label): str(number) for label, number in self.dyads.items()}

    @cached_property
    def written_persons(self) -> dict[str, str]:
        return {str(label): str(number) for label, number in self.persons.items()}

    @cached_property
    def _long(self) -> re.Pattern[str] | None:
        labels = {str(label) for label in (*self.dyads, *self.persons) if _is_long(label)}
        # The longest first, as one id may begin like another.
        either = "|".join(map(re.escape, sorted(labels, key=lambda label: (-len(label), label))))
        return re.compile(rf"(?<!\w)(?:{either})(?!\w)") if labels else None

    def _without_long(self, text: str) -> str:
        if self._long is None:
            return text
        written = self.written_persons | self._dyads
        return self._long.sub(lambda found: written[found.group()], text)


def _is_long(label: Any) -> bool:
    return isinstance(label, str) and len(label) >= _SHORTEST and not label.isdigit()


@cache
def _after(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=\b{word} )'?(\w[\w-]*+)'?")


@lru_cache(maxsize=4096)
def _places(dyad: str, persons: tuple[str, ...]) -> re.Pattern[str]:
    """Where terms name a dyad and its members: "dyad D: P on P", "P in D", "D P ...", "P: ... (dyad D)"."""
    d = re.escape(dyad)
    found = rf"(?P<dyad>(?<=\bdyad ){d}(?!\w)|(?<= in ){d}$|^{d}(?= (?!in )))"
    if persons:
        either = "|".join(map(re.escape, sorted(persons, key=len, reverse=True)))
        before = rf"(?:^|(?<=^{d} )|(?<=: )|(?<=, )|(?<= on )|(?<= to )|(?<= from ))"
        found += rf"|(?P<person>{before}(?:{either})(?!\w))"
    return re.compile(found)


def numbers_of(result: Any) -> Numbers:
    """Number the ids that a result names in its tables and fields."""
    dyads: dict[Hashable, int] = {}
    homes: dict[Hashable, set[Any]] = {}
    sure: set[Hashable] = set()
    roles: set[Hashable] = set()
    for kind, dyad, label in _named(result, type(result)):
        if kind == DYAD:
            dyads.setdefault(label, len(dyads) + 1)
        elif kind == "role":
            roles.add(label)
        else:
            homes.setdefault(label, set()).add(dyad)
            if kind == "person":
                sure.add(label)
    alone = [label for label, where in homes.items() if len(where) == 1 and (label in sure or label not in roles)]
    return Numbers(dyads, {label: number for number, label in enumerate(alone, start=1)})


def _named(value: Any, owner: type[Any], kind: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every id in a value as (``dyad``, ``person``, ``member`` or ``role``; the dyad; the label)."""
    import pandas as pd

    if kind:
        yield from _IDS[kind](value)
    elif isinstance(value, pd.DataFrame):
        yield from _named_in_frame(value, owner)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _named(item, owner)
    elif isinstance(value, Mapping):
        yield from _named_roles(value.get("roles"))
        for item in value.values():
            yield from _named(item, owner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        rows, ids = row_fields(type(value)), _id_fields(type(value))
        for name, item in parts_of(value).items():
            if name in ("roles", "role_labels"):
                yield from _named_roles(item)
            elif name not in rows:
                yield from _named(item, type(value), ids.get(name, ""))
        if ids.get(DYAD) == DYAD:
            dyad = getattr(value, DYAD)
            members = [getattr(value, name) for name, how in ids.items() if how == "member"]
            yield from (("member", dyad, label) for label in members if _is_id(label))


def _named_roles(value: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, (tuple, list)):
        yield from (("role", None, label) for label in value)


def _is_id(label: Any) -> bool:
    import pandas as pd

    return label not in _NOBODY if isinstance(label, str) else not bool(pd.isna(label))


def _named_in_frame(frame: pd.DataFrame, owner: type[Any]) -> Iterator[tuple[str, Any, Any]]:
    dyads = frame[DYAD].tolist() if DYAD in frame else [None] * len(frame)
    yield from ((DYAD, label, label) for label in dyads if _is_id(label))
    if "role" in frame and "role" not in _person_columns(owner):
        yield from (("role", None, label) for label in dict.fromkeys(frame["role"].tolist()) if _is_id(label))
    for name in frame.columns.intersection(list(_person_columns(owner)), sort=False):
        kind = "person" if name in ("person", "perceiver") else "member"
        pairs = dict.fromkeys(zip(dyads, frame[name].tolist(), strict=True))
        yield from ((kind, dyad, label) for dyad, label in pairs if _is_id(label))


def _named_directions(value: Any) -> Iterator[tuple[str, Any, Any]]:
    for dyad, member, *_ in value:
        yield from ((DYAD, dyad, dyad), *((("member", dyad, member),) if _is_id(member) else ()))


def _named_members(value: Any) -> Iterator[tuple[str, Any, Any]]:
    for dyad, pair in value.items():
        yield (DYAD, dyad, dyad)
        yield from (("member", dyad, member) for member in pair if _is_id(member))


_IDS: dict[str, Callable[[Any], Iterator[tuple[str, Any, Any]]]] = {
    DYAD: lambda value: iter(((DYAD, value, value),)),
    "member": lambda _: iter(()),
    "by dyad": lambda value: ((DYAD, dyad, dyad) for dyad in value),
    "members by dyad": _named_members,
    "directions": _named_directions,
}


# --- out ------------------------------------------------------------------------------------------


def encode_fields(item: Any, numbers: Numbers | None) -> dict[str, Any]:
    """Fields or parts of a record as JSON; without rows and ids where numbers stand in for them."""
    cls = type(item)
    rows, ids = (frozenset(), {}) if numbers is None else (row_fields(cls), _id_fields(cls))
    found = {}
    for name, value in parts_of(item).items():
        if name in rows and value is not None:
            found[name] = encode(value if isinstance(value, Withheld) else Withheld(_shape(value)), numbers)
            continue
        if name in ids and numbers is not None:
            value = _WITHOUT_IDS[ids[name]](value, numbers)
        if name in TEXTS and numbers is not None:
            value = _without_ids(value, numbers)
        found[name] = encode(value, numbers, cls)
    return found


def encode_parts(result: Any, numbers: Numbers | None) -> dict[str, Any]:
    """Tables, notes and state of a result as JSON."""
    encoded = encode_fields(result, numbers)
    tables = {name: encoded[name] for name in result.tables}
    return {"tables": tables, "notes": encoded["notes"], "state": {name: encoded[name] for name in result.state}}


def _shape(value: Any) -> tuple[int, ...]:
    shape = getattr(value, "shape", None)
    return tuple(int(size) for size in shape) if shape is not None else (len(value),)


def _person(label: Any, numbers: Numbers) -> Any:
    if not _is_id(label) or label in numbers.persons:
        return numbers.persons.get(label, label)
    # Some fields hold an id as text.
    return numbers.written_persons.get(label, label) if isinstance(label, str) else label


_WITHOUT_IDS: dict[str, Callable[[Any, Numbers], Any]] = {
    DYAD: lambda value, numbers: numbers.dyads.get(value, value),
    "member": _person,
    "by dyad": lambda value, numbers: {numbers.dyads[dyad]: item for dyad, item in value.items()},
    "members by dyad": lambda value, numbers: {
        numbers.dyads[dyad]: tuple(_person(member, numbers) for member in pair) for dyad, pair in value.items()
    },
    "directions": lambda value, numbers: tuple(
        (numbers.dyads[dyad], _person(member, numbers), *rest) for dyad, member, *rest in value
    ),
}


def _without_ids(value: Any, numbers: Numbers) -> Any:
    if isinstance(value, str):
        return numbers.text(value)
    if isinstance(value, (tuple, list)):
        return tuple(_without_ids(item, numbers) for item in value)
    if isinstance(value, Mapping):
        return {key: _without_ids(item, numbers) for key, item in value.items()}
    return value


def encode(value: Any, numbers: Numbers | None, owner: type[Any] = object) -> Any:
    """A value as JSON."""
    import numpy as np
    import pandas as pd

    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, Withheld):
        return _withheld(value, numbers)
    if isinstance(value, (tuple, list)):
        return {"tuple": [encode(item, numbers, owner) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[encode(key, numbers), encode(item, numbers, owner)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return {
            "array": [encode(item, numbers) for item in value.ravel().tolist()],
            "shape": list(value.shape),
            "dtype": str(value.dtype),
        }
    if isinstance(value, pd.DataFrame):
        return _encode_frame(value if numbers is None else _frame_without_ids(value, numbers, owner))
    if isinstance(value, pd.Timestamp):
        return {"timestamp": value.isoformat()}
    schema = schema_of(type(value))
    if schema is not None:
        prepare = getattr(value, "_without_rows", None)
        item = prepare() if prepare is not None and numbers is not None else value
        whole = encode_parts if hasattr(item, "parts") else encode_fields
        return {"object": schema, "fields": whole(item, numbers)}
    raise TypeError(f"a result cannot save a {type(value).__name__}")


def _withheld(value: Withheld, numbers: Numbers | None) -> dict[str, Any]:
    if numbers is None:
        raise DataError(
            "this result was itself saved without rows, so it has none to save: compute it anew from the data, and "
            "save that with to_json(path, rows=True)."
        )
    return {"withheld": list(value.shape)}


def _encode_frame(frame: pd.DataFrame) -> dict[str, Any]:
    columns = [
        [encode(name, None), str(frame[name].dtype), [encode(_plain(item), None) for item in frame[name].tolist()]]
        for name in frame
    ]
    return {"frame": columns, "index": [encode(_plain(item), None) for item in frame.index.tolist()]}


def _plain(value: Any) -> Any:
    import pandas as pd

    return None if value is pd.NA or value is pd.NaT else value


def _frame_without_ids(frame: pd.DataFrame, numbers: Numbers, owner: type[Any]) -> pd.DataFrame:
    """The same table with numbers for ids, in its texts as well."""
    dyads = frame[DYAD].tolist() if DYAD in frame else [None] * len(frame)
    columns = [name for name in frame.columns if name in _person_columns(owner)]
    persons = list(zip(*(frame[name].tolist() for name in columns), strict=True)) if columns else [()] * len(frame)
    changed: dict[Any, Any] = {}
    if DYAD in frame:
        changed[DYAD] = [numbers.dyads.get(label, label) if _is_id(label) else label for label in dyads]
    for name in columns:
        changed[name] = [_person(label, numbers) for label in frame[name].tolist()]
    for name in [name for name in frame.columns if name in TEXTS]:
        texts = frame[name].tolist()
        if name == "term":
            rows = zip(texts, dyads, persons, strict=True)
            changed[name] = [numbers.term(text, *who) if isinstance(text, str) else text for text, *who in rows]
        else:
            changed[name] = [numbers.text(text) if isinstance(text, str) else text for text in texts]
    return _with_columns(frame, changed)


def _with_columns(frame: pd.DataFrame, changed: Mapping[Any, list[Any]]) -> pd.DataFrame:
    import pandas as pd

    out = frame.copy()
    for name, values in changed.items():
        if values == frame[name].tolist():
            continue
        whole = all(type(value) is int for value in values)
        texts = name in TEXTS
        out[name] = pd.Series(
            values, index=frame.index, dtype=frame[name].dtype if texts else "int64" if whole else object
        )
    return out


# --- in -------------------------------------------------------------------------------------------


def decode(value: Any) -> Any:
    """A value from JSON."""
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    if "tuple" in value:
        return tuple(decode(item) for item in value["tuple"])
    if "mapping" in value:
        return {decode(key): decode(item) for key, item in value["mapping"]}
    if "withheld" in value:
        return Withheld(tuple(int(size) for size in value["withheld"]))
    if "timestamp" in value:
        import pandas as pd

        return pd.Timestamp(value["timestamp"])
    if "object" in value:
        cls = REGISTRY[value["object"]]
        make = getattr(cls, "_from_fields", None)
        return make(value["fields"]) if make else cls(**{key: decode(item) for key, item in value["fields"].items()})
    return _decode_array(value)


def _decode_array(value: Mapping[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    if "array" in value:
        flat = [decode(item) for item in value["array"]]
        return np.array(flat, dtype=value["dtype"]).reshape(value["shape"])
    index = [decode(item) for item in value["index"]]
    columns = {
        decode(name): pd.Series([decode(item) for item in items], index=index).astype(dtype)
        for name, dtype, items in value["frame"]
    }
    return pd.DataFrame(columns, index=index)
