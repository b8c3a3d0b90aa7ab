"""How many dimensions word vectors and attention heads need."""
