"""The command ``reldyn``: demo, new, check, import, run. Results on standard output, faults on standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import reldyn
from reldyn.errors import DataError, DesignError, ReldynError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["app", "main"]

app = typer.Typer(
    name="reldyn",
    help="Dyadic time series of affect: check a study's data, run its models, write its report.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 only on success.

    Parameters
    ----------
    arguments : sequence of str, optional
        None: those the process was started with.
    """
    _survive_narrow_encodings()
    command = typer.main.get_command(app)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("default", reldyn.DataWarning)
            warnings.simplefilter("default", reldyn.ConvergenceWarning)
            code = command.main(
                args=list(arguments) if arguments is not None else None, prog_name="reldyn", standalone_mode=False
            )
    except ReldynError as problem:
        return _complain(str(problem))
    except KeyboardInterrupt:
        return _complain("interrupted; nothing unfinished was given a final name.", 130)
    except OSError as problem:
        name = f"{problem.filename}: " if problem.filename else ""
        return _complain(f"{name}{problem.strerror or problem}")
    except Exception as problem:
        usage = getattr(problem, "format_message", None)
        if usage is not None:
            return _complain(f"{_sentence(usage())} See reldyn --help.", 2)
        from reldyn.study.running import AnalysisFault

        logging.getLogger("reldyn").debug("unexpected failure", exc_info=True)
        if isinstance(problem, AnalysisFault):
            return _complain(str(problem), 70)
        kind = type(problem).__name__
        return _complain(
            f"a fault of reldyn itself ({kind}: {problem}); please report it with the versions it needs.", 70
        )
    return code if isinstance(code, int) else 0


