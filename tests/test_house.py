"""What holds for every room: imports in any order, names that stay what they are, pages that are whole."""

import ast
import importlib
import inspect
import pkgutil
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

import reldyn as rd

SOURCE = Path(rd.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
# A room that has no module yet has nothing to hand on.
ROOMS = sorted({path.parent.name for path in SOURCE.glob("*/_*.py") if path.name != "__init__.py"})
ROOMS += sorted(path.stem for path in SOURCE.glob("[!_]*.py"))
MODULES = sorted(
    module.name for module in pkgutil.walk_packages([str(SOURCE)], "reldyn.") if module.name != "reldyn.__main__"
)


def _public() -> dict[str, object]:
    """Every public object by the shortest path a user would type."""
    found: dict[int, tuple[str, object]] = {}
    for home in ["reldyn", *(f"reldyn.{room}" for room in ROOMS)]:
        module = importlib.import_module(home)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                found.setdefault(id(value), (f"{home}.{name}", value))
    return dict(sorted(found.values()))


PUBLIC = _public()
FUNCTIONS = {path: value for path, value in PUBLIC.items() if inspect.isfunction(value)}
# Exceptions and abstract bases have no parameters of their own to describe.
CLASSES = {
    path: value
    for path, value in PUBLIC.items()
    if inspect.isclass(value) and not issubclass(value, BaseException) and "__init__" in vars(value)
}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_modules_can_be_imported_in_any_order_and_names_stay_what_they_are(seed):
    modules = MODULES.copy()
    random.Random(seed).shuffle(modules)
    code = f"""
import importlib, inspect, sys
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "numba":  # compiled twins need the extra `fast`; nothing else may
            raise
import reldyn as rd
for name in rd.__all__:
    first = getattr(rd, name)
    if first is not getattr(rd, name):
        sys.exit(f"rd.{{name}} is another object the second time")
    if name in rd._HOMES and inspect.ismodule(first):
        sys.exit(f"rd.{{name}} is a module, a function or class was expected")
    if name in rd._ROOMS and first is not sys.modules["reldyn." + name]:
        sys.exit(f"rd.{{name}} is not the room of that name")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_hands_on_what_exists_and_no_name_of_a_module_inside(room):
    module = importlib.import_module(f"reldyn.{room}")
    handed_on = module.__all__
    assert len(set(handed_on)) == len(handed_on)
    assert [name for name in handed_on if not hasattr(module, name)] == []
    inside = {found.name: found.ispkg for found in pkgutil.iter_modules(getattr(module, "__path__", []))}
    assert set(inside) & set(handed_on) == set()
    # Folders group the modules of a room and may have a public face; modules are private.
    assert [name for name, folder in inside.items() if not (folder or name.startswith("_") or name == "cli")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_library_code_neither_prints_nor_asserts_nor_runs_text(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert calls & {"print", "eval", "exec", "breakpoint"} == set()
    assert imported & {"pickle", "shelve", "marshal"} == set()
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_opens_with_what_lives_there(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FUNCTIONS)
def test_a_function_describes_every_parameter_and_what_it_returns(path):
    function = FUNCTIONS[path]
    text = inspect.getdoc(function) or ""
    assert _undescribed(text, function) == []
    assert re.search(r"^(Returns|Yields)\n-+$", text, re.MULTILINE) or _returns_nothing(function)
    assert re.search(r"^Examples\n-+$", text, re.MULTILINE)


@pytest.mark.parametrize("path", CLASSES)
def test_a_class_describes_every_parameter_and_every_verb(path):
    value = CLASSES[path]
    inherited = "\n\n".join(inspect.cleandoc(vars(kind).get("__doc__") or "") for kind in value.__mro__[:-1])
    assert _undescribed(inherited, value) == []
    verbs = [name for name, verb in inspect.getmembers(value, callable) if not name.startswith("_")]
    assert [name for name in verbs if not inspect.getdoc(getattr(value, name))] == []


def _undescribed(text: str, value) -> list[str]:
    described = set()
    for block in re.findall(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=\n\S[^\n]*\n-+\n|\Z)", text, re.M | re.S):
        for line in re.findall(r"^(\*{0,2}\w[^\n:]*?)(?: :|$)", block, re.MULTILINE):
            described |= {name.strip().lstrip("*") for name in line.split(",")}
    return [name for name in inspect.signature(value).parameters if name not in {"self", *described}]


def _returns_nothing(function) -> bool:
    return inspect.signature(function).return_annotation in (None, "None")
