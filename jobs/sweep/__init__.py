"""Search a job's settings: Optuna says what to try, children are runs, the evidence says when to stop."""
