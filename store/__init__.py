"""The only place with SQL: spools, ingest, publish, and reads that return polars frames.

import store
run = store.init(name="bert lr 3e-4", config={"lr": 3e-4})
run.log({"dev/accuracy": 0.73})
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.tracking.files import Artifact
    from store.tracking.session import current, define_metric, finish, init, log

__all__ = ["Artifact", "config", "current", "define_metric", "finish", "init", "log", "run", "summary"]


def __getattr__(name: str) -> Any:
    """`init`, `log`, `finish`, and of the open run `run` (None if none is), `config` and `summary`.

    Nothing is imported before one of them is asked for.
    """
    if name not in __all__:
        if name.startswith("__"):
            raise AttributeError(f"module 'store' has no attribute {name!r}")
        from store.tracking import missing

        if not missing.knows(name):
            raise AttributeError(missing.sentence(name, "module 'store'"))
        from store.tracking.session import of_another_tracker

        return of_another_tracker(name)
    from store.tracking import session

    if name == "Artifact":
        from store.tracking.files import Artifact

        return Artifact
    if name in ("config", "summary"):
        return getattr(session.current(), name)
    return session._current if name == "run" else getattr(session, name)
