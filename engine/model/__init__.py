"""The torch half of training: encoders, heads, batches, optimizers, regularizers, and the loop."""
