"""The lab on Initialization."""

from dashboard.parts import chapters

chapters.show_lab("initialization")
