"""What pages need once, loaded behind the server's first answer instead of within a later one."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import polars as pl
import streamlit as st
from streamlit import dataframe_util

from dashboard.figures import style, unchecked

SLOW = ("pandas", "scipy.special", "scipy.optimize", "choreographer.browsers.chromium")
"""Those that take longest, 1.3 s together; the last one looks for the browser that draws PDF files."""
OWN = ("figures", "parts", "reports", "chapters")
"""Packages of the dashboard whose modules are loaded too, 0.15 s together."""


@st.cache_resource(show_spinner=False)
def load_ahead() -> None:
    """Load them in a thread, once a server."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="libraries")
    for name in SLOW:
        pool.submit(import_module, name)
    pool.submit(_load_own)
    pool.submit(_draw_first)
    pool.shutdown(wait=False)


def _load_own() -> None:
    for name in OWN:
        package = import_module(f"dashboard.{name}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)


def _draw_first() -> None:
    """A figure and a table: the first ones of a server take 0.02 s longer than all others."""
    style.finish(unchecked.Figure([{"y": np.zeros(2)}]), x="", y="").to_json()
    dataframe_util.convert_pandas_df_to_arrow_bytes(pl.DataFrame({"x": ["a"], "y": [1]}).to_pandas())


def keep() -> None:
    """Leave what is loaded out of garbage collections: walking through it takes 0.1 s of each answer."""
    _freeze(len(sys.modules))


@st.cache_resource(show_spinner=False, max_entries=1)
def _freeze(modules: int) -> None:
    gc.freeze()
