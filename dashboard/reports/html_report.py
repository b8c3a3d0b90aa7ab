"""A run or a comparison as one HTML file that opens without a network: text, tables and interactive figures.

plotly's script is written into the file once. Colours follow the reader's light or dark setting; figures set no
background of their own.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl
from plotly.offline import get_plotlyjs

from dashboard.figures import style, words

_STYLE = """
:root { color-scheme: light dark; }
body { font-family: LETTERS, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
       max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .25rem .7rem; border-bottom: 1px solid rgba(125,133,144,.35); vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .6rem; background: rgba(125,133,144,.12);
      border-radius: .4rem; }
.wide { overflow-x: auto; }
.figure { background: #ffffff; border-radius: .4rem; }
footer { margin-top: 3rem; font-size: .85rem; opacity: .7; }
""".replace("LETTERS", style.LETTERS)
MOST_ROWS = 200
"""Rows of a table in a report; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs, tables, figures and code, in this order of types as given."""

    heading: str
    parts: Sequence[str | pl.DataFrame | go.Figure | tuple[str, str]]
    """text is a paragraph, ("code", text) a block of code, ("html", text) goes in as it is"""


def html_report(title: str, sections: Sequence[Section], *, footer: str) -> str:
    """One self-contained HTML document.

    Args:
        title: heading of the document.
        sections: its parts.
        footer: last line, such as the store and the time.
    """
    figures = any(isinstance(part, go.Figure) for section in sections for part in section.parts)
    script = f"<script>{get_plotlyjs()}</script>" if figures else ""
    body = "".join(
        f"<h2>{html.escape(section.heading)}</h2>" + "".join(map(_part, section.parts)) for section in sections
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>{script}</head>'
        f"<body><h1>{html.escape(title)}</h1>{body}<footer>{html.escape(footer)}</footer></body></html>"
    )


def _part(part: str | pl.DataFrame | go.Figure | tuple[str, str]) -> str:
    if isinstance(part, go.Figure):
        figure = go.Figure(part).update_layout(template="plotly_white")
        drawn = figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
        return f'<div class="figure">{drawn}</div>'
    if isinstance(part, pl.DataFrame):
        return _table(part)
    if isinstance(part, tuple):
        kind, text = part
        return text if kind == "html" else f"<pre>{html.escape(text)}</pre>"
    return f"<p>{html.escape(words.typeset(part))}</p>"


def _table(frame: pl.DataFrame) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in frame.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in frame.head(MOST_ROWS).iter_rows()
    )
    left_out = f"<p>{frame.height - MOST_ROWS:,} more rows.</p>" if frame.height > MOST_ROWS else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{left_out}'


def _cell(value: object) -> str:
    return words.minus(f"{value:.5g}") if isinstance(value, float) else words.setting_of(value)
