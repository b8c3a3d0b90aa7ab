"""CAN for several labels at once: each label of each row is a problem of two classes, so a threshold moves."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import can_map as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.can.alternation import correct_rows
from engine.can.correct import alternating_normalization_cells, uncertain_rows
from engine.can.multi_label import micro_f1, simulate_cells
from engine.evidence.intervals import mean_interval

ROWS, LABELS, PROBLEMS = 400, 5, 12
CURVE = np.linspace(0.001, 0.999, 401)
CODE = """
import numpy as np

sure = p[(p < 0.316) | (p > 0.684)]                    # p: probability that the label holds; entropy below 0.9
yes = rate * p / (sure.sum() + p)                      # rate: share of rows with the label in training
no = (1 - rate) * (1 - p) / ((1 - sure).sum() + 1 - p)
p = np.where((p < 0.316) | (p > 0.684), p, yes / (yes + no))
"""


@st.cache_data(show_spinner=False, max_entries=64)
def curve(rate: float, bias: float) -> tuple[np.ndarray, float]:
    """Corrected probability of a cell against its own, and from which probability on it is then positive."""
    pool = two(simulate_cells(ROWS, 1, rate=rate, bias=bias, rng=np.random.default_rng(0))[0][:, 0])
    sure, cells = pool[~uncertain_rows(pool, k=2)], two(CURVE)
    unsure, after = uncertain_rows(cells, k=2), CURVE.copy()
    after[unsure] = correct_rows(cells[unsure], sure if len(sure) else np.eye(2), np.array([rate, 1 - rate]))[:, 0]
    return after, float(CURVE[np.argmax(after >= 0.5)])


@st.cache_data(show_spinner=False, max_entries=64)
def gains(rate: float, bias: float) -> tuple[float, list[float]]:
    """Mean micro F1 before, and its gain on each random problem."""
    before, found = [], []
    for seed in range(PROBLEMS):
        probs, truth = simulate_cells(ROWS, LABELS, rate=rate, bias=bias, rng=np.random.default_rng(seed))
        fixed = alternating_normalization_cells(probs, np.full(LABELS, rate))
        before.append(micro_f1(truth, probs >= 0.5))
        found.append(micro_f1(truth, fixed.probs >= 0.5) - before[-1])
    return float(np.mean(before)), found


def two(probs: np.ndarray) -> np.ndarray:
    """(n,) -> (n, 2): a label holds or not."""
    return np.stack([probs, 1 - probs], axis=1)


def picture() -> Reading:
    """The curve of one label."""
    left, right = st.columns(2)
    rate = left.slider("Rate of the label", 0.05, 0.95, 0.2, 0.05, key="can_labels_rate", bind="query-params")
    bias = right.slider("Bias of the logits", -2.0, 2.0, 1.5, 0.1, key="can_labels_bias", bind="query-params")
    after, cut = curve(rate, bias)
    before, found = gains(rate, bias)
    mean, low, high, _ = mean_interval(found)
    lesson.titled(
        figures.cells(CURVE, after, cut=cut),
        f"CAN moves the decision on a label from 0.5 to {cut:.3f}"
        if abs(cut - 0.5) > CURVE[1] - CURVE[0]
        else "CAN leaves the decision on a label at 0.5",
        key="can_labels_curve",
        alt="Probability of a label after CAN against before",
    )
    best = 1 / (1 + np.exp(-bias))
    return Reading(
        see=f"with a rate of {{rate}} and a bias of {{bias}} only cells between 0.316 and 0.684 move, and the decision "
        f"moves from 0.5 to **{cut:.3f}**.",
        theory=f"each cell is the two-class problem (p, 1 − p) with the prior ({rate:g}, {1 - rate:g}) and binary "
        f"entropy. One row of two classes has one free number, so CAN can only move the threshold. With this bias the "
        f"exact posterior is one half at p = {best:.3f}.",
        measured=f"{PROBLEMS} random problems of {ROWS} rows and {LABELS} labels: micro F1 {before:.3f}, changed by "
        f"**{100 * mean:+.2f}** points (95 % {100 * low:+.2f} to {100 * high:+.2f}).",
        apart="the threshold moves inside the uncertain band alone, so a large bias is not repaired in full. A small "
        "one of a rare label is better left: F1 is best at thresholds below one half. A plain threshold "
        "chosen on labelled rows does as well, and is simpler.",
        drag={
            "rate": Number("can_labels_rate", spaced(0.05, 0.95, 0.05), "rate of the label"),
            "bias": Number("can_labels_bias", spaced(-2, 2, 0.1), "bias of the logits", "{:+.1f}"),
        },
    )


CHAPTER = Chapter(
    question="What if a row has several labels?",
    chinese="多标签形式 · multi-label CAN",
    lead="Where several labels may hold at once, each uncertain cell of the table is corrected alone, with the rate "
    "of its label as the prior.",
    guess=Guess(
        question="with two classes, how many different things can CAN do to a decision?",
        answers=("reorder rows", "move the threshold", "both"),
        right="move the threshold",
        because="Inside the uncertain band the corrected probability rises with the old one: all that changes is from "
        "where on a cell counts as positive.",
    ),
    picture=picture,
    beside=True,
    good_for="tagging and entity typing with many rare labels whose rates are known and whose scores run too high. "
    "`alternating_normalization_cells` takes one rate for all cells or one for each label.",
    formula=r"p\;\leftarrow\;\frac{r\,p/(S_1+p)}{r\,p/(S_1+p)+(1-r)(1-p)/(S_0+1-p)}",
    code=CODE,
    reference="Jia et al. (2021), [arXiv 2109.13449](https://arxiv.org/abs/2109.13449), entity typing and DialogRE; "
    "comments below [[8728]](https://kexue.fm/archives/8728).",
)
