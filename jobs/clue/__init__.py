"""The tasks of CLUE and FewCLUE: data, training, submission."""
