"""The report: one HTML file that opens anywhere, offline, with no script and nothing from outside."""

from reldyn.study.reporting._render import ReportParts, render_report

__all__ = ["ReportParts", "render_report"]
