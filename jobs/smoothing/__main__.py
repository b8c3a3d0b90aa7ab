"""Smooth approximations by Dirac kernels: measured errors, and training with the activations they give.

python -m jobs.smoothing errors                                         # every f and kernel, about half a minute
python -m jobs.smoothing errors --functions relu sign --kernels gaussian student
python -m jobs.smoothing train                                          # regression and staircase, a few minutes
python -m jobs.smoothing train --parts encoder --task tnews --limit 2000    # tiny encoders through jobs.clue
python -m jobs.clue --task tnews --activation squareplus:0.5            # one of them
"""

from jobs import cli
from jobs.smoothing import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "errors": (config.Errors, "jobs.smoothing.errors:errors"),
            "train": (config.Train, "jobs.smoothing.train:train"),
        },
    )
