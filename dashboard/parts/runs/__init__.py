"""Lists of runs: search, table, picker, actions."""
