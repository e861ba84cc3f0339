"""One partner's view beside the other's: truth and bias, empathic accuracy, similarity."""

__all__: list[str] = []
