"""Numbers out of columns: polars types `max`, `min` and `mean` as any kind of value."""


def as_number(value: object) -> float:
    """The value as it is, known to be a number.

    Raises:
        TypeError: if it is none, as of a column without values.
    """
    if isinstance(value, int | float):
        return value
    raise TypeError(f"expected a number, got {value!r}")
