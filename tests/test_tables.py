"""Results as tables: great-tables text, and what maketables reads."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.results import TableResult


@pytest.fixture(scope="module")
def fit():
    panel = rd.simulate.apim(n_dyads=40, actor=0.3, partner=0.2, seed=1).panel
    return rd.apim(panel, outcome="y", predictors=["x"])


def test_html_and_latex_show_every_term_once_and_rounded(fit):
    pytest.importorskip("great_tables")
    html, latex = fit.to_table(), fit.to_table("latex", digits=2)
    for row in fit.tidy().itertuples():
        assert html.count(f">{row.term}<") == 1
        assert f"{row.estimate:.3f}" in html
        assert f"{row.estimate:.2f}" in latex
    assert "Actor-partner interdependence model of y" in html
    assert "\\begin{tabular" in latex


def test_great_table_object_can_be_styled_further(fit):
    great_tables = pytest.importorskip("great_tables")
    assert isinstance(fit.to_table("gt"), great_tables.GT)


def test_kinds_that_are_not_there(fit):
    with pytest.raises(rd.DesignError, match="kind='word' is not known; allowed: 'html', 'latex', 'gt'"):
        fit.to_table("word")


def test_without_great_tables_the_message_says_what_to_install(fit, monkeypatch):
    monkeypatch.setitem(sys.modules, "great_tables", None)
    with pytest.raises(rd.ReldynError, match=r"python -m pip install 'reldyn\[report\]'"):
        fit.to_table()


def test_maketables_protocol_carries_the_tidy_numbers(fit):
    table, tidy = fit.__maketables_coef_table__, fit.tidy()
    assert table.columns.tolist() == ["b", "se", "t", "p", "ci95l", "ci95u"]
    assert table.index.tolist() == tidy["term"].tolist()
    assert table["b"].to_numpy() == pytest.approx(tidy["estimate"].to_numpy())
    assert fit.__maketables_depvar__ == "y"
    assert fit.__maketables_stat__("N") == 80
    assert fit.__maketables_stat__("dyads") == 40
    assert fit.__maketables_stat__("r2") is None


def test_a_test_is_no_table_of_coefficients():
    panel = rd.simulate.apim(n_dyads=40, actor=0.3, partner=0.2, seed=1).panel
    comparison = rd.distinguishability(panel, outcome="y", predictors=["x"])
    assert not hasattr(comparison, "__maketables_coef_table__")


def test_maketables_puts_models_side_by_side(fit):
    maketables = pytest.importorskip("maketables")
    panel = rd.simulate.apim(n_dyads=40, actor=0.3, partner=0.2, seed=1).panel
    other = rd.apim(panel, outcome="y", predictors=["x"], interaction="product")
    text = str(maketables.ETable([fit, other]).make(type="tex"))
    assert "actor x, a" in text
    assert f"{fit.tidy()['estimate'].iloc[2]:.3f}" in text
    assert np.isfinite(other.log_likelihood)


def test_p_values_are_rendered_in_one_place():
    # "p = 0.320" in one summary beside ".320" in every other.
    source = Path(rd.__file__).parent
    own = [
        f"{path.relative_to(source)}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\bp =? ?\{[^}]*:\.\d+[fg]\}", line)
    ]
    assert own == []
    rng = np.random.default_rng(1)
    dyad, who = (part.ravel() for part in np.indices((60, 2)))
    frame = pd.DataFrame({"dyad": dyad, "person": 2 * dyad + who, "role": np.where(who, "b", "a")})
    frame["x"] = rng.standard_normal(len(frame))
    frame["y"] = frame["x"] + rng.standard_normal(len(frame))
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role")
    text = rd.actor_partner.mutual_influence(panel, outcome="y", predictor="x").summary()
    assert re.search(r"p (= \.\d{3}|< \.001|= 1\.000)", text), text


def test_a_note_stands_once_below_the_table_it_belongs_to():
    long = "fewer than 10 pairs of neighbouring answers, so nothing can be said"
    rows = 15
    table = pd.DataFrame({"dyad": range(rows), "estimate": np.arange(rows) / 7, "note": [long, "", "short"] * 5})
    table.loc[rows - 1, "note"] = "seen below the rows that are shown"
    found = TableResult.of(table=table)
    text, html = " ".join(found.summary().split()), found._repr_html_()
    for shown in (text, html):
        assert shown.count(long) == shown.count("short") == 1
        assert f"[1] 5 rows: {long}" in shown
        assert "[2] 4 rows: short" in shown
        # Twelve rows are shown; a note of the others is counted at the end.
        assert shown.count("1 row: seen below the rows that are shown") == 1
    assert html.count("<td>[1]</td>") == 4
    assert found.tidy()["note"].tolist() == table["note"].tolist()
    great = pytest.importorskip("great_tables")
    assert great
    assert found.to_table().count(long) == 1


def test_columns_without_anything_are_left_out_of_text_and_html():
    found = TableResult.of(table=pd.DataFrame({"dyad": [1, 2], "estimate": [0.5, 0.25], "df": np.nan, "note": ""}))
    for shown in (found.summary(), found._repr_html_()):
        assert "estimate" in shown
        assert not re.search(r"\b(df|note)\b", shown)
    assert list(found.tidy()) == ["dyad", "estimate", "df", "note"]


def test_a_notebook_shows_the_table_and_not_its_source(fit):
    html = fit.to_table()
    assert html._repr_html_() == str(html) and len(repr(html)) < 150
    assert type(fit.to_table("latex")) is str
