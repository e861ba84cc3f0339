"""What changed in a series when something was tried."""

__all__: list[str] = []
