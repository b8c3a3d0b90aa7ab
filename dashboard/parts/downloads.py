"""Buttons that save what a page shows: a frame as CSV, a page as one HTML file. Files are built on the click."""

from collections.abc import Callable

import polars as pl
import streamlit as st


def download(frame: pl.DataFrame | Callable[[], pl.DataFrame], name: str, *, label: str = "CSV") -> None:
    """Button that saves a frame as CSV; nested columns are written as JSON text. The file is built on the click."""
    st.download_button(
        label,
        data=lambda: to_csv(frame() if callable(frame) else frame),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=f"download_{name}",
        on_click="ignore",
    )


def to_csv(frame: pl.DataFrame) -> bytes:
    """CSV (UTF-8 with a byte order mark, so that Excel shows Chinese) of any frame."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    flat = frame.with_columns(
        pl.col(name).map_elements(lambda value: str(list(value)), return_dtype=pl.String) for name in nested
    )
    return flat.write_csv(include_bom=True).encode()


def save_report(build: Callable[[], bytes], name: str) -> None:
    """Button that saves what the page shows as one HTML file; it is built on the click."""
    st.download_button(
        "Save as report",
        data=build,
        file_name=f"{name}.html",
        mime="text/html",
        icon=":material/summarize:",
        help="one HTML file that opens without a network",
        on_click="ignore",
        key=f"{name}_report",
    )
