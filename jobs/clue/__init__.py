"""The eleven CLUE tasks: data, training, submission."""
