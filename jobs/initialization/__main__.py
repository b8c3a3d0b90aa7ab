"""Initialization rules of non-square matrices: measure signals and gradients, train stacks under each rule.

python -m jobs.initialization measure                                        # 256-1024 blocks, seconds
python -m jobs.initialization measure --widths 768 3072 768 3072 768 --seeds 100
python -m jobs.initialization measure --model hfl/chinese-roberta-wwm-ext    # every matrix of a real encoder
python -m jobs.initialization train                                          # about two minutes on two cores
python -m jobs.initialization train --wide 256 --batch 64 --seeds 10 --steps 400
python -m jobs.clue --task tnews --init geometric                            # a tiny encoder from scratch under a rule
"""

from jobs import cli
from jobs.initialization import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "measure": (config.Measure, "jobs.initialization.measure:measure"),
            "train": (config.Train, "jobs.initialization.train:train"),
        },
    )
