"""CAN for a student: a few rows of probabilities to edit, and every half-step in numbers and bars."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard.figures.labs import can_steps as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number, spaced
from engine.can.alternation import correct_rows, half_steps
from engine.can.correct import top_k_entropy, usable_k
from engine.evidence.validation import check_prior, check_probs

CODE = """
import numpy as np

column_sums = (confident**alpha).sum(axis=0)         # confident (n, m): probabilities of the sure rows
row = prior * unsure**alpha / (column_sums + unsure**alpha)
row /= row.sum()                                     # one iteration, the post's setting: alpha = 1
"""
EXAMPLES = {
    "Ten questions, no D": (
        [[0.90, 0.05, 0.03, 0.02], [0.85, 0.05, 0.05, 0.05], [0.04, 0.90, 0.03, 0.03], [0.10, 0.08, 0.80, 0.02],
         [0.34, 0.30, 0.06, 0.30]],
        [0.25, 0.25, 0.25, 0.25],
    ),
    "The post's two classes": ([[0.05, 0.95], [0.50, 0.50]], [0.5, 0.5]),
    "The paper's smile and hat": ([[0.00, 1.00], [0.50, 0.50]], [0.5, 0.5]),
    "Skewed prior": (
        [[0.90, 0.05, 0.03, 0.02], [0.85, 0.05, 0.05, 0.05], [0.04, 0.90, 0.03, 0.03], [0.10, 0.08, 0.80, 0.02],
         [0.34, 0.30, 0.06, 0.30]],
        [0.6, 0.2, 0.1, 0.1],
    ),
}  # fmt: skip


def edited(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The example as the person changed it: rows (n + 1, m), prior (m,), class names."""
    rows, prior = EXAMPLES[name]
    classes = [chr(ord("A") + index) for index in range(len(prior))]
    labels = [*(f"confident {index}" for index in range(1, len(rows))), "uncertain", "prior"]
    frame = pl.DataFrame([*rows, prior], schema=classes, orient="row").insert_column(0, pl.Series("row", labels))
    columns = {
        name: st.column_config.NumberColumn(name, min_value=0.0, max_value=1.0, format="%.3f") for name in classes
    }
    result = st.data_editor(
        frame,
        key=f"can_steps_rows_{list(EXAMPLES).index(name)}",
        column_config={"row": st.column_config.TextColumn("Row", disabled=True), **columns},
        hide_index=True,
        alt="Probabilities to edit: confident rows, the uncertain row, the prior",
    )
    values = result.select(classes).to_numpy()
    return values[:-1], values[-1], classes


def in_words(matrix: np.ndarray, prior: np.ndarray, classes: list[str], *, alpha: float) -> str:
    """Why the decision is what it is after one iteration: each class's share that only the last row can fill."""
    confident, last = matrix[:-1] ** alpha, matrix[-1] ** alpha
    sums = confident.sum(axis=0)
    shares = np.divide(last, sums + last, out=np.zeros_like(last), where=sums + last > 0)
    weights = prior * shares
    if not weights.sum() > 0:
        return "The last row gives nothing to any class that the prior allows."
    final = weights / weights.sum()
    before, after = int(matrix[-1].argmax()), int(final.argmax())
    told = (
        f"The confident rows give **{classes[after]}** {sums[after]:.2f} in all, so the last row's {last[after]:.2f} "
        f"is {shares[after]:.0%} of that column."
    )
    if before == after:
        return (
            f"{told} No other class outweighs it once multiplied by its prior ({prior[after]:.2f}): the decision stays "
            f"**{classes[after]}**, now at {final[after]:.3f}."
        )
    return (
        f"{told} They give **{classes[before]}** {sums[before]:.2f}, so there its {last[before]:.2f} is only "
        f"{shares[before]:.0%}. The column step hands out each class's prior ({classes[after]} {prior[after]:.2f}, "
        f"{classes[before]} {prior[before]:.2f}) by these shares, and {prior[after]:.2f} · {shares[after]:.2f} is more "
        f"than {prior[before]:.2f} · {shares[before]:.2f}: **{classes[after]} wins** with {final[after]:.3f}."
    )


def of_all(after: np.ndarray, classes: list[str], iterations: int, first: str) -> str:
    """What all iterations end at, then the words of the first one."""
    end = f"the last row ends at **{classes[int(after.argmax())]}** {after.max():.3f}. The first iteration: "
    return (end if iterations > 1 else "") + f"{first[0].lower()}{first[1:]}"


