"""A chart of a running job: new points move it in place, and it keeps its zoom, its legend and what is pointed at.

Streamlit takes its own chart away and draws another whenever the data change, which leaves a moment without one. This
one is drawn by Plotly itself (`live_chart.js`), which the dashboard's server sends from the installed package.
"""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go
import plotly.io
import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_mount = st.components.v2.component("live_chart", js=_SCRIPT, isolate_styles=False)
_NUMBERS = count()
"""of the messages: Streamlit sends a message again as a reference to the browser's cache, and a page that reruns often
may be sent one that the cache has just dropped, which ends its connection"""
PACKAGE = Path(plotly.__file__).parent
LIBRARY = "clueboard.plotly"
"""name under which the server offers Plotly's files"""
UNABLE = "live_chart_unable"
"""set where the browser could not load Plotly"""


def show(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    config: dict[str, Any],
    on_box: Callable[[Sequence[float | str]], None] | None = None,
) -> None:
    """Draw a figure, or change the one that is drawn into it.

    Args:
        figure: as it is now; its height is set.
        key: of the chart.
        alt: what a reader who cannot see it is told; where it changes, the chart shows something else, and a zoom of
            before ends.
        config: of plotly.js.
        on_box: called with the two ends, in any order, of the range of x over which a box was drawn.
    """
    _offer_plotly()
    whole = figure.to_dict()
    message = {
        "number": next(_NUMBERS),
        "key": key,
        "alt": alt,
        "config": config,
        "boxes": on_box is not None,
        "library": f"_stcore/bidi-components/{LIBRARY}/plotly.min.js?{plotly.__version__}",
        "data": whole["data"],
        "layout": {name: value for name, value in whole["layout"].items() if name != "template"},
    }

    def boxed() -> None:
        if on_box and (ends := st.session_state[key].get("boxed")):
            on_box(ends)

    _mount(
        key=key,
        data=plotly.io.to_json(message, validate=False).encode(),
        height=whole["layout"]["height"],
        on_boxed_change=boxed,
        on_unable_change=_give_up,
    )


def possible() -> bool:
    """Whether this browser has not failed to load Plotly."""
    return not st.session_state.get(UNABLE)


def _give_up() -> None:
    st.session_state[UNABLE] = True


def _offer_plotly() -> None:
    """Let the server send the files of the installed Plotly; a server is told once."""
    manager = get_bidi_component_manager()
    if manager.get_component_path(LIBRARY) is None:
        package, component = LIBRARY.split(".")
        manifest = ComponentManifest(package, "1", [ComponentConfig(component, "package_data")])
        manager.register_from_manifest(manifest, PACKAGE)
