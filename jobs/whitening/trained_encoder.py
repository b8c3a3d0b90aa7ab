"""The encoder of a finished CLUE run, at its best checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import checkpoints, cli, newest
from jobs.checkpoints import BEST
from jobs.models import saving
from jobs.models.names import NGRAM
from store.errors import StoreError
from store.paths import locate

if TYPE_CHECKING:
    from jobs.models.loading import Loaded


def load_encoder(part: str, *, db: Path | None = None) -> Loaded:
    """Load the encoder of a run, with its tokenizer; the head is left.

    Args:
        part: an unambiguous part of the run's id, or latest.
        db: the store; None finds it.

    Raises:
        InputError: if there is no such run, it is not a finished training of an encoder, or its checkpoint is gone.
    """

    def kept(run: dict[str, Any]) -> Path:
        return Path(locate(db).artifacts, run["run_id"], BEST)

    def fits(run: dict[str, Any]) -> bool:
        return (
            (run["experiment"], run["status"]) == ("clue", "finished") and run["model"] != NGRAM and kept(run).is_file()
        )

    try:
        row = newest.find(part, fits, what="a finished training of an encoder", db=db)
    except StoreError as error:
        known = "hashed, a folder, a hub name like a/b, a .npy file or a CLUE run's id"
        raise cli.InputError(f"--encoder {part}: expected {known} ({error})") from error
    name = f"--encoder {part}: run {row['run_id']}"
    if row["experiment"] != "clue" or row["status"] != "finished":
        raise cli.InputError(f"{name} is a {row['status']} run of {row['experiment']}; expected a finished one of clue")
    path = kept(row)
    if not path.is_file():
        raise cli.InputError(f"{name} ({row['model']}) keeps no {BEST}, so it has no encoder to load")
    return _restore(path, name=f"{row['model']} trained on {row['task']} ({row['run_id']})")


def _restore(path: Path, *, name: str) -> Loaded:
    from jobs.models.loading import Loaded

    state, about = checkpoints.load(path)
    encoder, tokenizer = saving.restore(about)
    prefix = "encoder."
    weights = {key.removeprefix(prefix): value for key, value in state["model"].items() if key.startswith(prefix)}
    encoder.load_state_dict(weights)
    return Loaded(name, encoder, tokenizer, pretrained=True)
