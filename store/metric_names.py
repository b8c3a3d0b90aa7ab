"""Names of metrics as other programs write them, in the form `<split>/<metric>` that scores are recognised by.

eval_accuracy, val/acc -> dev/accuracy      train_loss -> train/loss      eval_runtime -> time/dev_runtime
"""

import re

SUMMARY = "summary/"
"""stands before the name of a value that a run says of itself beside its curve, in stores of other trackers"""
_SPLITS = {
    **dict.fromkeys(("eval", "val", "valid", "validation", "dev"), "dev"),
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "predict"), "test"),
}
_METRICS = {"acc": "accuracy", "f1_macro": "macro_f1", "macro-f1": "macro_f1", "exact_match": "em"}
_PREFIX = re.compile(rf"^({'|'.join(_SPLITS)})[_/.-](.+)$", re.IGNORECASE)
_TIMES = re.compile(r"(runtime|_per_second|_time)$")


def standard_name(name: str, *, bare: str | None = None) -> str:
    """A metric's name with its split in front; names that follow no known pattern stay as they are.

    Args:
        name: as the other program writes it.
        bare: split of names that name none (`loss`, `learning_rate`); None leaves them alone.
    """
    found = _PREFIX.match(name)
    if found is None:
        return f"{bare}/{name}" if bare and "/" not in name else name
    split, metric = _SPLITS[found[1].lower()], found[2]
    if _TIMES.search(metric):
        return f"time/{split}_{metric}"
    return f"{split}/{_METRICS.get(metric, metric)}"
