"""Random projections, hashes and randomized SVD beside their theory."""
