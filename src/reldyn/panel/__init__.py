"""Panels of two partners over time: reading, checking and reshaping."""

from reldyn.panel._analysis import analysis, check_given_panel
from reldyn.panel._clock import USUAL_NIGHT, Clock
from reldyn.panel._compliance import answered_grid
from reldyn.panel._index import PanelIndex
from reldyn.panel._labels import label_codes
from reldyn.panel._panel import DyadPanel
from reldyn.panel._schedule import Schedule
from reldyn.panel._series import PersonBatch, SeriesBatch
from reldyn.panel._series_views import DyadSeries, PersonSeries
from reldyn.panel.aligning._align import Aligned, align
from reldyn.panel.aligning._pair_ids import pair_ids
from reldyn.panel.aligning._to_grid import to_grid
from reldyn.panel.checks._careless import careless
from reldyn.panel.checks._finding_codes import finding_codes
from reldyn.panel.checks._findings import check_panel
from reldyn.panel.checks._stretches import CarelessStretches, careless_stretches
from reldyn.panel.reading._read import read_table
from reldyn.panel.reading._sample import SampleTruth, load_sample, load_sample_truth
from reldyn.panel.reading._wide import from_wide
from reldyn.panel.timing._formats import TimeOptions, time_options

__all__ = [
    "Aligned",
    "CarelessStretches",
    "USUAL_NIGHT",
    "Clock",
    "DyadPanel",
    "DyadSeries",
    "PanelIndex",
    "PersonBatch",
    "PersonSeries",
    "SampleTruth",
    "Schedule",
    "align",
    "analysis",
    "SeriesBatch",
    "TimeOptions",
    "answered_grid",
    "careless",
    "careless_stretches",
    "check_given_panel",
    "check_panel",
    "finding_codes",
    "from_wide",
    "label_codes",
    "load_sample",
    "load_sample_truth",
    "pair_ids",
    "read_table",
    "time_options",
    "to_grid",
]
