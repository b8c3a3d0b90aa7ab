"""Correct uncertain predictions with the class prior (CAN), and see whether it helps.

python -m jobs.can sweep --run 7f3a                         # every grid point on the dev predictions of a run, seconds
python -m jobs.can sweep --run 7f3a --alphas 0.5 1 2 --thresholds 0.9
python -m jobs.can sweep --probs probs.npy --labels labels.csv --prior prior.csv       # anybody's model
python -m jobs.can apply --reference 7f3a --probs test.csv --output corrected.csv       # a test file, streaming
python -m jobs.can simulate                                 # when does it help? synthetic classifiers, half a minute
"""

from jobs import cli
from jobs.can import config

if __name__ == "__main__":
    cli.main(
        __doc__,
        {
            "sweep": (config.Sweep, "jobs.can.sweep:sweep"),
            "apply": (config.Apply, "jobs.can.apply:apply"),
            "simulate": (config.Simulate, "jobs.can.simulate:simulate"),
        },
    )
