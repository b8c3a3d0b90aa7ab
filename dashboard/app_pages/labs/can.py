"""The lab on CAN."""

from dashboard.parts.labs import chapters

chapters.show_lab("can")