def _survive_narrow_encodings() -> None:
    """Terminals that know no UTF-8 get escapes instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, (reldyn.DataWarning, reldyn.ConvergenceWarning)):
        typer.echo(f"reldyn: note: {message}", err=True)


def _complain(message: str, code: int = 1) -> int:
    typer.echo(f"reldyn: {message}", err=True)
    return code


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(f"reldyn {reldyn.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.BadParameter("name a command: demo, new, import, check or run")


@app.command(short_help="Run an example on the sample study.")
def demo(
    output: Annotated[Path, typer.Option("--output", help="Folder for the report.")] = Path("reldyn-demo"),
    full: Annotated[bool, typer.Option("--full", help="All 140 couples and 999 surrogates: a long run.")] = False,
) -> None:
    """Run the main job on the sample study: affect, synchrony, an actor-partner model, cycles of warmth, a report."""
    from reldyn.study._demo import demo_lines, run_demo

    finished = run_demo(output, full=full)
    for line in demo_lines(finished):
        typer.echo(line)
    typer.echo(f"Report: {finished.path}")


@app.command(short_help="Write a study file that runs as it stands.")
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make or to fill.", metavar="DIR", show_default=False)],
) -> None:
    """Write a study file that runs as it stands, to be changed into your own. No file is overwritten."""
    from reldyn.study._new import new_study

    path = new_study(folder)
    typer.echo(f"Study file: {path}")
    typer.echo("It runs on the sample study until you put your own data in place of it.")


@app.command(short_help="Run a study file and write its report.")
def run(
    study: Annotated[Path, typer.Argument(help="Study file (TOML).", metavar="STUDY.TOML", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", help="Folder to write; default: STUDY-output.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything anew.")] = False,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Refuse to run if data, study file, key, versions or kernels changed.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Without effect.", hidden=True)] = False,
) -> None:
    """Run a study file and write its report. Analyses that an earlier run has computed are kept."""
    finished = reldyn.run_study(study, output=output, fresh=fresh, frozen=frozen, resume=resume)
    for name, result in finished.results.items():
        glance = result.glance()
        failed = "converged" in glance and not bool(glance["converged"].iloc[0])
        # An analysis that tests many series has a fit for each of them.
        unfinished = " NOT EVERY FIT CONVERGED" if "n_tested" in glance else " DID NOT CONVERGE"
        state = f"{unfinished if failed else ''}{' (kept)' if name in finished.kept else ''}"
        typer.echo(f"Analysis {name}: {result.summary().partition(chr(10))[0]}{state}")
    _print_counts(finished.findings)
    typer.echo(f"Report: {finished.path}")


@app.command(short_help="Print what to ask about the data.")
def check(
    file: Annotated[Path, typer.Argument(help="Data file, or a study file (TOML).", show_default=False)],
    dyad: Annotated[str | None, typer.Option(help="Column with the dyad's id.")] = None,
    person: Annotated[str | None, typer.Option(help="Column with the person's id.")] = None,
    role: Annotated[str | None, typer.Option(help="Column that tells the members apart.")] = None,
    time: Annotated[str | None, typer.Option(help="Column with the occasion or time.")] = None,
    day: Annotated[str | None, typer.Option(help="Column with the day.")] = None,
    beep: Annotated[str | None, typer.Option(help="Column with the beep number.")] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Rewrite a study file of version 1, and keep the old one.")
    ] = False,
) -> None:
    """Print what a careful analyst would ask about the data. Exit code 1 if there are errors among it."""
    if upgrade:
        _upgrade(file)
    columns = {"dyad": dyad, "person": person, "role": role, "time": time, "day": day, "beep": beep}
    named: dict[str, Any] = {what: column for what, column in columns.items() if column is not None}
    findings, rows = _findings_of_study(file, named) if file.suffix.lower() == ".toml" else _findings_of(file, named)
    typer.echo(f"{file}: {rows:,} rows")
    for finding in findings.to_dict("records"):
        typer.echo(f"{finding['severity']}  {finding['code']}: {finding['message']} {finding['fix']}".rstrip())
    _print_counts(findings)
    if faults := int((findings["severity"] == "error").sum()):
        raise DataError(
            f"{file}: {faults} {'fault keeps' if faults == 1 else 'faults keep'} the rows from making a panel."
        )


@app.command("import", short_help="Turn an export of a platform into a CSV.")
def import_export(
    preset: Annotated[
        str, typer.Argument(help="Platform: m-path, formr, qualtrics, redcap or generic.", show_default=False)
    ],
    file: Annotated[Path, typer.Argument(help="Export of the platform.", show_default=False)],
    dyads: Annotated[Path | None, typer.Option(help="Table with the columns dyad, person and role.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML file with what differs from the preset.")] = None,
    output: Annotated[Path | None, typer.Option(help="CSV to write; default: FILE-panel.csv.")] = None,
) -> None:
    """Turn the export of a survey platform into a CSV that makes a panel. No file is overwritten."""
    from reldyn.study._import import import_file

    try:
        lines = import_file(preset, file, dyads=dyads, mapping=mapping, output=output)
    except ReldynError as problem:
        if "mapping={" not in str(problem):
            raise
        kind = DesignError if isinstance(problem, DesignError) else DataError
        raise kind(f"{problem} On the command line these keys stand in a TOML file: --mapping FILE.") from None
    for line in lines:
        typer.echo(line)


def _upgrade(file: Path) -> None:
    from reldyn.study._toml import StudyText, named_models, parsed
    from reldyn.study.asking import upgrade_file

    where = StudyText.read(file)
    for line in upgrade_file(file, where.text, named_models(parsed(where), where)):
        typer.echo(line)


def _findings_of_study(file: Path, named: dict[str, Any]) -> tuple[pd.DataFrame, int]:
    from reldyn.study._data import aligned, findings_of, read_rows
    from reldyn.study._ready import checked_study
    from reldyn.study._toml import read_draft

    if named:
        raise DesignError(f"{file}: a study file names its columns itself; leave out --{next(iter(named))}.")
    draft = read_draft(file)
    if draft.study is None:
        raise draft.where.error(draft.faults)
    sections = draft.study.file
    frame = read_rows(sections, file.parent)
    rows, _ = aligned(sections, frame, draft.where)
    findings = findings_of(sections, rows, draft.where)
    if not (findings["severity"] == "error").any():
        checked_study(draft, file.parent, keep_key=False)
    elif draft.faults:
        raise draft.where.error(draft.faults)
    return findings, len(frame)


def _findings_of(file: Path, named: dict[str, Any]) -> tuple[pd.DataFrame, int]:
    frame = reldyn.read_table(file)
    absent = [what for what in ("dyad", "person") if what not in named]
    if absent:
        columns = ", ".join(str(name) for name in frame.columns[:30])
        raise DataError(f"{file}: name the columns with --{' and --'.join(absent)}. The file has: {columns}.")
    return reldyn.check_panel(frame, **named), len(frame)


def _print_counts(findings: pd.DataFrame) -> None:
    counts = {level: int((findings["severity"] == level).sum()) for level in ("error", "warning", "note")}
    typer.echo("Findings: " + ", ".join(f"{n} {level}{'' if n == 1 else 's'}" for level, n in counts.items()))
