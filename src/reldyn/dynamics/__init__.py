"""One person's affect over time: mean, variability, instability, inertia and reliability."""

from reldyn.dynamics._affect import affect_dynamics

__all__ = ["affect_dynamics"]
