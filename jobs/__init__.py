"""The command lines that run the experiments and log to the store."""
