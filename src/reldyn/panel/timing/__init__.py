"""How the times of a study are read: declared formats, numbers that are dates, time zones, and days found in stamps."""
