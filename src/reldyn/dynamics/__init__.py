"""One person's affect: level, variability, instability, inertia, and how reliably they are measured."""

__all__: list[str] = []
