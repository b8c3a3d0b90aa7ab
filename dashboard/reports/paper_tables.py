r"""A table of results as Markdown or LaTeX: best value in bold, differences that are not noise marked.

Cells are `mean ± sd` in percent for fractions. `*` marks a value whose difference from the first column has a corrected
p-value below 0.05.
"""

from collections.abc import Collection, Sequence

import polars as pl

from dashboard.figures import words
from dashboard.frames.comparison import configurations
from engine.evidence.metrics import metric_of


def markdown(
    table: pl.DataFrame, *, significant: Collection[tuple[str, str]] = (), sentences: Sequence[str] = ()
) -> str:
    """Markdown of a metric table, below the sentences of the comparison.

    Args:
        sentences: what the comparison says, a paragraph each.
        table: metric, configuration, n, mean, sd (None for a single run), as `comparison.metric_table` returns it.
        significant: (metric, configuration) pairs to mark with a star.
    """
    sentences = [words.typeset(text) for text in sentences]
    names, rows = _cells(table, significant, bold="**{}**", plus_minus="±", minus="\N{MINUS SIGN}")
    lines = ["| metric | " + " | ".join(_escape_markdown(name) for name in names) + " |"]
    lines += ["|---" * (len(names) + 1) + "|"]
    lines += [f"| {_escape_markdown(metric)} | " + " | ".join(cells) + " |" for metric, cells in rows]
    return "\n".join([*(f"{text}\n" for text in sentences), *lines, "", _legend(table, significant)])


def latex(table: pl.DataFrame, *, significant: Collection[tuple[str, str]] = (), sentences: Sequence[str] = ()) -> str:
    r"""LaTeX (booktabs) of a metric table; arguments as for `markdown`."""
    names, rows = _cells(table, significant, bold=r"\textbf{{{}}}", plus_minus=r"$\pm$", minus="$-$")
    lines = [
        r"% needs \usepackage{booktabs}; Chinese needs XeLaTeX and \usepackage{ctex}",
        *(f"{latex_text(words.typeset(text))}\n" for text in sentences),
        r"\begin{tabular}{l" + "r" * len(names) + "}",
        r"\toprule",
    ]
    lines += ["metric & " + " & ".join(latex_text(name) for name in names) + r" \\", r"\midrule"]
    lines += [f"{latex_text(metric)} & " + " & ".join(cells) + r" \\" for metric, cells in rows]
    lines += [r"\bottomrule", r"\end{tabular}", "% " + _legend(table, significant)]
    return "\n".join(lines)


def _cells(
    table: pl.DataFrame, significant: Collection[tuple[str, str]], *, bold: str, plus_minus: str, minus: str
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    names = table["configuration"].unique(maintain_order=True).to_list()
    rows = []
    for part in table.partition_by("metric", maintain_order=True):
        metric = part["metric"][0]
        values = {row["configuration"]: row for row in part.iter_rows(named=True)}
        means = [row["mean"] for row in values.values()]
        best = max(means) if metric_of(metric).higher_is_better else min(means)
        percent, ranked = metric_of(metric).fraction, metric.rpartition("/")[2] not in configurations.UNSCORED
        cells = []
        for name in names:
            if name not in values:
                cells.append("–")
                continue
            text = _number(values[name]["mean"], values[name]["sd"], percent=percent, plus_minus=plus_minus)
            text = text.replace("-", minus)
            text = bold.format(text) if ranked and values[name]["mean"] == best and len(names) > 1 else text
            cells.append(text + ("*" if (metric, name) in significant else ""))
        rows.append((words.name(metric), cells))
    return names, rows


def _number(mean: float, sd: float | None, *, percent: bool, plus_minus: str) -> str:
    scale, digits = (100, 2) if percent else (1, 4)
    spread = "" if sd is None else f" {plus_minus} {scale * sd:.{digits}f}"
    return f"{scale * mean:.{digits}f}{spread}"


def _legend(table: pl.DataFrame, significant: Collection[tuple[str, str]]) -> str:
    counts = table.group_by("configuration", maintain_order=True).agg(pl.col("n").max())
    runs = ", ".join(f"{row['configuration']}: n = {row['n']}" for row in counts.iter_rows(named=True))
    star = "; * differs from the first column, p < 0.05 after Holm's correction" if significant else ""
    return f"Fractions in percent; mean and standard deviation over runs ({runs}){star}."


def _escape_markdown(text: str) -> str:
    return text.replace("|", "\\|")


_LATEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
_LATEX |= {
    "\N{NO-BREAK SPACE}": "~",
    "^": r"\textasciicircum{}",
    "\N{MINUS SIGN}": "$-$",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
}
"""Signs that LaTeX would read, or that its text fonts lack."""


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX.get(sign, sign) for sign in text)
