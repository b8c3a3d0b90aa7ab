"""Initial weights of non-square matrices, and what they do to signals and gradients."""
