"""Write the pages that follow from the code: the reference, the table of findings, the benchmarks."""

import importlib
import importlib.util
import inspect
import json

import _calibration
import _rates

import reldyn

ROOMS = (
    "panel",
    "simulate",
    "actor_partner",
    "cycles",
    "dynamics",
    "coupling",
    "perception",
    "intervention",
    "power",
    "mixed",
    "markov",
    "surrogate",
    "stats",
    "resample",
    "results",
    "plot",
    "study",
)


def write_all(docs):
    """Write every generated page under ``docs/api/generated``."""
    folder = docs / "api" / "generated"
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    rooms = [room for room in ROOMS if importlib.util.find_spec(f"reldyn.{room}") is not None]
    _write(folder / "reldyn.rst", _root_page())
    for room in rooms:
        _write(folder / f"reldyn.{room}.rst", _room_page(room))
    entries = "".join(f"   generated/reldyn.{room}\n" for room in rooms)
    _write(folder / "parts" / "toctree.txt", f".. toctree::\n   :maxdepth: 1\n\n   generated/reldyn\n{entries}")
    _write(folder / "parts" / "notebooks.txt", _notebook_list(docs / "notebooks"))
    _write(folder / "parts" / "findings.txt", _findings_table())
    _write(folder / "parts" / "analyses.txt", _analyses_table())
    _write(folder / "parts" / "calibration.txt", _calibration.tables(docs.parent, _table))
    _write(folder / "parts" / "rates.md", _rates.sentences(docs.parent))
    _write(folder / "parts" / "benchmarks.txt", _benchmark_tables(docs.parent / "benchmarks" / "results"))


def _write(path, text):
    """Leave an unchanged file alone, so that Sphinx need not read it again."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="\n")


def _root_page():
    names = [name for name in reldyn.__all__ if name not in reldyn._ROOMS and not name.startswith("__")]
    lead = "The names of ``import reldyn as rd``. Everything else is reached through its room."
    return _page("reldyn", reldyn, names, lead)


def _room_page(room):
    module = importlib.import_module(f"reldyn.{room}")
    names = [name for name in getattr(module, "__all__", []) if not inspect.ismodule(getattr(module, name))]
    at_root = [name for name in names if reldyn._HOMES.get(name) == room]
    lead = inspect.getdoc(module) or ""
    if at_root:
        listed = ", ".join(f":py:obj:`~reldyn.{name}`" for name in sorted(at_root))
        lead += f"\n\nAlso names of the root, and described there: {listed}."
    if room == "stats":
        shared = set(importlib.import_module("reldyn.resample").__all__)
        listed = ", ".join(f":py:obj:`~reldyn.resample.{name}`" for name in names if name in shared)
        lead += f"\n\nAlso names of ``reldyn.resample``, and described there: {listed}."
        at_root += shared
    return _page(f"reldyn.{room}", module, [name for name in names if name not in at_root], lead)


def _page(title, module, names, lead):
    parts = [title, "=" * len(title), "", lead, "", f".. currentmodule:: {title}", ""]
    if names:
        parts += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
    for name in names:
        value = getattr(module, name)
        if inspect.isclass(value):
            parts += [f".. autoclass:: {name}", "   :members:", "   :inherited-members: Exception, UserWarning", ""]
        elif callable(value):
            parts += [f".. autofunction:: {name}", ""]
        else:
            # A constant has no text of its own: autodata would show that of its type.
            parts += [f".. py:data:: {name}", ""]
    return "\n".join(parts)


def _notebook_list(folder):
    executed = sorted(path.stem for path in folder.glob("*.ipynb"))
    if not executed:
        return "They appear here once ``python tools/docs.py`` has run them.\n"
    return ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   notebooks/{name}\n" for name in executed)


def _analyses_table():
    import reldyn as rd

    table = rd.analyses()
    table["name"] = [f"``{name}``" for name in table["name"]]
    return _table(["name", "question", "result", "figure"], table.to_dict("records"))


def _findings_table():
    codes = importlib.import_module("reldyn.panel").finding_codes()
    return _table(["code", "severity", "meaning", "fix"], codes.to_dict("records"))


def _benchmark_tables(folder):
    parts = []
    for path in sorted(folder.glob("*.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        parts += [f"**{stored['title']}** (``{stored['command']}``)", "", stored["says"], ""]
        parts += [_table(["figure", "measured", "goal", "met"], stored["figures"]), ""]
        machine = stored["machine"]
        versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
        parts += [f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {versions}.", ""]
    return "\n".join(parts)


def _table(columns, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        for position, column in enumerate(columns):
            lines.append(f"   {'*' if position == 0 else ' '} - {_cell(row.get(column, ''))}")
    return "\n".join(lines) + "\n"


def _cell(value):
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("*", r"\*").replace("|", r"\|")
