"""Measure what random projections do: bounds, distances, hashes, randomized SVD, and PCA beside them.

python -m jobs.johnson_lindenstrauss bounds                          # how many dimensions: ladder and measured minimum
python -m jobs.johnson_lindenstrauss distortion                      # all pairs: six projections, four kinds of data
python -m jobs.johnson_lindenstrauss distortion --data vectors.npy   # rows of a file
python -m jobs.johnson_lindenstrauss distortion --run 7f3a           # sentence vectors of a whitening run
python -m jobs.johnson_lindenstrauss lsh                             # sign hashes: cosine raw and repaired, bands
python -m jobs.johnson_lindenstrauss svd                             # randomized SVD, and the recipe that fails
python -m jobs.johnson_lindenstrauss pca                             # principal components beside random projections
"""

from jobs import cli
from jobs.johnson_lindenstrauss import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "bounds": (config.Bounds, "jobs.johnson_lindenstrauss.bounds:bounds"),
            "distortion": (config.Distortion, "jobs.johnson_lindenstrauss.distortion:distortion"),
            "lsh": (config.Lsh, "jobs.johnson_lindenstrauss.lsh:lsh"),
            "svd": (config.Svd, "jobs.johnson_lindenstrauss.svd:svd"),
            "pca": (config.Pca, "jobs.johnson_lindenstrauss.distortion:pca"),
        },
    )
