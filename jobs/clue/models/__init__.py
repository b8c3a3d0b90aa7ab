"""Models of the CLUE job: heads, first weights, n-grams, the folder that leaves it."""
