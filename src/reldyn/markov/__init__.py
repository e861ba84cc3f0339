"""Hidden Markov and hidden semi-Markov models of many short multichannel series with gaps, batched.

An engine: arrays in, arrays out. It knows no column names and no partners.
"""
