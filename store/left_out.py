"""What scripts for other trackers make and the store does not keep: tables, media, messages.

A script goes on without them: the first use of each name is said in one sentence, every call and attribute is taken,
and `log` leaves such a value out as it leaves out None.
"""

import logging
from collections.abc import Iterator
from typing import Any

log = logging.getLogger("store")
_said: set[str] = set()


class LeftOut:
    """Takes every call and every attribute, and keeps nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Do nothing."""
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""


def is_left_out(value: Any) -> bool:
    """Whether a value is nothing but what the store does not keep."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, LeftOut) for item in value)
    return isinstance(value, LeftOut) or (isinstance(value, type) and issubclass(value, LeftOut))


def say_once(name: str, why: str) -> None:
    """Say that a name is without effect here, the first time that it is used."""
    if name not in _said:
        _said.add(name)
        log.warning("%s is left out: %s", name, why)
