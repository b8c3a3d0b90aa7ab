"""Libraries that most pages need, loaded behind the server's first answer instead of within a later one."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import streamlit as st

SLOW = ("pandas", "scipy.special", "scipy.optimize", "choreographer.browsers.chromium")
"""Those that take longest, 1.3 s together; the last one looks for the browser that draws PDF files."""


@st.cache_resource(show_spinner=False)
def load_ahead() -> None:
    """Load them in a thread, once a server."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="libraries")
    for name in SLOW:
        pool.submit(import_module, name)
    pool.shutdown(wait=False)


def keep() -> None:
    """Leave what is loaded out of garbage collections: walking through it takes 0.1 s of each answer."""
    _freeze(len(sys.modules))


@st.cache_resource(show_spinner=False, max_entries=1)
def _freeze(modules: int) -> None:
    gc.freeze()
