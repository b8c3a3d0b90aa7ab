"""The lab on Johnson-Lindenstrauss."""

from dashboard.parts import chapters

chapters.show_lab("johnson_lindenstrauss")
