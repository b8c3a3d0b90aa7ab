"""What wandb, trackio and mlflow have and the store has not: left out and said once, or refused in one sentence."""

import os
from types import SimpleNamespace
from typing import Any

from store.errors import StoreError
from store.left_out import LeftOut, say_once

MEDIA = frozenset(
    {
        *("Table", "Image", "Histogram", "Audio", "Video", "Html", "Plotly", "Object3D", "Molecule", "Graph"),
        *("Markdown", "Trace", "JoinedTable", "EvalTable", "Classes"),
    }
)
"""classes of tables and media"""
_MEDIA = "the store keeps numbers and files; write a file into run.dir and register it with run.artifact"
_GIT = "a run stores its command and its git commit by itself"
_HERE = "the store lies on this machine and needs no account or server"
_MODEL = "save the model as a file, and give that to save or log_artifact"
_DRAWS = "the dashboard draws what is logged"
_LEFT_OUT = {
    **dict.fromkeys(MEDIA, _MEDIA),
    **dict.fromkeys(("plot", "plot_table", "sklearn", "visualize", "data_types", "box3d"), _DRAWS),
    **dict.fromkeys(("watch", "unwatch"), "log the norm of the gradients as a number"),
    **dict.fromkeys(("alert", "AlertLevel"), "the store sends no messages"),
    **dict.fromkeys(("log_code", "write_logs"), _GIT),
    **dict.fromkeys(("link_model", "link_artifact"), _MODEL),
    **dict.fromkeys(("upsert_artifact", "finish_artifact"), "log_artifact keeps an artifact at once"),
    **dict.fromkeys(("log_system", "log_gpu", "log_cpu"), "a run watches the machine by itself"),
    **dict.fromkeys(("termlog", "termwarn", "termerror", "termsetup"), "print it"),
    **dict.fromkeys(("login", "setup", "teardown", "ensure_configured", "Settings", "require", "sync", "show", "attach",
                     "mark_preempting", "pin_config_keys", "patched", "settings", "display", "to_html", "env",
                     "profiler", "jupyter", "gym", "tensorboard"), _HERE),
    **dict.fromkeys(("sdk", "wandb_run", "wandb_sdk", "wandb_lib"), "its parts have no counterpart here"),
    "autolog": "log what you want to keep, or use store.integrations",
}  # fmt: skip
"""name -> why it is without effect"""
_INIT = "call store.init(experiment=..., name=..., config=...), which ends with the script"
_REFUSED = {
    **dict.fromkeys(("sweep", "agent", "controller"), "there is no sweep server: use python -m jobs.sweep"),
    **dict.fromkeys(("Api", "api", "apis"), "read the store with store.queries, or python -m store sql"),
    **dict.fromkeys(("use_artifact", "use_model", "restore", "download"),
                    "there is no server to fetch files from: open the file by its path"),
    **dict.fromkeys(("import_csv", "import_tf_events"), "use python -m store import PATH"),
    **dict.fromkeys(("delete_project", "delete_run"), "use python -m store remove RUN"),
    **dict.fromkeys(("start_run", "end_run", "active_run", "set_experiment", "create_experiment"), _INIT),
    **dict.fromkeys(("set_tracking_uri", "get_tracking_uri", "MlflowClient"), "CLUEBOARD_DB or db= names the database"),
    **dict.fromkeys(("log_param", "log_params"), "use run.config.update({name: value})"),
    **dict.fromkeys(("log_metric", "log_metrics"), "use store.log({name: value}, step=step)"),
    **dict.fromkeys(("set_tag", "set_tags"), "use store.init(tags=...) or run.tags = (...)"),
    **dict.fromkeys(("log_text", "log_dict", "log_figure", "log_image", "log_table", "log_artifacts"),
                    "write the file and give its path to store.save or store.log_artifact"),
    **dict.fromkeys(("SummaryWriter", "add_scalar", "add_scalars"),
                    "call store.init(), then store.log({name: value}, step=step)"),
}  # fmt: skip
"""name -> what to do instead"""
OF_A_RUN = ("save", "log_artifact", "log_model")
"""calls that a module and its run both have"""
util = SimpleNamespace(generate_id=lambda length=8: os.urandom(length).hex()[:length])
_CLASSES: dict[str, type[LeftOut]] = {}
_ERRORS = ("Error", "CommError", "UsageError")


def knows(name: str) -> bool:
    """Whether the store's module has an answer to a name of another tracker."""
    return name in _LEFT_OUT or name in OF_A_RUN or name in _ERRORS or name in ("util", "join")


def answer(name: str, where: str) -> Any:
    """What a name of another tracker stands for here.

    Raises:
        AttributeError: with a sentence, if a script cannot go on without it or nobody knows it.
    """
    if name == "util":
        return util
    if name in _ERRORS:
        return StoreError
    if name in _LEFT_OUT:
        say_once(name, _LEFT_OUT[name])
        return _CLASSES.setdefault(name, type(name, (LeftOut,), {})) if name in MEDIA else LeftOut()
    raise AttributeError(sentence(name, where))


def sentence(name: str, where: str) -> str:
    """Why a name is not there."""
    if name in _REFUSED:
        return f"{where} has no {name!r}: {_REFUSED[name]} (docs/LOGGING.md lists what is not there)"
    return f"{where} has no attribute {name!r} (docs/LOGGING.md lists what is there and what is not)"
