"""Network density: the pooled and the persons' networks of the reference, and their edges."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ITEMS = ["pa1", "pa2", "pa3"]


@pytest.fixture(scope="module")
def found(esm):
    return rd.dynamics.network_density(esm, ITEMS)


def test_the_pooled_network_agrees_with_r(found, reference):
    wanted = reference["network_pooled"]
    np.testing.assert_allclose(found.coefficients(), wanted["B"], rtol=1e-9)
    sample = found.tidy().iloc[0]
    names = ["density", "density_cross", "density_auto"]
    theirs = [wanted[key] for key in ("density_all", "density_cross", "density_auto")]
    np.testing.assert_allclose(sample[names].astype(float), theirs, rtol=1e-9)
    assert sample["n_pairs"] == 1353


def test_the_persons_networks_agree_with_r(found, reference):
    persons = found.tidy().query("level == 'person'").set_index("person")
    kept = persons.drop([3, 5, 7])
    np.testing.assert_allclose(kept["density"].astype(float), reference["network_person"], rtol=1e-8)
    assert persons.loc[[3, 5, 7], "density"].isna().all()
    assert persons.loc[[3, 5, 7], "note"].tolist() == ["a variable never varies"] * 2 + ["0 pairs, at least 5 needed"]
    assert found.warnings == ("3 of 60 persons have no network; their rows say why.",)


def test_independent_noise_has_the_density_called_noise():
    rng = np.random.default_rng(8)
    person, time = (part.ravel() for part in np.indices((60, 60)))
    frame = pd.DataFrame(rng.normal(size=(len(person), 3)), columns=list("abc"))
    frame = frame.assign(dyad=person // 2, person=person, time=time)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="time")
    persons = rd.dynamics.network_density(panel, list("abc")).tidy().iloc[1:]
    assert persons["density"].mean() == pytest.approx(persons["noise"].mean(), rel=0.06)


def test_a_missing_variable_breaks_the_pair(esm):
    frame = esm.frame
    frame.loc[frame["beep"] == 3, "percept"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", day="day", beep="beep")
    n_pairs = rd.dynamics.network_density(panel, ["pa1", "percept"]).tidy()["n_pairs"].iloc[1:]
    grid = frame.assign(whole=frame["pa1"].notna() & frame["percept"].notna())
    wide = grid.pivot_table(index=["person", "day"], columns="beep", values="whole").astype(bool)
    pairs = (wide.to_numpy()[:, 1:] & wide.to_numpy()[:, :-1]).sum(axis=1)
    expected = pd.Series(pairs).groupby(wide.index.get_level_values("person")).sum()
    assert n_pairs.tolist() == expected.tolist()


def test_dependent_variables_have_no_network(esm):
    panel = rd.DyadPanel(
        esm.frame.assign(double=2 * esm.frame["pa1"]), dyad="dyad", person="person", day="day", beep="beep"
    )
    with pytest.raises(rd.DesignError, match="no person has enough pairs of pa1, double for a network"):
        rd.dynamics.network_density(panel, ["pa1", "double"])


def test_one_variable_is_no_network(esm):
    with pytest.raises(rd.DesignError, match="a network needs at least two variables"):
        rd.dynamics.network_density(esm, ["pa"])


def test_json_round_trip(found):
    again = rd.from_json(found.to_json())
    pd.testing.assert_frame_equal(again.coefficients(), found.coefficients())
    assert again.tidy()["density"].tolist()[0] == found.tidy()["density"].tolist()[0]
    assert found.summary().startswith("Density of the lagged network of pa1, pa2, pa3")


def test_a_small_unit_is_no_lack_of_variance(esm):
    small = esm._with_columns({name: esm.values(name) * 1e-12 for name in ITEMS})
    columns = ["density", "density_cross", "density_auto", "noise"]
    near, away = (rd.dynamics.network_density(one, ITEMS).tidy() for one in (esm, small))
    np.testing.assert_allclose(away[columns].astype(float), near[columns].astype(float), rtol=1e-8)
    assert away["term"].is_unique
    assert away["note"].tolist() == near["note"].tolist()
