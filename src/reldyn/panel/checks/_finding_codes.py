"""The register of findings: what each code means, how grave it is and what mends it.

The checks name a code from here and nothing else; the documentation renders the same register.
The list follows the preprocessing steps of Revol, Carlier, Lafit, Verhees, Sels & Ceulemans (2024)
for experience sampling, widened by what only a dyad can get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn.errors import describe_rows
from reldyn.panel._lines import describe_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class FindingCode:
    """One kind of finding: its usual severity, what it means and what usually puts it right."""

    severity: Severity
    meaning: str
    fix: str


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One finding in one column.

    Attributes
    ----------
    code : str
        A key of `CODES`.
    column : str
        The column meant; several are joined by commas, empty where the whole table is meant.
    message : str
        What is wrong; the first rows are added when the table is built.
    rows : ndarray of int
        All row positions, ascending.
    severity, fix : str, optional
        Where they differ from the register.
    n : int, optional
        How often, where that is not the number of rows.
    """

    code: str
    column: str
    message: str
    rows: npt.NDArray[np.intp] | Sequence[int] = ()
    severity: Severity | None = None
    fix: str | None = None
    n: int | None = None


CODES: dict[str, FindingCode] = {
    "not-a-table": FindingCode(
        "error", "The object is no data frame.", "Pass a pandas data frame, or read a file with rd.read_table."
    ),
    "no-rows": FindingCode("error", "The table has no rows.", "Check the file and the filter that made it."),
    "missing-column": FindingCode(
        "error",
        "A named column is not in the table, or a column that must be named was not.",
        "Correct the name, or rename the column.",
    ),
    "duplicated-column": FindingCode(
        "error",
        "A column that is used has a header that appears more than once in the file.",
        "Rename the columns in the file, or drop the one you do not mean.",
    ),
    "duplicated-header": FindingCode(
        "note",
        "A header appears more than once, in columns that are not used.",
        "Rename the columns before using them.",
    ),
    "unnamed-header": FindingCode(
        "warning",
        "A column has no name in the header of the file and is called after its place; a note where it is blank or "
        "counts the rows.",
        "Name the column in the file, or drop it.",
    ),
    "bad-scale": FindingCode(
        "error", "A declared scale is not a low and a higher number.", 'Write scales={"warmth": (1, 7)}.'
    ),
    "bad-option": FindingCode(
        "error",
        "The options dates, timezone or workdays say something that cannot be, or that no column fits.",
        "Correct the option, or leave it out.",
    ),
    "missing-id": FindingCode(
        "error",
        "A row without dyad, person or role, or with a label that is blank or only writes a missing value (nan, None).",
        "Fill in the id or the role from the study's list of participants, or drop the rows.",
    ),
    "missing-occasion": FindingCode(
        "error",
        "A row without the time, day or beep that places it.",
        "Use the scheduled time or number, which is known for unanswered prompts too, or drop the rows.",
    ),
    "unparsable-time": FindingCode(
        "error",
        "A clock or occasion value that cannot be read as a time or a number; labels need an ordered categorical.",
        "Write times as 2026-11-23 18:30:00 (ISO 8601) or as numbers.",
    ),
    "ambiguous-dates": FindingCode(
        "error",
        "Dates of which more than one order of day, month and year makes sense, or no one order; no order is guessed.",
        "Name the form that the file uses, for example dates='%d.%m.%Y %H:%M' or dates={'sent': '%m/%d/%y'}, or write "
        "ISO dates (2026-11-23).",
    ),
    "person-in-two-dyads": FindingCode(
        "error",
        "A person has rows in more than one dyad; the rows are those outside the dyad with most of that person's rows.",
        "Correct the dyad or person id of these rows.",
    ),
    "duplicate-occasion": FindingCode(
        "error",
        "Several rows for one person and occasion; the rows are all of them.",
        "Keep one row per person and occasion, or name the columns that tell them apart (time, day, beep).",
    ),
    "dyad-size": FindingCode(
        "error",
        "A dyad has more than two members, or only one (then a warning: partner effects cannot use it).",
        "Correct the dyad ids; a dyad has two members.",
    ),
    "role-changes": FindingCode(
        "error",
        "A person's role differs between rows; the rows are those that depart from the commoner role.",
        "Give each person one role.",
    ),
    "label-spellings": FindingCode(
        "warning",
        "Labels of dyads, persons or roles that differ only in blanks or capitals, such as 'f', 'F' and 'f ', or in "
        "how Unicode writes letters with marks, or that are numbers in some cells and texts in others (7 and '7').",
        "Make them one: frame[name] = frame[name].str.strip().str.casefold().",
    ),
    "role-not-distinguishing": FindingCode(
        "note",
        "Both members of a dyad have the same role: a composition of its own, or a slip. A warning when no dyad "
        "has two roles.",
        "Check the roles of these dyads, or treat the members as exchangeable.",
    ),
    "many-roles": FindingCode(
        "warning", "The role column has more than ten values.", "Name a column of roles such as female and male."
    ),
    "person-within-dyad": FindingCode(
        "note",
        "The person column numbers members within the dyad; persons are told apart by dyad and label together.",
        "Nothing to fix; use study-wide ids if that is not what is meant.",
    ),
    "one-dyad": FindingCode(
        "note", "There is one dyad: effects cannot be generalised beyond it.", "Nothing to fix for a case study."
    ),
    "non-numeric": FindingCode(
        "error",
        "Text in a column of numbers.",
        "Correct these cells, or name the text as a missing code: rd.read_table(path, missing=(..., 'TEXT')).",
    ),
    "decimal-comma": FindingCode(
        "error", "Numbers written with a decimal comma.", "Read the file with rd.read_table(path, decimal=',')."
    ),
    "missing-code": FindingCode(
        "error",
        "A code for missing stands as text in a column of numbers.",
        "Name it when reading: rd.read_table(path, missing=(..., 'CODE')).",
    ),
    "numbers-as-text": FindingCode(
        "warning", "A column holds only numbers, stored as text.", "Convert it with pandas.to_numeric."
    ),
    "infinite": FindingCode("error", "An infinite value.", "Replace it by a missing value or the number meant."),
    "outside-scale": FindingCode(
        "error", "A value outside the declared scale.", "Correct the value, or the scale declared in scales=."
    ),
    "suspected-missing-code": FindingCode(
        "warning",
        "A number such as -99 or 999, far outside all others, or a label such as NA looks like a code for missing.",
        "Name it when reading: rd.read_table(path, missing=(..., -99)).",
    ),
    "all-missing": FindingCode("warning", "A column without a single value.", "Leave the column out of the models."),
    "constant": FindingCode(
        "warning",
        "A person's answers, or a whole column, never vary.",
        "Nothing can be estimated from a series that never varies; consider the analysis with and without it.",
    ),
    "near-constant": FindingCode(
        "warning",
        "A person's answers have a standard deviation below 1 % of the scale (declared, else observed; numbered items "
        "with a common stem, such as PA1 and PA2, share one).",
        "Slopes and inertia from such a series are unstable; consider the analysis with and without it.",
    ),
    "background-changes": FindingCode(
        "warning",
        "A column that is the same in all rows of most persons differs within a few; the rows are those that depart "
        "from the person's usual value, or follow the change.",
        "Correct these rows, or leave them where the background did change (a birthday).",
    ),
    "identical-partners": FindingCode(
        "warning",
        "Both partners have the same varying values at 10 or more occasions in a row that both answered, longer than "
        "chance would bring about. Columns in which most dyads agree throughout and that have no declared scale count "
        "as properties of the occasion.",
        "Check whether one partner's answers were copied to the other; coupling and partner effects of these rows are "
        "not those of two persons.",
    ),
    "unequal-scales": FindingCode(
        "warning",
        "Range and standard deviation of a column without a declared scale are both at least four times as large in "
        "one role as in the other, as with two instruments.",
        "Bring both roles onto one scale, or compare no raw effects between roles: the ratio of partner to actor "
        "effect and tests of equal effects depend on the units. Where one scale was used, declare it in scales=.",
    ),
    "careless-stretch": FindingCode(
        "warning",
        "Five or more answered prompts in a row with the same answers to all items that every prompt asks for, longer "
        "than the person's own habit of repeating these answers explains.",
        "Is it straight-lining, or did nothing change? List the stretches with panel.careless(items) and compare "
        "results with and without them; rd.detect_cycles leaves such stretches of its own columns out and counts them.",
    ),
    "clock-change": FindingCode(
        "warning",
        "Times without an offset in an hour that the change of the clock shows twice or skips.",
        "Check the time zone; write these times with their UTC offset.",
    ),
    "mixed-units": FindingCode(
        "warning",
        "Numbers that are dates in several units, such as seconds and milliseconds since 1970; each is read in its "
        "own, and the rows are those in the rarer ones.",
        "Check that the files behind these rows belong together.",
    ),
    "off-workdays": FindingCode(
        "warning",
        "Rows on days of the week that workdays= does not name: no lag leads to or from them, and they do not count "
        "as answered prompts.",
        "Drop these rows, or name the day in workdays=.",
    ),
    "few-lags": FindingCode(
        "warning",
        "Rows that follow on another of the same person by one step of the design, but have no lag, because the study "
        "counts its steps otherwise.",
        "Name the numbers of the schedule (day=, beep=), or find them from the time stamps with rd.align.",
    ),
    "utc-days": FindingCode(
        "warning",
        "Days are those of UTC, although answers come at hours at which people sleep there.",
        "Name the zone of the participants: timezone='Europe/Berlin'.",
    ),
    "times-read": FindingCode(
        "note",
        "How a column of times was read, where its values do not say so themselves.",
        "Nothing to fix if this is what is meant; else say so with dates= or timezone=.",
    ),
    "out-of-order": FindingCode(
        "warning",
        "A row that is earlier than the same person's preceding row in the file.",
        "The panel sorts the rows; check that the times are right.",
    ),
    "answered-before-sent": FindingCode(
        "warning",
        "An answer before its prompt was sent.",
        "Check time zones and clocks; set the answer to missing if it cannot be placed.",
    ),
    "answered-after-expiry": FindingCode(
        "warning",
        "An answer after its prompt had expired.",
        "Decide whether late answers count, and say so in the report.",
    ),
    "unmatched-stamps": FindingCode(
        "warning",
        "Rows that rd.align dropped, because they had no stamp or a stamp near no prompt.",
        "See the report of rd.align; choose prompts=, day_starts= or timezone=.",
    ),
    "repeated-answers": FindingCode(
        "warning",
        "Rows that rd.align dropped, because the same person had another row at the same prompt.",
        "Report the rule by which one of them was chosen (duplicates=).",
    ),
    "partners-apart": FindingCode(
        "warning",
        "Rows that rd.align dropped, because they came longer after the partner's row of the prompt than tolerated.",
        "Report the tolerance, and show how the results change with it.",
    ),
    "aligned": FindingCode(
        "note", "Day and beep were found by rd.align from time stamps.", "Report how, with the summary of rd.align."
    ),
    "distant-date": FindingCode(
        "warning",
        "A date of hardly any row lies farther from all others than these are apart, and half a year at least.",
        "Correct the year, or the clock of the phone; 1970-01-01 is a missing stamp.",
    ),
    "off-grid-times": FindingCode(
        "warning",
        "Times lie on no grid that all rows share, or on one finer than the schedule: lags count the distinct times of "
        "the study, so that a time of someone else comes between a person's rows and the lag is missing. A note where "
        "all share their times and no lag is lost.",
        "Name the numbers of the schedule (day=, beep=), or find them from the time stamps with rd.align.",
    ),
    "clocks-apart": FindingCode(
        "warning",
        "The partners of a dyad share no occasion, or fewer than a fifth of those of the partner with fewer rows: "
        "partner values, pairs and coupling have next to nothing to rest on.",
        "Name the numbers of the schedule (day=, beep=), or bring both partners onto one with rd.align.",
    ),
    "two-valued": FindingCode(
        "note",
        "A column of numbers that varies within persons and holds two values only, as answers of yes or no do.",
        "As an outcome, model its odds: rd.apim(..., family='binomial'). Its means are "
        "shares, and its inertia is no autocorrelation of a scale.",
    ),
    "floor-share": FindingCode(
        "note", "At least 15 % of the answers stand at the lowest point of the scale.", "Consider a model with a floor."
    ),
    "ceiling-share": FindingCode(
        "note",
        "At least 15 % of the answers stand at the highest point of the scale.",
        "Consider a model with a ceiling.",
    ),
    "night": FindingCode(
        "note",
        "A new day begins for a person.",
        "Nothing to fix: lags never reach over a night where the day is named.",
    ),
    "gap": FindingCode(
        "note",
        "Occasions are missing before this row: the step from the same person's row before is longer than usual.",
        "Nothing to fix: lags never reach over a gap.",
    ),
    "unequal-rows": FindingCode(
        "note", "The partners of a dyad have different numbers of rows.", "Check that no rows of a partner were lost."
    ),
    "partner-missing": FindingCode(
        "note",
        "The person answered and the partner did not, or has no row.",
        "Nothing to fix: partner values are missing on these occasions.",
    ),
    "both-missing": FindingCode(
        "note", "Neither partner answered.", "Nothing to fix: these occasions carry no information."
    ),
    "low-compliance": FindingCode(
        "note",
        "A person answered fewer than half of the dyad's occasions.",
        "Keep the person; show how the results change with a cut-off.",
    ),
    "compliance": FindingCode("note", "The share of the dyads' occasions that persons answered.", "Report it."),
    "dyadic-compliance": FindingCode("note", "The share of occasions that both partners answered.", "Report it."),
    "compliance-by-person": FindingCode(
        "note", "The range of compliance over persons.", "DyadPanel.compliance() gives every person's share."
    ),
    "compliance-by-day": FindingCode(
        "note", "The days with the lowest and highest compliance.", "DyadPanel.compliance() gives every day's share."
    ),
    "compliance-by-beep": FindingCode(
        "note", "The beeps with the lowest and highest compliance.", "DyadPanel.compliance() gives every beep's share."
    ),
    "unchecked": FindingCode(
        "warning", "A check could not be carried out.", "Mend the other findings first and check again."
    ),
}


