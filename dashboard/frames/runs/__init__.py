"""Names, colours, rows and search of runs."""
