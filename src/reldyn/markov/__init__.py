"""Hidden Markov and hidden semi-Markov models of many short multichannel series with gaps, batched.

An engine: arrays in, arrays out. It knows no column names and no partners.
"""

from reldyn.markov.hmm._decode import decode
from reldyn.markov.hmm._fit import fit_hmm, hmm_log_likelihood
from reldyn.markov.hmm._hierarchical import HierarchicalHMMResult, fit_hierarchical_hmm
from reldyn.markov.hmm._result import HMMResult

__all__ = [
    "HMMResult",
    "HierarchicalHMMResult",
    "decode",
    "fit_hierarchical_hmm",
    "fit_hmm",
    "hmm_log_likelihood",
]
