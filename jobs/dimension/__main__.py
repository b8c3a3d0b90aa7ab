"""Measure how many dimensions random tables, attention heads and word vectors need.

python -m jobs.dimension entropy                               # where the entropy of random tables freezes
python -m jobs.dimension attention                             # softmax(Q K^T) fitted to four kinds of patterns
python -m jobs.dimension skipgram --task tnews                 # skip-gram on the texts of a CLUE task
"""

from jobs import cli
from jobs.dimension import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "entropy": (config.Entropy, "jobs.dimension.entropy:entropy"),
            "attention": (config.Attention, "jobs.dimension.attention:attention"),
            "skipgram": (config.Skipgram, "jobs.dimension.skipgram:skipgram"),
        },
    )
