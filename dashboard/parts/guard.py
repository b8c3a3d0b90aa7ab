"""A page that fails is one sentence, not a traceback, and the other pages go on."""

import functools
import os
import platform
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ParamSpec, overload

import streamlit as st
from streamlit.errors import FragmentHandledException

from store.errors import StoreError

NAME = "guard_page"
P = ParamSpec("P")


@contextmanager
def page(title: str) -> Iterator[None]:
    """Run a page; what it raises is told with the page's name, the message and how to report it.

    With the environment variable CLUEBOARD_DEBUG the exception goes on, as it does in the project's tests.
    """
    st.session_state[NAME] = title
    with _told():
        yield


@overload
def fragment(function: Callable[P, None]) -> Callable[P, None]: ...
@overload
def fragment(*, run_every: float | None) -> Callable[[Callable[P, None]], Callable[P, None]]: ...
def fragment(function: Callable[..., None] | None = None, *, run_every: float | None = None) -> Any:
    """`st.fragment` whose exceptions are told like a page's: Streamlit runs fragments again without the page."""
    if function is None:
        return functools.partial(fragment, run_every=run_every)

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> None:
        with _told():
            function(*arguments, **options)

    return st.fragment(guarded, run_every=run_every)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        st.error(f"The store cannot be read: {error}", icon=":material/database_off:")
    except FragmentHandledException:
        raise
    except Exception as error:
        if os.environ.get("CLUEBOARD_DEBUG"):
            raise
        _tell(error)


def _tell(error: Exception) -> None:
    title = st.session_state.get(NAME, "")
    said = " ".join(str(error).split())[:300] or type(error).__name__
    st.error(f"The page {title} could not be shown: {said}", icon=":material/bug_report:")
    st.caption(
        "The other pages and the stored runs are not affected. To report this, copy the lines below into an issue and "
        "say what you did; `python -m store check` tells whether the store itself is sound."
    )
    with st.expander("Lines for the report"):
        st.code("".join([_versions(title), "\n", *traceback.format_exception(error)][:200]), language=None)


def _versions(title: str) -> str:
    found = [f"page {title}", f"python {platform.python_version()}"]
    for package in ("clueboard", "streamlit", "polars", "duckdb"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
