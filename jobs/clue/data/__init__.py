"""The data of the CLUE tasks: official files, the hub, the built-in sample."""
