"""Literal results for figures: numbers written out, no model behind them."""

import pandas as pd

from reldyn.results import InState, InTables, Result

COLUMNS = ["term", "effect", "variable", "level", "role", "estimate", "std_error", "conf_low", "conf_high"]


class FakeFit(Result):
    """Enough of an actor-partner result to be drawn."""

    table = InTables()
    residual = InTables()
    figure = "path_diagram"
    outcome = InState[str]("satisfaction")

    def tidy(self):
        return self.table

    def covariance(self, which):
        assert which == "residual"
        return self.residual


def row(effect, variable, level, role, estimate, half):
    term = " ".join(part for part in (effect, variable, level, role) if part)
    return (term, effect, variable, level, role, estimate, half / 1.96, estimate - half, estimate + half)


def distinguishable():
    rows = [row("intercept", "", "", "man", 6.7, 0.13), row("intercept", "", "", "woman", 6.9, 0.11)]
    for level, size in (("within", 1.0), ("between", 2.5)):
        rows += [
            row("actor", "conflict", level, "man", -0.140 * size, 0.04 * size),
            row("actor", "conflict", level, "woman", -0.186 * size, 0.04 * size),
            row("partner", "conflict", level, "man", -0.073 * size, 0.09),
            row("partner", "conflict", level, "woman", -0.062 * size, 0.05),
        ]
    roles = ["man", "woman"]
    residual = pd.DataFrame([[0.28, 0.0745], [0.0745, 0.30]], index=roles, columns=roles)
    return FakeFit.of(table=pd.DataFrame(rows, columns=COLUMNS), residual=residual)


def exchangeable():
    rows = [
        row("intercept", "", "", "", 3.4, 0.2),
        row("actor", "stress", "", "", 0.40, 0.09),
        row("partner", "stress", "", "", 0.29, 0.09),
    ]
    names = ["1", "2"]
    residual = pd.DataFrame([[0.17, 0.08], [0.08, 0.17]], index=names, columns=names)
    return FakeFit.of(
        table=pd.DataFrame(rows, columns=COLUMNS), residual=residual, outcome="closeness_to_partner_today"
    )
