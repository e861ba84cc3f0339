"""Every figure says in one sentence what it draws, when it is given something else."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError

OF_PANELS = ("compliance_heatmap", "trajectories")
FIGURES = [name for name in rd.plot.__all__ if name not in (*OF_PANELS, "to_svg")]
panel = rd.simulate.apim(n_dyads=4, n_occasions=6, actor=0.3, partner=0.2, seed=1).panel


@pytest.mark.parametrize("given", ["panel", "frame", "result", "text", "number", "nothing"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_something_else_is_refused_in_a_sentence(name, given):
    thing = {
        "panel": panel,
        "frame": panel.frame,
        # A result that no figure but that of compliance could be meant for.
        "result": rd.dynamics.icc(panel, ["x", "y"]),
        "text": "fit.json",
        "number": 3,
        "nothing": None,
    }[given]
    needs_two = ([thing],) if name == "shrinkage" else ([],)
    if name == "coefficients" and given == "result":
        pytest.skip("it has estimates and intervals")
    with pytest.raises((DesignError, DataError)) as caught:
        getattr(rd.plot, name)(thing, *needs_two[0])
    message = str(caught.value)
    assert "rd." in message or "panel." in message or "columns of" in message or "in table" in message, message
    assert message.endswith(".")


def test_a_message_names_the_call_that_makes_what_is_drawn():
    with pytest.raises(DesignError) as caught:
        rd.plot.affect_dynamics(panel.frame)
    assert str(caught.value) == (
        "plot.affect_dynamics draws what rd.affect_dynamics(panel, ...) returns, and was given a DataFrame with other "
        "columns: give it that."
    )
    with pytest.raises(DesignError) as caught:
        rd.plot.coefficients(fit=panel)
    assert str(caught.value) == (
        "plot.coefficients draws what rd.apim(panel, ...) or another analysis with estimates and intervals returns, "
        "and was given a DyadPanel: give it that."
    )
    with pytest.raises(DesignError, match=r"^plot\.inertia draws what .* returns, and was given an IccResult"):
        rd.plot.inertia(result=rd.dynamics.icc(panel, ["x", "y"]))


def test_the_events_and_windows_beside_a_table_are_checked_as_well():
    cycles = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=80, seed=1).panel
    schedule = rd.cycles.schedule(cycles, warmth="warmth")
    with pytest.raises(DesignError, match=r"draws what \(as events\) rd\.cycles\.events\(panel, \.\.\.\) returns"):
        rd.plot.schedule(schedule, cycles)


def test_axes_that_are_none_are_refused():
    fit = rd.apim(panel, outcome="y", predictors=["x"], random=())
    _, pair = plt.subplots(1, 2)
    for wrong, said in ((pair, "ax=ndarray is several axes: give one of them:"), ("here", "ax=str is no axes:")):
        with pytest.raises(DesignError) as caught:
            rd.plot.coefficients(fit, ax=wrong)
        assert str(caught.value).startswith(said)
    plt.close("all")


def test_variables_and_drawings_of_another_kind_are_refused():
    for wrong in (None, 3):
        with pytest.raises((DesignError, DataError), match=r"name"):
            rd.plot.trajectories(panel, wrong)
    with pytest.raises(DesignError, match=r"^to_svg takes a function that draws"):
        rd.plot.to_svg(pd.DataFrame())


def test_anything_with_a_tidy_table_of_estimates_is_drawn():
    class Estimates:
        def tidy(self):
            return pd.DataFrame({"term": ["a"], "estimate": [0.5], "conf_low": [0.1], "conf_high": [0.9]})

    assert len(rd.plot.coefficients(Estimates()).lines) == 3


def test_a_result_without_an_estimate_has_no_coefficients_to_draw():
    nothing = panel.frame.assign(y=3.0)
    constant = rd.DyadPanel(nothing, dyad="dyad", person="person", role="role", time="time")
    with pytest.raises(DesignError, match=r"^no estimate to draw: see the notes of the result\.$"):
        rd.plot.coefficients(rd.coupling.var(constant, "y"))


def test_warm_events_lie_on_scheduled_occasions_whatever_the_clock():
    cycles = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=80, seed=1).panel
    tables = rd.cycles.schedule(cycles, warmth="warmth"), rd.cycles.events(cycles, warmth="warmth")
    assert rd.plot.schedule(*tables).axes[0].get_xlabel() == "scheduled occasion"


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning", "ignore::reldyn.ConvergenceWarning")
def test_stability_and_influence_are_drawn_as_paths():
    study = rd.simulate.apim(n_dyads=30, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    found = rd.actor_partner.over_time(study, outcome="y")
    assert found.plot().axes
    try:
        rd.plot.path_diagram(found)
    except rd.ReldynError as refused:
        assert "\n" not in str(refused)
