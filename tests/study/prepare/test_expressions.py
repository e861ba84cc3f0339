"""Formulas agree with numpy on numbers and refuse whatever is no formula."""

import numpy as np
import pytest

from reldyn.errors import DesignError
from reldyn.study.prepare import Expression

COLUMNS = {
    "a": np.array([1.0, 2.0, np.nan, 4.0]),
    "b": np.array([2.0, 2.0, 2.0, np.nan]),
    "my col": np.array([0.0, 1.0, 0.0, 1.0]),
    "site": np.array(["Bern", "Ulm", None, "Bern"], dtype=object),
}


def value(text):
    return Expression.parse(text).evaluate(COLUMNS.__getitem__, 4).tolist()


NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + 2 * b", [5, 6, NAN, NAN]),
        ("-(a - b) / 2", [0.5, 0, NAN, NAN]),
        ("a ** 2 % 3", [1, 1, NAN, 1]),
        ("a >= 2", [0, 1, NAN, 1]),
        ("1 < a <= 4", [0, 1, NAN, 1]),
        ("a == 1 or b == 2", [1, 1, 1, 1 if False else NAN]),
        ("a == 9 and b == 2", [0, 0, NAN, 0]),
        ("not a == 1", [0, 1, NAN, 1]),
        ("`my col` * 3", [0, 3, 0, 3]),
        ("site == 'Bern'", [1, 0, NAN, 1]),
        ("site != 'Bern'", [0, 1, NAN, 0]),
        ("site in ['Ulm', 'Basel']", [0, 1, NAN, 0]),
        ("a not in (1, 2)", [0, 0, NAN, 1]),
        ("missing(a)", [0, 0, 1, 0]),
        ("missing(site)", [0, 0, 1, 0]),
        ("missing(a) or missing(b)", [0, 0, 1, 1]),
        ("abs(-a) + sqrt(4) + log(exp(1))", [4, 5, NAN, 7]),
        ("a / 0", [NAN, NAN, NAN, NAN]),
        ("9 ** 9999", [NAN] * 4),
        ("1", [1, 1, 1, 1]),
    ],
)
def test_formulas_have_the_values_of_arithmetic(text, wanted):
    np.testing.assert_allclose(value(text), wanted, equal_nan=True)


def test_formulas_name_their_columns():
    assert Expression.parse("`my col` > a + a * log(b)").columns == ("my col", "a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a +",
        "a = 3",
        "a; b",
        "__import__('os').system('true')",
        "a.mean()",
        "a[0]",
        "(lambda: 1)()",
        "[x for x in a]",
        "a if b else 1",
        "open('x')",
        "abs(a, b)",
        "abs(x=a)",
        "a is b",
        "a in b",
        "a in [b]",
        "f'{a}'",
        "b'x'",
        "1j",
        "None",
        "...",
        "a := 1",
        "a @ b",
        "a // b",
        "~a",
        "a\x00",
        "\ud800",
        "(" * 900 + "a" + ")" * 900,
        "-" * 1500 + "a",
        "+".join(["a"] * 900),
        "9" * 1500,
        "x" * 3000,
        "print",
    ],
)
def test_whatever_is_no_formula_is_refused_in_words(text):
    if text == "print":
        assert Expression.parse(text).columns == ("print",)
        return
    with pytest.raises(DesignError):
        Expression.parse(text)


@pytest.mark.parametrize("text", ["site + 1", "site > 'A'", "site == 1", "'a'", "a == 'x'", "log(site)", "not site"])
def test_texts_and_numbers_are_not_mixed(text):
    with pytest.raises(DesignError):
        value(text)


def test_a_number_in_quotation_marks_is_told_to_lose_them():
    with pytest.raises(DesignError, match="write 2 without quotation marks"):
        Expression.parse("dyad != '2'").evaluate({"dyad": np.array([1.0, 2.0])}.__getitem__, 2)
