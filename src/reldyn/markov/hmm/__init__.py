"""Hidden Markov and hidden semi-Markov models that people fit."""
