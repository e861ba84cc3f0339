"""The lazy root: quick to import, complete for completion, the same object every time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reldyn as rd

HEAVY = ("scipy", "statsmodels", "pingouin", "seaborn", "matplotlib", "numba")
SOURCE = Path(rd.__file__).parent


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_root_brings_in_none_of_the_heavy_packages():
    code = f"import reldyn, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run_python(code) == "[]\n"


def test_an_actor_partner_model_needs_no_package_of_figures():
    code = """
import sys, reldyn as rd
panel = rd.simulate.apim(n_dyads=20, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel
rd.apim(panel, outcome="y", predictors=["x"]).summary()
rd.dynamics.icc(panel, "y").summary()
print([name for name in ("seaborn", "pingouin", "matplotlib") if name in sys.modules])
"""
    assert run_python(code) == "[]\n"


def test_completion_sees_every_public_name():
    assert dir(rd) == sorted(set(rd.__all__))
    assert set(rd.__all__) == {"__version__", *rd._HOMES, *rd._ROOMS}


def test_type_checkers_see_every_lazy_name():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: "" if node.module == "reldyn" else node.module.removeprefix("reldyn.")
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {**rd._HOMES, **dict.fromkeys(rd._ROOMS, "")}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError) as caught:
        _ = rd.warmth
    assert str(caught.value) == "module 'reldyn' has no attribute 'warmth'"


def test_the_version_is_that_of_the_metadata():
    metadata = SOURCE.parents[1] / "pyproject.toml"
    assert f'\nversion = "{rd.__version__}"\n' in metadata.read_text(encoding="utf-8")


def test_the_logger_is_silent_by_default():
    code = "import logging, reldyn; logging.getLogger('reldyn.panel').warning('nothing to see')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert (done.stdout, done.stderr) == ("", "")
