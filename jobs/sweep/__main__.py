"""Try many settings of a job, or of a command of your own, and say which is best.

python -m jobs.sweep clue --task tnews --learning-rate 1e-4 3e-4 1e-3 --seeds 0 1 2       # every combination
python -m jobs.sweep clue --task tnews --learning-rate 1e-5..1e-3:log --dropout 0..0.3 --sampler tpe --trials 40
python -m jobs.sweep clue --task tnews --epochs 2 3 4 --seeds 0 1 2 3 4 5 --until-decided 0.5   # as few as it takes
python -m jobs.sweep --lr 0.1 0.01 --seeds 0 1 --metric dev/accuracy -- python train.py --lr {lr} --seed {seed}
python -m jobs.sweep --file sweep.toml                      # the same flags, kept in a file
python -m jobs.sweep --resume RUN                           # go on with a sweep that was stopped

A job's flag with several values is tried with each; `low..high` is a range, `low..high:log` one on a logarithmic scale.
"""

import sys

from jobs.sweep import start

if __name__ == "__main__":
    start.main(__doc__ or "", sys.argv[1:])
