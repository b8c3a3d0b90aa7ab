"""Stored times, which are in UTC, as the reader's clock shows them."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def zone() -> tzinfo:
    """The time zone of the reader's browser; UTC where it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def now() -> datetime:
    """This moment, in the reader's zone."""
    return datetime.now(zone())


def name() -> str:
    """The name of the reader's zone."""
    return str(getattr(zone(), "key", "UTC"))
