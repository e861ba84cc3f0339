"""Expressions of a study file: arithmetic, comparison and a few functions of columns; nothing else is understood.

The text is parsed into a tree of which only listed kinds of nodes are accepted, and evaluated by this module. Nothing
in it is run as Python: no attribute, no call of anything but the five functions, no index.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from reldyn._types import Array
from reldyn.errors import DesignError

__all__ = ["Expression"]

_LONGEST = 2_000
_DEEPEST = 50
_QUOTED = re.compile(r"`([^`]*)`")
_ALLOWED = "a formula knows columns, numbers, texts, + - * / % **, comparisons, in, and, or, not, and "
_ARITHMETIC: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_ORDER: dict[type[ast.cmpop], Callable[[Array, Array], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*")
_SIGNS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_FUNCTIONS: dict[str, Callable[[Array], Array]] = {"abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt}
_MISSING = "missing"
# Numbers, or texts (None where one is missing).
Values: TypeAlias = Any


@dataclass(frozen=True)
class Expression:
    """A formula over columns.

    Attributes
    ----------
    text : str
        As the study file has it. A column whose name is no plain word stands between backticks.
    columns : tuple of str
        The columns that it names, in the order of their appearance.
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr
    _names: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Parse a formula.

        Raises
        ------
        DesignError
            It is too long or no formula, or says something that formulas do not know.
        """
        if len(text) > _LONGEST:
            raise DesignError(f"a formula of {len(text):,} letters: at most {_LONGEST:,} are read.")
        quoted = list(dict.fromkeys(_QUOTED.findall(text)))
        stands_for = {f"quoted_column_{number}_": name for number, name in enumerate(quoted)}
        word_of = {name: word for word, name in stands_for.items()}
        plain = _QUOTED.sub(lambda found: f" {word_of[found.group(1)]} ", text).strip()
        try:
            tree = ast.parse(plain, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise DesignError(f"{_shown(text)} is no formula; {_ALLOWED}{_functions()}.") from None
        names: dict[str, str] = {}
        _check(tree, text, stands_for, names, 0)
        return cls(text, tuple(dict.fromkeys(names.values())), tree, names)

    def evaluate(self, column: Callable[[str], Any], n_rows: int) -> Array:
        """The value of each row as a number; comparisons give 1 and 0, and NaN where a needed value is missing.

        Parameters
        ----------
        column : callable
            Gives a column by name: numbers, or an object array of texts with None where one is missing.
        n_rows : int

        Raises
        ------
        DesignError
            Texts and numbers are mixed, or the formula gives texts.
        """
        with np.errstate(all="ignore"):
            found = _value(self._tree, self, column)
        if _is_text(found):
            raise DesignError(f"{_shown(self.text)} gives texts, where a number for each row is needed.")
        numbers = np.broadcast_to(np.asarray(found, dtype=np.float64), (n_rows,)).copy()
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers


def _functions() -> str:
    return ", ".join(f"{name}()" for name in (*_FUNCTIONS, _MISSING))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _check(node: ast.AST, text: str, stands_for: Mapping[str, str], names: dict[str, str], depth: int) -> None:
    """Accept only what this module evaluates."""
    if depth > _DEEPEST:
        raise DesignError(f"{_shown(text)} is nested deeper than {_DEEPEST} levels.")
    parts: list[ast.AST] = []
    if isinstance(node, ast.Name):
        names[node.id] = stands_for.get(node.id, node.id)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        _check_constant(node.value, text)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        parts = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub, ast.Not)):
        parts = [node.operand]
    elif isinstance(node, ast.BoolOp):
        parts = list(node.values)
    elif isinstance(node, ast.Compare) and all(_known_comparison(*pair) for pair in _pairs(node)):
        parts = [node.left]
        for sign, other in _pairs(node):
            parts += list(other.elts) if _is_membership(sign) and isinstance(other, (ast.List, ast.Tuple)) else [other]
    elif isinstance(node, ast.Call) and _known_call(node):
        parts = list(node.args)
    else:
        raise DesignError(f"{_shown(text)}: {_ALLOWED}{_functions()}.")
    for part in parts:
        _check(part, text, stands_for, names, depth + 1)


def _check_constant(value: float | str, text: str) -> None:
    if isinstance(value, str):
        return
    try:
        float(value)
    except OverflowError:
        raise DesignError(f"{_shown(text)} holds a number that is too large.") from None


def _pairs(node: ast.Compare) -> list[tuple[ast.cmpop, ast.expr]]:
    return list(zip(node.ops, node.comparators, strict=True))


def _is_membership(sign: ast.cmpop) -> bool:
    return isinstance(sign, (ast.In, ast.NotIn))


def _known_comparison(sign: ast.cmpop, other: ast.expr) -> bool:
    if _is_membership(sign):
        return isinstance(other, (ast.List, ast.Tuple)) and all(isinstance(item, ast.Constant) for item in other.elts)
    return type(sign) in _ORDER


def _known_call(node: ast.Call) -> bool:
    named = isinstance(node.func, ast.Name) and (node.func.id in _FUNCTIONS or node.func.id == _MISSING)
    return named and len(node.args) == 1 and not node.keywords


def _value(node: ast.expr, expression: Expression, column: Callable[[str], Any]) -> Values:
    if isinstance(node, ast.Name):
        return column(expression._names[node.id])
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else np.float64(cast("float", node.value))
    if isinstance(node, ast.BinOp):
        left, right = (_number(_value(part, expression, column), expression) for part in (node.left, node.right))
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        inner = _number(_value(node.operand, expression, column), expression)
        if isinstance(node.op, ast.Not):
            return np.where(np.isnan(inner), np.nan, inner == 0)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BoolOp):
        return _logical(node, [_number(_value(part, expression, column), expression) for part in node.values])
    if isinstance(node, ast.Compare):
        return _compared(node, expression, column)
    return _function_value(cast("ast.Call", node), expression, column)


def _function_value(node: ast.Call, expression: Expression, column: Callable[[str], Any]) -> Array:
    name = cast("ast.Name", node.func).id
    given = _value(node.args[0], expression, column)
    if name == _MISSING:
        return np.asarray(_absent(given), dtype=np.float64)
    return _FUNCTIONS[name](_number(given, expression))


def _logical(node: ast.BoolOp, parts: list[Array]) -> Array:
    """Three-valued: a missing part leaves open only what the other parts do not decide."""
    deciding = 0.0 if isinstance(node.op, ast.And) else 1.0
    truths = np.array(np.broadcast_arrays(*[np.where(np.isnan(part), np.nan, part != 0) for part in parts]))
    decided = (truths == deciding).any(axis=0)
    return np.where(decided, deciding, np.where(np.isnan(truths).any(axis=0), np.nan, 1.0 - deciding))


def _compared(node: ast.Compare, expression: Expression, column: Callable[[str], Any]) -> Array:
    """Chains as in mathematics: ``1 <= x < 7`` holds where both parts do."""
    left = _value(node.left, expression, column)
    parts = []
    for sign, other in _pairs(node):
        if _is_membership(sign):
            items = cast("ast.List | ast.Tuple", other).elts
            equal = [_equal(left, _value(item, expression, column), expression) for item in items]
            within = np.max(equal, axis=0) if equal else np.where(_absent(left), np.nan, 0.0)
            parts.append(1.0 - within if isinstance(sign, ast.NotIn) else within)
            continue
        right = _value(other, expression, column)
        parts.append(_comparison(sign, left, right, expression))
        left = right
    return parts[0] if len(parts) == 1 else _logical(ast.BoolOp(ast.And(), []), parts)


def _comparison(sign: ast.cmpop, left: Values, right: Values, expression: Expression) -> Array:
    if isinstance(sign, (ast.Eq, ast.NotEq)):
        equal = _equal(left, right, expression)
        return 1.0 - equal if isinstance(sign, ast.NotEq) else equal
    if _is_text(left) or _is_text(right):
        raise DesignError(f"{_shown(expression.text)}: texts are compared by == and !=, not by {_SIGNS[type(sign)]}.")
    truth = _ORDER[type(sign)](left, right)
    return np.where(np.isnan(left) | np.isnan(right), np.nan, truth)


def _equal(left: Values, right: Values, expression: Expression) -> Array:
    if _is_text(left) != _is_text(right):
        text = left if isinstance(left, str) else right
        if isinstance(text, str) and _NUMBER.fullmatch(text):
            raise DesignError(
                f"{_shown(expression.text)} compares numbers with the text {text!r}: write {text} without quotation "
                "marks."
            )
        raise DesignError(f"{_shown(expression.text)} compares a text with a number: put texts in quotation marks.")
    absent = _absent(left) | _absent(right)
    return np.where(absent, np.nan, np.asarray(left == right, dtype=np.float64))


def _is_text(value: Values) -> bool:
    return isinstance(value, str) or np.asarray(value).dtype.kind in "OUS"


def _absent(value: Values) -> Any:
    if isinstance(value, str):
        return np.bool_(False)
    array: Any = np.asarray(value)
    return np.equal(array, cast("Any", None)) if array.dtype.kind == "O" else np.isnan(array)


def _number(value: Values, expression: Expression) -> Array:
    if _is_text(value):
        raise DesignError(f"{_shown(expression.text)} calculates with texts, where numbers are needed.")
    return np.asarray(value, dtype=np.float64)
