"""A figure of many curves: its traces and its layout go to the browser as they are, unchecked and uncopied.

Plotly looks at every property of every trace, copies all of it, and packs the arrays: for a hundred curves that takes
longer than reading them from the store.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures.unchecked import Figure


class ManyCurves(Figure):
    """A figure of dictionaries, whose arrays are `packed`."""

    def __init__(self, traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> None:
        """Keep both."""
        super().__init__()
        self._whole = {"data": list(traces), "layout": dict(layout)}

    def to_dict(self) -> dict[str, Any]:
        """What is sent."""
        return self._whole


def packed(values: np.ndarray) -> dict[str, str]:
    """An array of int32 or float32 as plotly.js reads it: its type and its bytes."""
    dtype = {"int32": "i4", "float32": "f4"}[values.dtype.name]
    return {"dtype": dtype, "bdata": b64encode(values.tobytes()).decode()}
