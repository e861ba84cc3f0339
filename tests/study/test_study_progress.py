"""Check that the bar keeps quiet on quick runs and speaks during a single long step."""

import time

import tqdm.auto

from reldyn.study import _progress


def test_a_quick_run_shows_nothing(capsys):
    with _progress.progress(2) as step:
        step("one")
        step("two")
    assert capsys.readouterr().err == ""


def test_a_long_step_is_shown_while_it_runs(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_DELAY", 0.01)
    with _progress.progress(2) as step:
        step("model conflict")
        time.sleep(0.3)
        shown = capsys.readouterr().err
    assert "model conflict [0/2]" in shown


def test_bars_may_be_switched_off(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_DELAY", 0.01)
    bar = tqdm.auto.tqdm
    monkeypatch.setattr(tqdm.auto, "tqdm", lambda **options: bar(**options, disable=True))
    with _progress.progress(2) as step:
        step("one")
        time.sleep(0.05)
        step("two")
    assert capsys.readouterr().err == ""
