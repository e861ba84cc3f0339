"""Check what the figures of a detection show, not how they look."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch

import reldyn as rd

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_the_map_has_two_tiles_per_dyad_and_counts_verdicts(made):
    figure = rd.plot.verdict_map(made)
    assert len(figure.axes[0].patches) == 6
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "supported (1)",
        "rhythm (1)",
        "not supported (1)",
        "not decidable (3)",
    ]
    assert figure.legends[0].get_title().get_text() == "left half: warmth from a; right half: from b"


def test_the_ribbon_shows_both_directions_with_their_verdicts_and_reasons(made):
    figure = made.plot(view="phases", dyad=1)
    assert [ax.get_title("left") for ax in figure.axes] == [
        "dyad 1, warmth from a: supported",
        "dyad 1, warmth from b: rhythm",
    ]
    assert texts(made.plot(view="phases", dyad=3).axes[1]) == ["the partner never answers"]


def test_the_ribbon_names_the_phases_that_it_draws(made):
    def named(dyad):
        return [text.get_text() for one in made.plot(view="phases", dyad=dyad).legends for text in one.get_texts()]

    fitted = {dyad: {one.fit.n_states for one in made.outcomes if one.dyad == dyad and one.fit} for dyad in (1, 2, 3)}
    assert {3 in states for states in fitted.values()} == {True, False}
    for dyad, states in fitted.items():
        wanted = ["cold phase", "middle phase", "warm phase"] if 3 in states else ["cold phase", "warm phase"]
        assert named(dyad) == (wanted if states else [])


def test_the_wheel_shows_shares_sojourns_and_net_flow(made):
    shown = texts(made.plot(view="wheel", dyad=1, giver="a").axes[0])
    assert {"cold", "middle", "warm", "net flow +0.62, p = .010"} <= set(shown)
    two = texts(made.plot(view="wheel", dyad=2, giver="b").axes[0])
    assert "middle" not in two
    assert not any(text.startswith("net flow") for text in two)


def test_the_nulls_show_every_test_that_was_run(made):
    titles = [ax.get_title("left") for ax in made.plot(view="null").axes]
    assert titles == [
        "regimes: p = .001",
        "periodic: p = .600",
        "irregular: p = .002",
        "directed: p = .010",
        "reinforcement: p = .200",
    ]


def test_a_test_without_surrogates_says_so(made):
    first = next(one for one in made.outcomes if one.tests)
    tests = tuple(dataclasses.replace(test, null_statistics=np.empty(0)) for test in first.tests)
    others = tuple(dataclasses.replace(first, tests=tests) if one is first else one for one in made.outcomes)
    figure = rd.plot.null_distribution(made.with_parts(outcomes=others), dyad=first.dyad, giver=first.giver)
    assert texts(figure.axes[0]) == ["decided without surrogates"]
    assert not figure.axes[0].patches


def test_what_was_not_tested_cannot_be_drawn(made, make):
    with pytest.raises(rd.DesignError) as caught:
        made.plot(view="wheel", dyad=3, giver="b")
    assert str(caught.value) == "dyad 3, warmth from 'b', carried no test: the partner never answers."
    nothing = make.result([make.outcome(1, "a", reasons=("no answers",))])
    with pytest.raises(rd.DesignError) as empty:
        nothing.plot(view="null")
    assert str(empty.value).startswith("no direction carried a test")
    with pytest.raises(rd.DataError, match="no dyad 9"):
        made.plot(view="phases", dyad=9)
    with pytest.raises(rd.DesignError, match="view='map' is not known"):
        made.plot(view="map")


def grey(colour):
    return mpl.colors.to_rgb(colour) @ np.array([0.299, 0.587, 0.114])


def test_phases_stay_apart_in_a_print_without_colours(made):
    figure = made.plot(view="phases", dyad=1)
    tones = sorted(grey(patch.get_facecolor()) for patch in figure.legends[0].get_patches())
    wheel = made.plot(view="wheel")
    tones += sorted(grey(patch.get_facecolor()) for patch in wheel.axes[0].patches if isinstance(patch, Circle))
    assert all(abs(np.diff(sorted(set(np.round(tones, 4))))) > 0.1)
    assert min(tones) > 0.45  # the words in the discs are written in ink


def test_verdicts_stay_apart_in_a_print_without_colours(made):
    figure = rd.plot.verdict_map(made)
    signs = [(patch.get_hatch() or "", grey(patch.get_facecolor())) for patch in figure.legends[0].get_patches()]
    for place, (hatch, tone) in enumerate(signs):
        for other, another in signs[:place]:
            assert hatch != other or abs(tone - another) > 0.2
    tiles = {patch.get_hatch() or "" for patch in figure.axes[0].patches}
    assert tiles == {hatch for hatch, _ in signs}


def test_arrows_of_the_wheel_run_from_edge_to_edge(made):
    wheel = made.plot(view="wheel")
    arrows = [patch for patch in wheel.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    discs = [patch for patch in wheel.axes[0].patches if isinstance(patch, Circle)]
    assert arrows and all(arrow.patchA in discs and arrow.patchB in discs for arrow in arrows)


def test_null_distributions_say_by_what_p_values_are_divided(made):
    one = made.outcomes[0]
    tests = tuple(dataclasses.replace(test, n_ways=2, weight=0.2) for test in one.tests if test.claim != "periodic")
    shared = made.with_parts(outcomes=(dataclasses.replace(one, tests=tests), *made.outcomes[1:]))
    titles = [rd.plot.null_distribution(found).get_suptitle() for found in (made, shared)]
    assert ["divided by 0.2" in title for title in titles] == [False, True]


def test_null_distributions_say_what_is_what(made):
    title = made.plot(view="null").get_suptitle()
    assert title.endswith("(the line: the data; the bars: surrogates)")
