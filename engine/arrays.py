"""Arrays and numbers as the functions of the engine take them: checked here, refused here, in one sentence.

What a caller hands in may be a list, a view, read-only, of any integer or float type. `numbers` makes floats of it
(integers and booleans become float64, half precision becomes float32), `whole` integers, `flags` booleans, and each
refuses what it cannot represent: text, complex numbers, ragged lists, NaN, infinities, another shape. The name of the
argument stands in every message.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

Shape = Sequence[str | int]
"""Sides of an array: a number must be met, a letter stands for any length and, where it comes twice, for the same."""

SQUARABLE = 1e152
"""Numbers up to this can be squared and summed, or divided by a small width."""
SINGLE_MAX = float(np.finfo(np.float32).max)
EXPONENT_LIMIT = 440
"""Rows whose largest entry lies outside 2^-440..2^440 are rescaled before they are squared."""


def numbers(
    values: ArrayLike,
    *,
    name: str,
    shape: Shape | None = None,
    dtype: DTypeLike | None = None,
    empty: bool = True,
    finite: bool = True,
    low: float = -math.inf,
    high: float = math.inf,
) -> np.ndarray:
    """Finite floats.

    >>> numbers([[1, 2], [3, 4]], name="x", shape=("n", 2)).dtype
    dtype('float64')

    Args:
        values: anything that numpy reads as an array of numbers.
        name: of the argument, for the message.
        shape: sides, such as ("n", "d"); None allows any.
        dtype: float type of the result; None keeps float32 and float64.
        empty: whether no entry at all is allowed.
        finite: whether NaN and infinities are refused.
        low: smallest value allowed.
        high: largest value allowed.

    Raises:
        ValueError: with one sentence that names the argument, what was expected and what came.
    """
    array = read(values, name=name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got {array.dtype}")
    _check_shape(array, name, shape, empty)
    with np.errstate(over="ignore"):
        result = array.astype(_float_type(array.dtype) if dtype is None else dtype, copy=False)
    if finite:
        check_finite(result, name=name)
    _check_range(result, name, low, high)
    return result


def whole(
    values: ArrayLike,
    *,
    name: str,
    shape: Shape | None = None,
    empty: bool = True,
    low: int | None = None,
    high: int | None = None,
) -> np.ndarray:
    """Whole numbers as int64; floats without a fraction count as whole. Arguments and errors as of `numbers`."""
    array = read(values, name=name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold whole numbers, got {array.dtype}")
    _check_shape(array, name, shape, empty)
    if array.dtype.kind == "f":
        array = array.astype(np.float64, copy=False)
        odd = ~(np.isfinite(array) & (np.abs(array) < 2.0**53))
        odd |= ~odd & (np.floor(np.where(odd, 0, array)) != array)
        if odd.any():
            raise ValueError(f"{name} must hold whole numbers, got {array[odd].flat[0]}{_place(odd)}")
    elif array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must lie below 2^63, got {array.max()}")
    result = array.astype(np.int64, copy=False)
    _check_range(result, name, -math.inf if low is None else low, math.inf if high is None else high)
    return result


def flags(values: ArrayLike, *, name: str, shape: Shape | None = None, empty: bool = True) -> np.ndarray:
    """Booleans; numbers that are 0 or 1 count as such. Arguments and errors as of `numbers`."""
    array = read(values, name=name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold only yes (1) and no (0), got {array.dtype}")
    _check_shape(array, name, shape, empty)
    if array.dtype.kind == "b":
        return array
    odd = (array != 0) & (array != 1)
    if odd.any():
        raise ValueError(f"{name} must hold only yes (1) and no (0), got {array[odd].flat[0]}{_place(odd)}")
    return array.astype(bool)


def read(values: ArrayLike, *, name: str) -> np.ndarray:
    """The values as an array of whatever type; refuses masked entries and what numpy cannot read (ragged lists)."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries: fill or drop them first")
    try:
        return np.asarray(values)
    except ValueError:
        came = "rows of different lengths"
    except (TypeError, RuntimeError, NotImplementedError):  # a torch tensor with a gradient, in bfloat16, on a GPU
        came = f"a {type(values).__name__} that numpy cannot read (of a tensor hand in .detach().float().cpu())"
    raise ValueError(f"{name} must be an array of numbers, got {came}")


def shown(values: ArrayLike | None) -> str:
    """What came, for a message: the values where they are few, else the range they lie in."""
    array = np.asarray(values)
    if array.size <= 1 or array.dtype.kind not in "biuf":
        return repr(values)
    return f"{array.min():g}..{array.max():g}"


def same_shape(**arrays: np.ndarray) -> None:
    """Refuse arrays that do not all have the shape of the first; the keywords are their names."""
    shapes = [array.shape for array in arrays.values()]
    if any(shape != shapes[0] for shape in shapes):
        form = " (n,)" if len(shapes[0]) == 1 else ""
        raise ValueError(f"{' and '.join(arrays)} must have one shape{form}, got {' and '.join(map(str, shapes))}")


def broadcast(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """The arrays in one shape; refuse those that have none in common. The keywords are their names."""
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays.values())
    raise ValueError(f"{' and '.join(arrays)} must have shapes that broadcast, got {shapes}")


def whole_number(value: Any, *, name: str, low: int = 0, high: int | None = None) -> int:
    """A whole number between low and high, as an int."""
    try:
        found = int(value)
        right = found == value and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right or found < low or (high is not None and found > high):
        expected = f"{low} or more" if high is None else f"in {low}..{high}"
        raise ValueError(f"{name} must be a whole number, {expected}, got {value!r}")
    return found


