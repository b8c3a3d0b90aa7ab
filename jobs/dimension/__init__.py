"""How many dimensions words and attention heads need."""
