"""Residual processes of two members over time: segments, parameters, kernels.

A process enters the model through four things: `segments` cuts the rows so that precision matrices and
log-determinants add up, `kernels` gives those of each layout with exact derivatives, `to_natural` keeps the
parameters inside their region, and `describe` says what they mean. `covariance` is the dense matrix of one dyad.
"""

from reldyn.mixed.processes._arrangement import Arrangement, Batch, batch_layouts
from reldyn.mixed.processes._curvature import curvature
from reldyn.mixed.processes._jets import Jet
from reldyn.mixed.processes._kernels import Kernel, batch_kernels, covariance, kernel, kernels, step_jets
from reldyn.mixed.processes._parameters import describe, from_natural, natural_names, start, to_natural
from reldyn.mixed.processes._segments import Layout, SegmentGroup, segments, segments_of
from reldyn.mixed.processes._structure import Structure, structure

__all__ = [
    "Arrangement",
    "Batch",
    "Jet",
    "Kernel",
    "Layout",
    "SegmentGroup",
    "Structure",
    "batch_layouts",
    "batch_kernels",
    "covariance",
    "curvature",
    "describe",
    "from_natural",
    "kernel",
    "kernels",
    "natural_names",
    "segments",
    "segments_of",
    "start",
    "step_jets",
    "structure",
    "to_natural",
]
