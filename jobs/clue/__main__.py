"""Train and evaluate on the tasks of CLUE and FewCLUE.

python -m jobs.clue --task afqmc                              # tiny model from scratch, about a minute on CPU
python -m jobs.clue --task ocnli --model hfl/chinese-roberta-wwm-ext --recipe blog
python -m jobs.clue --task tnews --model ngram                # linear baseline, seconds
python -m jobs.clue --task all                                # those of CLUE, one after the other
python -m jobs.clue --task fewclue --model ngram              # FewCLUE's own three, each on its five training sets
python -m jobs.clue --task bustm --split 0                    # one of the five training sets
python -m jobs.clue --task cluewsc2020 --seeds 0 1 2 --fgm 1.0        # mean and deviation over seeds
python -m jobs.clue --resume RUN                              # go on with a run that was stopped
python -m jobs.clue --list                                    # tasks, sizes, and which data are found where
"""

from jobs import cli
from jobs.clue import config

if __name__ == "__main__":
    cli.main(__doc__, (config.Config, "jobs.clue.start:run"))
