"""The generator of actor-partner panels against least squares on large samples."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.simulate._apim import autoregressive


def paired(simulated):
    """Arrays (dyads, occasions, 2) of x and y."""
    frame = simulated.panel.frame
    shape = (simulated.panel.n_dyads, 2, -1)
    return tuple(np.moveaxis(frame[name].to_numpy().reshape(shape), 1, 2) for name in ("x", "y"))


def least_squares(outcome, *predictors):
    design = np.column_stack([np.ones(outcome.size), *(item.ravel() for item in predictors)])
    return np.linalg.lstsq(design, outcome.ravel(), rcond=None)[0]


def test_cross_section_recovers_every_parameter():
    simulated = rd.simulate.apim(
        n_dyads=40_000, actor=(0.5, 0.3), partner=(0.2, -0.1), intercept=(1.0, 2.0), sd_x=(1.0, 2.0),
        r_predictors=0.4, sd_residual=(1.0, 1.5), r_residuals=-0.3, seed=1,
    )  # fmt: skip
    x, y = paired(simulated)
    residuals = []
    for role, other in ((0, 1), (1, 0)):
        found = least_squares(y[..., role], x[..., role], x[..., other])
        truth = simulated.truth
        np.testing.assert_allclose(found, [truth.intercept[role], truth.actor[role], truth.partner[role]], atol=0.03)
        residuals.append(
            y[..., role].ravel() - found[0] - found[1] * x[..., role].ravel() - found[2] * x[..., other].ravel()
        )
    assert np.corrcoef(x[:, 0].T)[0, 1] == pytest.approx(0.4, abs=0.02)
    assert np.corrcoef(residuals)[0, 1] == pytest.approx(-0.3, abs=0.02)
    np.testing.assert_allclose(np.std(residuals, axis=1), [1.0, 1.5], rtol=0.02)
    np.testing.assert_allclose(x.std(axis=(0, 1)), [1.0, 2.0], rtol=0.02)


def test_cross_section_has_no_time():
    simulated = rd.simulate.apim(n_dyads=5, actor=0.3, partner=0.1, seed=1)
    frame = simulated.panel.frame
    assert frame.columns.tolist() == ["dyad", "person", "role", "time", "x", "y"]
    assert len(frame) == 10
    assert frame["time"].eq(1).all()
    assert simulated.panel.roles == ("a", "b")
    assert set(simulated.truth.random_effects["intercept"]) == {0.0}


def test_diary_separates_within_and_between():
    simulated = rd.simulate.apim(
        n_dyads=4000, n_occasions=20, actor=(0.4, 0.2), partner=(0.15, 0.05), actor_between=(1.0, 0.8),
        partner_between=(-0.3, 0.0), between_share=0.4, phi=0.3, sd_actor=0.1, seed=2,
    )  # fmt: skip
    x, y = paired(simulated)
    within_x, within_y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    truth = simulated.truth
    for role, other in ((0, 1), (1, 0)):
        _, actor, partner = least_squares(within_y[..., role], within_x[..., role], within_x[..., other])
        assert actor == pytest.approx(truth.actor[role], abs=0.02)
        assert partner == pytest.approx(truth.partner[role], abs=0.02)
    means_x, means_y = x.mean(axis=1), y.mean(axis=1)
    # Means of 20 occasions mix .4 of between and .03 of within variance: their slopes shrink towards the within ones.
    weight = 0.4 / (0.4 + 0.6 / 20)
    for role, other in ((0, 1), (1, 0)):
        _, actor, partner = least_squares(means_y[:, role], means_x[:, role], means_x[:, other])
        expected = weight * np.array([truth.actor_between[role], truth.partner_between[role]])
        expected += (1 - weight) * np.array([truth.actor[role], truth.partner[role]])
        np.testing.assert_allclose([actor, partner], expected, atol=0.05)


def test_random_effects_have_their_spread_and_correlation():
    simulated = rd.simulate.apim(
        n_dyads=20_000, n_occasions=2, actor=0.3, partner=0.2, sd_intercept=(0.5, 1.0), sd_actor=0.2,
        sd_partner=(0.0, 0.1), r_random=0.6, seed=3,
    )  # fmt: skip
    wide = simulated.truth.random_effects.pivot(index="dyad", columns="role", values=["intercept", "actor", "partner"])
    np.testing.assert_allclose(wide.std().to_numpy(), [0.5, 1.0, 0.2, 0.2, 0.0, 0.1], rtol=0.02, atol=1e-12)
    assert wide["intercept"].corr().iloc[0, 1] == pytest.approx(0.6, abs=0.02)
    assert wide["actor"].corr().iloc[0, 1] == pytest.approx(0.6, abs=0.02)
    assert abs(np.corrcoef(wide[("intercept", "a")], wide[("actor", "a")])[0, 1]) < 0.03


def test_autoregressive_pairs_are_stationary():
    standard = np.random.default_rng(4).standard_normal((20_000, 6, 2))
    pairs = autoregressive(standard, (0.6, 0.3), 0.5, "r_residuals")
    np.testing.assert_allclose(pairs.var(axis=0), 1, atol=0.05)
    for occasion in (0, 5):
        assert np.corrcoef(pairs[:, occasion].T)[0, 1] == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(pairs[:, 5, 0], pairs[:, 4, 0])[0, 1] == pytest.approx(0.6, abs=0.02)
    assert np.corrcoef(pairs[:, 5, 1], pairs[:, 4, 1])[0, 1] == pytest.approx(0.3, abs=0.02)


def test_exchangeable_members_have_no_role():
    simulated = rd.simulate.apim(n_dyads=4, n_occasions=3, actor=0.3, partner=0.1, roles="exchangeable", seed=1)
    assert set(simulated.panel.frame["role"]) == {"member"}
    assert len(simulated.panel.roles) <= 1
    with pytest.raises(
        rd.DesignError, match=r"actor=\(0.3, 0.2\) differs between members that are exchangeable: give one number."
    ):
        rd.simulate.apim(n_dyads=4, actor=(0.3, 0.2), partner=0.1, roles="exchangeable")


@pytest.mark.parametrize("pattern", ["random", "bursts", "affect"])
def test_missing_occasions_keep_their_rows(pattern):
    simulated = rd.simulate.apim(
        n_dyads=200, n_occasions=30, actor=0.3, partner=0.1, missing=0.25, missing_pattern=pattern, seed=5
    )
    frame = simulated.panel.frame
    assert len(frame) == 200 * 2 * 30
    assert frame["y"].isna().equals(frame["x"].isna())
    assert frame["y"].isna().mean() == pytest.approx(0.25, abs=0.02)
    whole = rd.simulate.apim(n_dyads=200, n_occasions=30, actor=0.3, partner=0.1, seed=5).panel.frame
    pd.testing.assert_series_equal(frame["y"].dropna(), whole["y"][frame["y"].notna()])


def test_dyads_do_not_depend_on_their_number():
    options = {"n_occasions": 5, "actor": 0.3, "partner": 0.1, "missing": 0.2}
    few = rd.simulate.apim(n_dyads=3, seed=6, **options)
    many = rd.simulate.apim(n_dyads=9, seed=6, **options)
    pd.testing.assert_frame_equal(few.panel.frame, many.panel.frame.query("dyad <= 3"))
    again = rd.simulate.apim(n_dyads=3, seed=few.truth.seed, **options)
    pd.testing.assert_frame_equal(few.panel.frame, again.panel.frame)


def test_truth_holds_every_argument():
    import inspect

    truth = rd.simulate.apim(n_dyads=3, actor=0.3, partner=(0.1, 0.2), seed=6).truth
    assert set(inspect.signature(rd.simulate.apim).parameters) <= set(truth)
    assert truth.partner == (0.1, 0.2)
    assert truth.actor_between == (0.3, 0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actor": "big"}, "actor='big' cannot be used: give a number, or a pair with one number per role."),
        ({"actor": (1, 2, 3)}, "actor=(1, 2, 3) cannot be used: give a number, or a pair with one number per role."),
        ({"r_residuals": 1.2}, "r_residuals=1.2 is no correlation: give a number from -1 to 1."),
        ({"sd_x": -1}, "sd_x=(-1.0, -1.0) is no standard deviation: give numbers from 0."),
        ({"phi": 1}, "phi=(1.0, 1.0) is not stationary: give numbers between -1 and 1."),
        ({"r_random": "high"}, "r_random='high' is no correlation: give a number from -1 to 1."),
        ({"between_share": [0.1, 0.2]}, "between_share=[0.1, 0.2] is no share of variance: give a number from 0 to 1."),
        ({"between_share": 2}, "between_share=2 is no share of variance: give a number from 0 to 1."),
        (
            {"phi": (0.9, -0.9), "r_residuals": 0.8, "n_occasions": 5},
            "r_residuals=0.8 cannot occur with autocorrelations 0.9 and -0.9: bring them nearer, or lower it.",
        ),
        ({"roles": "equal"}, "roles='equal' is not known; allowed: 'distinguishable', 'exchangeable'."),
    ],
)
def test_what_cannot_be_simulated_is_refused(options, message):
    with pytest.raises(rd.DesignError) as caught:
        rd.simulate.apim(**({"n_dyads": 4, "actor": 0.3, "partner": 0.1} | options))
    assert str(caught.value) == message


def test_the_truth_is_printed_with_its_values():
    truth = rd.simulate.apim(n_dyads=3, actor=(0.4, 0.3), partner=0.2, seed=7).truth
    lines = str(truth).splitlines()
    assert "actor: (0.4, 0.3)" in lines and "seed: 7" in lines
    assert lines[-1] == "random_effects: 6 rows (dyad, person, role, intercept, actor, partner)"

    class Printer:
        text = staticmethod(lambda shown: lines.remove(shown.splitlines()[0]))

    truth._repr_pretty_(Printer, False)
    assert len(lines) == len(truth) - 1