def settings() -> tuple[np.ndarray, np.ndarray, list[str], float, int] | None:
    """The edited example with alpha and the number of iterations; None after a sentence that says what is wrong."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Example", list(EXAMPLES), key="can_steps_example", bind="query-params", width=220)
        alpha = st.slider("α", 0.1, 3.0, 1.0, 0.1, key="can_steps_alpha", bind="query-params", width=130)
        iterations = st.slider("Iterations", 1, 5, 1, key="can_steps_iterations", bind="query-params", width=130)
    matrix, prior, classes = edited(name)
    try:
        check_probs(matrix, name="the rows")
        return matrix, check_prior(prior, len(classes)), classes, alpha, iterations
    except ValueError as error:
        st.error(f"{str(error)[0].upper()}{str(error)[1:]}.", icon=":material/error:")
        return None


def show_decision(matrix: np.ndarray, after: np.ndarray, classes: list[str]) -> None:
    """The decision before and after, and how uncertain the row is."""
    before, k = matrix[-1], usable_k(min(3, max(2, len(classes) - 1)), len(classes))
    uncertainty = top_k_entropy(matrix, k=k)[-1]
    with st.container(horizontal=True):
        for name, row in (("Decision before", before), ("Decision after", after)):
            decision = classes[int(row.argmax())]
            st.metric(name, decision, f"{row.max():.3f}", delta_color="off", delta_arrow="off")
        st.metric(f"Uncertainty (k = {k})", f"{uncertainty:.3f}", help="entropy of the k largest, rescaled")
    if uncertainty < 0.9:
        st.caption("At the usual threshold of 0.9 this last row would count as confident and stay as it is.")


def picture() -> Reading | None:
    """Every half-step in bars, and the path of the last row."""
    chosen = settings()
    if chosen is None:
        return None
    matrix, prior, classes, alpha, iterations = chosen
    steps = half_steps(matrix, prior, alpha=alpha, iterations=iterations)
    after = steps[-1].matrix[-1]
    show_decision(matrix, after, classes)
    lesson.titled(
        figures.half_steps(matrix, steps, classes),
        "What does each half-step do to the rows? Drag the slider",
        key="can_steps_bars",
        alt="Bars of every row, moving from half-step to half-step",
    )
    further = half_steps(matrix, prior, alpha=alpha, iterations=10)
    end = further[-1].matrix[-1]
    lesson.titled(
        figures.path(further, matrix[-1], classes),
        f"After ten iterations the uncertain row gives {classes[int(end.argmax())]} {end.max():.2f}",
        key="can_steps_path",
        alt="Probabilities of the uncertain row over ten iterations",
    )
    closed = correct_rows(matrix[-1:], matrix[:-1], prior, alpha=alpha, iterations=iterations)[0]
    return Reading(
        see=f"with α = {{alpha}} and {{iterations}} {'iteration' if iterations == 1 else 'iterations'}: "
        + of_all(after, classes, iterations, in_words(matrix, prior, classes, alpha=alpha)),
        theory="one iteration needs only the sums S of the confident rows: the class c gets "
        "q(c) · b(c)^α / (S(c) + b(c)^α), divided by the total. A class that they leave empty keeps nearly all of its "
        "prior for the last row.",
        measured=f"the half-steps above and this closed form differ by {np.abs(closed - after).max():.1g}, for "
        f"{len(classes)} classes; nothing is random, so there is no interval.",
        apart="more iterations do not move on in one direction: with α = 1 the row goes past its limit and comes "
        "back. The limit is the matrix whose column means are the prior (Sinkhorn scaling).",
        drag={
            "alpha": Number("can_steps_alpha", spaced(0.1, 3, 0.1), "α, the power of each probability"),
            "iterations": Number("can_steps_iterations", range(1, 6), "iterations"),
        },
    )


CHAPTER = Chapter(
    question="How does one correction work?",
    chinese="交替归一化 · alternating normalization (CAN)",
    lead="An uncertain prediction is corrected with the known mix of classes: columns are scaled to the prior, then "
    "rows to one. Edit any number.",
    guess=Guess(
        question="the last row is unsure between several classes. Which one gains most from the column step?",
        answers=("its largest", "the one that confident rows gave least", "the most frequent in the prior"),
        right="the one that confident rows gave least",
        because="Its share of that column is the largest, and the column is scaled up to the prior. A skewed prior can "
        "still outweigh that: choose the example *Skewed prior*.",
    ),
    picture=picture,
    beside=True,
    good_for="a classifier whose class mix is off although the true mix is known. Confident rows stay as they are, and "
    "nothing is trained. The next chapter maps where it helps.",
    formula=r"b_c\;\leftarrow\;\frac1Z\,q_c\,\frac{b_c^{\alpha}}{S_c+b_c^{\alpha}},\qquad "
    r"S_c=\sum_{i\,\text{confident}}A_{ic}^{\alpha}",
    code=CODE,
    reference="Su Jianlin, [[8728]](https://kexue.fm/archives/8728); "
    "Jia et al. (2021), [arXiv 2109.13449](https://arxiv.org/abs/2109.13449).",
)
