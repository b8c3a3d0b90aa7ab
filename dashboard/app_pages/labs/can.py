"""The lab on CAN."""

from dashboard.parts import chapters

chapters.show_lab("can")
