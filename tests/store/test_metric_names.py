"""Names of metrics of other programs, by hand."""

import pytest

from store.metric_names import standard_name


@pytest.mark.parametrize(
    ("name", "bare", "expected"),
    [
        ("eval_accuracy", None, "dev/accuracy"),
        ("val/acc", None, "dev/accuracy"),
        ("validation-loss", None, "dev/loss"),
        ("train_loss", None, "train/loss"),
        ("test_f1_macro", None, "test/macro_f1"),
        ("eval_runtime", None, "time/dev_runtime"),
        ("train_samples_per_second", None, "time/train_samples_per_second"),
        ("loss", None, "loss"),
        ("loss", "train", "train/loss"),
        ("Loss/G", "train", "Loss/G"),
        ("evaluation", None, "evaluation"),
        ("损失", None, "损失"),
    ],
)
def test_names_get_their_split(name, bare, expected):
    assert standard_name(name, bare=bare) == expected


@pytest.mark.parametrize("name", ["dev/accuracy", "train/loss", "test/macro_f1"])
def test_names_of_ours_stay(name):
    assert standard_name(name, bare="train") == name
