"""Stored measurements of a chapter as a table that is read without knowing the store."""

from collections.abc import Mapping

import polars as pl
import streamlit as st


def show(frame: pl.DataFrame, titles: Mapping[str, str], *, key: str, alt: str) -> None:
    """Columns of `titles` (column -> what the reader is told) that hold anything; numbers in four figures."""
    filled = {column.name for column in frame if column.null_count() < frame.height}
    kept = {name: title for name, title in titles.items() if name in filled}
    table = frame.select([*kept]).rename(kept)
    formats = {
        title: st.column_config.NumberColumn(format="%.4g") for title in kept.values() if table[title].dtype.is_float()
    }
    st.dataframe(table, key=key, hide_index=True, column_config=formats, alt=alt)
