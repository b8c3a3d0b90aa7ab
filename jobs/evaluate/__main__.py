"""Score predictions that were made elsewhere, or average those of stored runs, and store them as a run.

python -m jobs.evaluate --task tnews --predictions answers.jsonl           # or a .csv, or a submission file
python -m jobs.evaluate --task intent.toml --predictions answers.csv --model "colleague's BERT"
python -m jobs.evaluate --ensemble 7f3a 91bc 0d2e                           # average of the stored probabilities
"""

from jobs import cli
from jobs.evaluate import config

if __name__ == "__main__":
    cli.main(__doc__, (config.Config, "jobs.evaluate.start:run"))
