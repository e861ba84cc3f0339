"""One name stored in two ways of Unicode is one id wherever ids are matched or made."""

import unicodedata
import warnings

import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DataWarning
from reldyn.study._key import keyed_digest

ZOE, ANDRE, JURGEN, MULLER = "Zo\u00eb", "Andr\u00e9", "J\u00fcrgen", "M\u00fcller"


def apart(text):
    return unicodedata.normalize("NFD", text)


def test_pointers_lead_to_names_stored_in_the_other_way():
    frame = pd.DataFrame(
        {"id": [ZOE, ANDRE, JURGEN, apart(MULLER)], "other": [apart(ANDRE), ZOE, MULLER, apart(JURGEN)]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        paired = rd.pair_ids(frame, person="id", partner="other")
    assert paired["dyad"].tolist() == [1, 1, 2, 2]
    assert paired["id"].tolist() == frame["id"].tolist()


def test_an_id_stored_in_both_ways_becomes_one_and_is_said():
    frame = pd.DataFrame({"id": [ZOE, apart(ZOE), ANDRE, ANDRE], "other": [ANDRE, apart(ANDRE), ZOE, apart(ZOE)]})
    with pytest.warns(DataWarning, match="'id' stores 1 id in two ways of Unicode") as said:
        paired = rd.pair_ids(frame, person="id", partner="other")
    assert len(said) == 1
    assert paired["id"].tolist() == [ZOE, ZOE, ANDRE, ANDRE]
    assert paired["dyad"].nunique() == 1
    panel = rd.DyadPanel(paired.assign(t=[1, 2, 1, 2], y=[1.0, 2, 3, 4]), dyad="dyad", person="id", time="t")
    assert panel.n_persons == 2


def test_categories_and_missing_ids_stay(tmp_path):
    frame = pd.DataFrame({"id": pd.Categorical([ZOE, apart(ZOE), ANDRE]), "other": [ANDRE, ANDRE, ZOE]})
    with pytest.warns(DataWarning, match="two ways of Unicode"):
        assert rd.pair_ids(frame, person="id", partner="other")["id"].tolist() == [ZOE, ZOE, ANDRE]
    frame = pd.DataFrame({"id": [ZOE, apart(ZOE) + " ", ANDRE], "other": [ANDRE, ANDRE, ZOE]})
    with pytest.raises(DataError, match="blanks around them"):
        rd.pair_ids(frame, person="id", partner="other")


def test_the_table_of_dyads_finds_persons_stored_in_the_other_way(tmp_path):
    rows = "\n".join(f"{name},{day},{day}" for name in (apart(ZOE), ANDRE) for day in (1, 2))
    (tmp_path / "export.csv").write_text(f"id,day,mood\n{rows}\n", encoding="utf-8")
    dyads = pd.DataFrame({"dyad": [1, 1], "person": [ZOE, apart(ANDRE)], "role": ["a", "b"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = rd.study.read_export(tmp_path / "export.csv", preset="generic", dyads=dyads, mapping={"person": "id"})
    assert frame["dyad"].tolist() == [1, 1, 1, 1]
    assert frame["role"].tolist() == ["a", "a", "b", "b"]


def test_pseudonyms_are_those_of_the_name():
    assert keyed_digest(b"k", "person", ZOE) == keyed_digest(b"k", "person", apart(ZOE))
    frame = pd.DataFrame({"d": [1] * 4, "p": [ZOE, ANDRE] * 2, "t": [1, 1, 2, 2], "y": [1.0, 2, 3, 4]})
    panels = [rd.DyadPanel(frame.assign(p=frame["p"].map(way)), dyad="d", person="p", time="t") for way in (str, apart)]
    made = [rd.study.deidentify(panel, secret="k" * 20).frame["p"] for panel in panels]
    assert made[0].tolist() == made[1].tolist()
