"""One study file runs every analysis of the library."""

import importlib.util
import json
from pathlib import Path

import pytest

import reldyn as rd
from reldyn._registry import analyses_by_name
from reldyn.study.running._sentences import MAIN

_spec = importlib.util.spec_from_file_location("every_analysis", Path(__file__).with_name("every_analysis.py"))
every = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(every)


def test_every_analysis_is_asked_for_somewhere():
    names = {name for name in analyses_by_name() if not name.startswith("toy.")}
    assert {*every.of_series(), *every.of_one_occasion(), *every.LONG} >= names


def check_record(record):
    """A sentence, no single dyad, and intervals that hold their estimate."""
    assert record["sentence"].endswith(".")
    assert record["rows"] is None
    table = record["table"] or {"columns": [], "rows": []}
    assert not {"dyad", "person"} & set(table["columns"])
    main = MAIN.get(record["verb"], "estimate")
    for row in (dict(zip(table["columns"], values, strict=True)) for values in table["rows"]):
        if None not in (row.get(main), row.get("conf_low"), row.get("conf_high")):
            assert float(row["conf_low"]) <= float(row[main]) <= float(row["conf_high"]), (record["verb"], row)


def run_all(folder, frame, names):
    frame.to_csv(folder / "d.csv", index=False)
    (folder / "s.toml").write_text(every.every_study(names), encoding="utf-8")
    run = rd.run_study(folder / "s.toml")
    report = run.path.read_text(encoding="utf-8")
    assert list(run.results) == [f"a{number}" for number in range(len(names))]
    for number, name in enumerate(names):
        assert f"Analysis a{number}" in report
        saved = rd.from_json(run.output / "results" / f"a{number}.json")
        assert isinstance(saved, analyses_by_name()[name].result_class())
        check_record(json.loads((run.output / "results" / f"a{number}.report.json").read_text(encoding="utf-8")))
    return run


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning", "ignore::reldyn.ConvergenceWarning")
def test_models_of_one_occasion(tmp_path):
    frame = every.every_frame(150, 1)
    frame["time"] = 1
    run_all(tmp_path, frame, every.of_one_occasion())


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning", "ignore::reldyn.ConvergenceWarning")
def test_analyses_of_series(tmp_path):
    run = run_all(tmp_path, every.every_frame(), every.of_series())
    assert rd.run_study(tmp_path / "s.toml").kept == tuple(run.results)
