"""Chinese text into rows of token ids, one file for each kind of input, and back into answers."""
