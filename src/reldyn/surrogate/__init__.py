"""Null models for one series of one or two channels: seeded, batched, of constant memory.

An engine: arrays in, arrays out. Every drawing function takes one generator per surrogate, so a
surrogate does not depend on how many are drawn with it and a long run can be streamed in batches.
"""

from reldyn.surrogate._copula import match_ranks, normal_scores, round_to_categories
from reldyn.surrogate._linear import LinearModels, fit_linear, linear_models
from reldyn.surrogate._linear_draw import draw_linear, draw_resampled, latent_linear
from reldyn.surrogate._margins import Margin, cut_answers, fit_margin, unimodal_distribution
from reldyn.surrogate._null import LinearNull
from reldyn.surrogate._phaseless import iaaft, phase_angles, randomise_phases, shift_days
from reldyn.surrogate._phases import PhaseNull, draw_on_path, draw_renewal, draw_reversible, reversibilise
from reldyn.surrogate._short_memory import limit_memory

__all__ = [
    "LinearModels",
    "LinearNull",
    "Margin",
    "PhaseNull",
    "cut_answers",
    "draw_linear",
    "draw_on_path",
    "draw_renewal",
    "draw_resampled",
    "draw_reversible",
    "fit_linear",
    "fit_margin",
    "iaaft",
    "latent_linear",
    "limit_memory",
    "linear_models",
    "match_ranks",
    "normal_scores",
    "phase_angles",
    "randomise_phases",
    "reversibilise",
    "round_to_categories",
    "shift_days",
    "unimodal_distribution",
]
