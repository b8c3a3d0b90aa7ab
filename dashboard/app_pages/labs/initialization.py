"""The lab on Initialization."""

from dashboard.parts.labs import chapters

chapters.show_lab("initialization")
