"""Influence functions: each partner's own course and what the other adds."""
