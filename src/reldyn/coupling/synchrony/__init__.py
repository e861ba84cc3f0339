"""How closely two series go together, tested against surrogates."""
