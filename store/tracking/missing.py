"""What wandb and trackio have and the store has not, each in one sentence with what to do instead."""

_MEDIA = "keeps numbers and files, no tables and media: write a file into run.dir and register it with run.artifact"
_FILES = "keeps files that stand in run.dir: register each with run.artifact(name, kind, path)"
_ANSWERS = {
    **dict.fromkeys(
        ("Table", "Image", "Histogram", "Audio", "Video", "Html", "Plotly", "Object3D", "Molecule", "Graph", "Markdown",
         "Trace", "JoinedTable", "plot"),
        _MEDIA,
    ),
    **dict.fromkeys(
        ("Artifact", "save", "log_artifact", "use_artifact", "log_code", "log_model", "link_artifact", "restore"),
        _FILES,
    ),
    "watch": "logs no gradients by itself: log their norm as a number",
    "unwatch": "watches nothing: leave the call out",
    "alert": "sends no messages: leave the call out",
    **dict.fromkeys(("sweep", "agent", "controller"), "has no sweep server: use python -m jobs.sweep"),
    "Api": "is read with store.queries, or python -m store sql",
    **dict.fromkeys(("url", "get_url", "show", "sync", "launch", "login", "setup", "Settings", "require"),
                    "lies on this machine and needs no account or server: leave this out"),
    **dict.fromkeys(("log_system", "log_gpu", "log_cpu"), "watches the machine by itself: leave the call out"),
}  # fmt: skip


def sentence(name: str, where: str) -> str:
    """Why a name is not there."""
    if name in _ANSWERS:
        return f"{where} has no {name!r}: the store {_ANSWERS[name]} (docs/LOGGING.md lists what is not there)"
    return f"{where} has no attribute {name!r} (docs/LOGGING.md lists what is there and what is not)"
