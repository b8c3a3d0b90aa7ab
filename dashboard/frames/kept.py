"""A sequence that is computed as far as it is asked for."""

from collections.abc import Iterator
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Items of an iterator by their number, each computed once, also when several sessions ask at once."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items, self._found, self._lock = items, list[T](), Lock()

    def __getitem__(self, number: int) -> T:
        with self._lock:
            while len(self._found) <= number:
                self._found.append(next(self._items))
        return self._found[number]
