"""The lab on Johnson-Lindenstrauss."""

from dashboard.parts.labs import chapters

chapters.show_lab("johnson_lindenstrauss")
