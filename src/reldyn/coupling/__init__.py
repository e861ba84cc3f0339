"""Two persons' affect: who follows whom, how closely, and whether chance would do the same."""

__all__: list[str] = []
