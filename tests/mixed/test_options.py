"""Option objects refuse what they cannot mean."""

import pytest

from reldyn.errors import DesignError
from reldyn.mixed import Estimation, Random, Residual, shared


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Random(("a",), covariance="ful"),
            "covariance='ful' is not known; allowed: 'full', 'diagonal', 'block'. Did you mean 'full'?",
        ),
        (lambda: Random(("a", shared("a"))), "random terms named twice: a. Name each term once."),
        (lambda: Random((3,)), "a random term must be a name or shared(name), not 3."),
        (lambda: Random(3), "random takes names of terms or shared(name), not 3."),
        (lambda: Residual("ar1", common="yes"), "Residual takes True or False for common, not 'yes'."),
        (lambda: shared(""), "shared('') needs the name of one term, such as shared('day')."),
        (
            lambda: Estimation(method="ml", inference="kenward-roger"),
            "inference='kenward-roger' is defined under REML only. Use method='reml', or inference='z' with ML.",
        ),
        (lambda: Estimation(n_boot=0), "n_boot=0 is not a count of at least 1."),
        (
            lambda: Residual("independent", common=True),
            "Residual('independent', common=True) cannot be estimated: the process has "
            "no carry-over from occasion to occasion. Leave common out, or choose one of 'ar1', 'car1', 'var1'.",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(DesignError) as caught:
        make()
    assert str(caught.value) == message


def test_options_are_values():
    assert Random("intercept") == Random(("intercept",))
    assert Estimation().resolved_inference == "kenward-roger"
    assert Estimation(method="ml").resolved_inference == "z"
    assert hash(Residual("ar1")) == hash(Residual("ar1"))