def number(value: Any, *, name: str, above: float = -math.inf, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number between low and high and, if given, larger than `above`, as a float."""
    try:
        found = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not (math.isfinite(found) and low <= found <= high and found > above):
        limits = [f"above {above:g}"] * (above > -math.inf) + [f"at least {low:g}"] * (low > -math.inf)
        limits += [f"at most {high:g}"] * (high < math.inf)
        raise ValueError(f"{name} must be a finite number{' ' * bool(limits)}{' and '.join(limits)}, got {value!r}")
    return found


def check_finite(array: np.ndarray, *, name: str = "x", first_row: int = 0) -> None:
    """Refuse NaN and infinities, naming the first place.

    Args:
        array: floats of any shape.
        name: of the argument, for the message.
        first_row: number of the first row, where the array is a block of a larger one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):  # one pass without a mask; a sum of finite numbers may overflow
            return
    bad = ~np.isfinite(array)
    if not bad.any():
        return
    if array.ndim != 2:
        raise ValueError(f"{name} must be finite, got {array[bad].flat[0]}{_place(bad)}")
    rows = np.flatnonzero(bad.any(axis=1))
    raise ValueError(f"{name} has NaN or infinite entries in {len(rows)} rows, the first is row {first_row + rows[0]}")


def check_products(left: np.ndarray, right: np.ndarray, left_name: str, right_name: str) -> None:
    """Refuse rows (n, d) and (m, d) whose inner products overflow their float type."""
    if not left.size or not right.size:
        return
    largest = [float(np.abs(array).max()) for array in (left, right)]
    limit = float(np.finfo(np.result_type(left, right)).max)
    if largest[0] and largest[1] >= limit / largest[0] / left.shape[1]:
        raise ValueError(
            f"inner products of {left_name} and {right_name} overflow (entries up to {largest[0]:.3g} and "
            f"{largest[1]:.3g}): divide the rows by their lengths first"
        )


def lengths(rows: np.ndarray) -> np.ndarray:
    """Euclidean lengths of rows (n, d) -> (n,) float64; none overflows or underflows unless the length itself does."""
    squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)
    found = np.sqrt(squares)
    odd = np.flatnonzero(~((squares > 2.0 ** (-2 * EXPONENT_LIMIT)) & (squares < 2.0 ** (2 * EXPONENT_LIMIT))))
    if len(odd):
        part, exponents = rescaled(rows[odd])
        found[odd] = np.ldexp(np.sqrt(np.einsum("nd,nd->n", part, part)), exponents)
    return np.asarray(found)


def rescaled(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) in float64, each times the power of two that brings its largest entry to 0.5..1; the powers (n,).

    `np.ldexp(rows, powers)` gives the original, but for entries 1e-300 times the largest of their row. Zeros stay.
    """
    wide = rows.astype(np.float64)
    _, exponents = np.frexp(np.abs(wide).max(axis=1, initial=0.0))
    return np.ldexp(wide, -exponents[:, None]), exponents


def to_unit_scale(array: np.ndarray) -> tuple[np.ndarray, int]:
    """The array in float64 times the power of two that brings its largest entry to 0.5..1, and that power."""
    wide = array.astype(np.float64)
    _, exponent = np.frexp(np.abs(wide).max(initial=0.0))
    return np.ldexp(wide, -exponent), int(exponent)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (n, d) divided by their lengths, in their own float type; a row of zeros stays."""
    found = lengths(rows)
    odd = np.flatnonzero(~((found > 2.0**-100) & (found < 2.0**100)))
    safe = np.where(found > 0, found, 1.0)
    if not len(odd):
        return np.asarray(rows / safe.astype(rows.dtype)[:, None])
    safe[odd] = 1.0
    result = rows / safe.astype(rows.dtype)[:, None]
    part, _ = rescaled(rows[odd])
    size = lengths(part)
    result[odd] = part / np.where(size > 0, size, 1.0)[:, None]
    return np.asarray(result)


def _float_type(dtype: np.dtype[Any]) -> type[np.float32] | type[np.float64]:
    return np.float32 if dtype in (np.float32, np.float16) else np.float64


def _check_shape(array: np.ndarray, name: str, shape: Shape | None, empty: bool) -> None:
    if shape is not None:
        sides: dict[str, int] = {}
        right = array.ndim == len(shape)
        for side, length in zip(shape, array.shape, strict=False):
            right &= length == (side if isinstance(side, int) else sides.setdefault(side, length))
        if not right:
            expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
            raise ValueError(f"{name} must have shape ({expected}), got {array.shape}")
    if not empty and array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")


def _check_range(array: np.ndarray, name: str, low: float, high: float) -> None:
    if not array.size or (low == -math.inf and high == math.inf):
        return
    if array.dtype == np.float32 and low < -SINGLE_MAX and high > SINGLE_MAX:
        return
    smallest, largest = float(array.min()), float(array.max())
    if smallest >= low and largest <= high:
        return
    limits = f"in {low:g}..{high:g}" if high < math.inf else f"at or above {low:g}"
    limits = f"at or below {high:g}" if low == -math.inf else limits
    raise ValueError(f"{name} must lie {limits}, got {smallest:g}..{largest:g}")


def _place(mask: np.ndarray) -> str:
    where = np.argwhere(mask)[0].tolist() if mask.ndim else []
    return f" at index {where[0] if len(where) == 1 else where}" if where else ""
