"""The Johnson-Lindenstrauss lemma and its uses: projections, hashes, randomized SVD."""
