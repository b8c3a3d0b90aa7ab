"""Evaluate sentence vectors, whitened and reduced, on sentence-pair sets.

python -m jobs.whitening evaluate                                        # built-in embedding, every set that is found
python -m jobs.whitening evaluate --encoder FOLDER --data stsb-zh bq     # all poolings x none, whitened, reduced
python -m jobs.whitening evaluate --encoder FOLDER --preset bert-whitening-chinese     # the post's whole table
python -m jobs.whitening layers --encoder FOLDER --data stsb-zh          # every pair of layers
python -m jobs.whitening retrieval --encoder FOLDER --data lcqmc         # what reduction costs and saves in search
python -m jobs.whitening sentences --data stsb-zh                        # one a line: the rows of ready vectors
python -m jobs.whitening encode --encoder FOLDER --sentences 花呗怎么还款 --output vectors.npy
python -m jobs.whitening export --encoder FOLDER --data stsb-zh --output DIR   # for sentence-transformers, whitened
"""

from jobs import cli
from jobs.whitening import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "evaluate": (config.Evaluate, "jobs.whitening.evaluate:start"),
            "layers": (config.Layers, "jobs.whitening.layers:start"),
            "retrieval": (config.Retrieval, "jobs.whitening.retrieval:start"),
            "sentences": (config.Sentences, "jobs.whitening.sentences:start"),
            "encode": (config.Encode, "jobs.whitening.encode:start"),
            "export": (config.Export, "jobs.whitening.export:start"),
        },
    )
