"""The two commands: short, standard library only, and honest about what they run."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "dev.py"


@pytest.fixture
def dev(monkeypatch, tmp_path):
    """The script as a module whose checkout is an empty folder with a blank and an umlaut."""
    spec = importlib.util.spec_from_file_location("dev_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checkout = tmp_path / "für zwei"
    checkout.mkdir()
    (checkout / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", checkout)
    return module


def test_it_is_under_100_lines():
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 100


def test_it_imports_the_standard_library_only():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("job", "folder", "target", "last"),
    [("demo", ".venv-demo", ".", "-m reldyn demo"), ("test", ".venv-test", ".[test]", "-m pytest -n 2")],
)
def test_a_dry_run_prints_the_plain_commands_and_makes_nothing(dev, capsys, job, folder, target, last):
    assert dev.main([job, "--dry-run"]) == 0
    make, install, run = capsys.readouterr().out.splitlines()
    assert make == f"$ {dev.show([sys.executable, '-m', 'venv', '--clear', folder])}"
    interpreter = dev.python_of(dev.ROOT / folder)
    flags = ["-m", "pip", "install", "--disable-pip-version-check", target]
    assert install == f"$ {dev.show([interpreter, *flags])}"
    assert run == f"$ {dev.show([interpreter, *last.split()])}"
    assert not (dev.ROOT / folder).exists()


def test_arguments_after_the_job_go_on_to_it(dev, capsys):
    assert dev.main(["test", "--dry-run", "-k", "lag and day"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(dev.show(["-n", "2", "-k", "lag and day"]))


def test_the_second_run_installs_nothing_until_the_metadata_change(dev, monkeypatch):
    ran = []
    monkeypatch.setattr(dev, "run", lambda command, dry_run: ran.append(command) or 0)
    folder = dev.ROOT / ".venv-test"
    folder.mkdir()
    assert dev.prepare(folder, ".[test]", dry_run=False) == 0
    assert len(ran) == 2
    assert dev.prepare(folder, ".[test]", dry_run=False) == 0
    assert len(ran) == 2
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'other'\n", encoding="utf-8")
    assert dev.prepare(folder, ".[test]", dry_run=False) == 0
    assert len(ran) == 4


def test_jobs_run_the_code_of_the_checkout(dev, capfd):
    assert dev.run([sys.executable, "-c", "import sys; print(ascii(sys.path[1]))"], dry_run=False) == 0
    assert capfd.readouterr().out.splitlines()[-1] == ascii(str(dev.ROOT / "src"))


def test_a_failed_installation_leaves_no_stamp_and_its_exit_code(dev, monkeypatch):
    folder = dev.ROOT / ".venv-demo"
    folder.mkdir()
    monkeypatch.setattr(dev, "run", lambda command, dry_run: 3 if "pip" in command else 0)
    assert dev.main(["demo"]) == 3
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["tests"], ["--help"]])
def test_anything_else_is_answered_with_the_usage(arguments):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: python dev.py demo|test [--dry-run] [arguments of the job]\n"