def finding_codes() -> pd.DataFrame:
    """List every code that `check_panel` can report.

    Returns
    -------
    pandas.DataFrame
        One row per code: ``code``, ``severity`` (the usual one), ``meaning``, ``fix``.

    Examples
    --------
    >>> finding_codes().query("code == 'dyad-size'")["severity"].item()
    'error'
    """
    return pd.DataFrame(
        {
            "code": list(CODES),
            "severity": [entry.severity for entry in CODES.values()],
            "meaning": [entry.meaning for entry in CODES.values()],
            "fix": [entry.fix for entry in CODES.values()],
        }
    )


def table_of(findings: Sequence[Finding], lines: npt.NDArray[np.int64] | None = None) -> pd.DataFrame:
    """The table of findings: the gravest first, then in the order of the register, then as found.

    Parameters
    ----------
    findings : sequence of Finding
    lines : (n_rows,) int array, optional
        Line of the file of every row, as an editor counts.
    """
    place = {code: number for number, code in enumerate(CODES)}
    records = [_record(finding, lines) for finding in findings]
    records.sort(key=lambda record: (SEVERITIES.index(record[1]), place[record[0]]))
    columns = ("code", "severity", "column", "n", "rows", "lines", "message", "fix")
    if not records:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name == "n" else "object") for name in columns})
    return pd.DataFrame(dict(zip(columns, zip(*records, strict=True), strict=True)))


_Record: TypeAlias = tuple[str, Severity, str, int, tuple[int, ...], tuple[int, ...], str, str]


def _record(finding: Finding, lines: npt.NDArray[np.int64] | None) -> _Record:
    entry = CODES[finding.code]
    places = np.asarray(finding.rows, dtype=np.intp)
    rows = tuple(places.tolist())
    in_file = () if lines is None else tuple(lines[places].tolist())
    where = describe_rows(rows) if lines is None else f"{describe_rows(rows)} ({describe_lines(in_file)})"
    message = f"{finding.message}: {where}." if rows else f"{finding.message}."
    n = len(rows) if finding.n is None else finding.n
    return (
        finding.code,
        finding.severity or entry.severity,
        _printable(finding.column),
        n,
        rows,
        in_file,
        _printable(message),
        _printable(finding.fix or entry.fix),
    )


def _printable(text: str) -> str:
    """Text that can be stored as UTF-8: halves of a surrogate pair, as broken files have them, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
