"""States and their sequences: grids, lag-sequential tables, transition logits."""
