"""CAN for a student: a few rows of probabilities to edit, and every half-step in numbers and bars."""

import numpy as np
import polars as pl
import streamlit as st

from dashboard.figures.labs import can_steps as figures
from dashboard.parts import links, plots
from dashboard.parts.labs import lesson
from engine.can.alternation import HalfStep, half_steps
from engine.can.correct import top_k_entropy, usable_k
from engine.evidence.validation import check_prior, check_probs

TITLE = "How does one correction work?"
SENTENCE = (
    "Nine of ten questions are answered and nobody said D, so the tenth is probably D: each half-step in numbers."
)
CHINESE = "交替归一化的每一步"
NOTE = """The last row is the uncertain prediction, those above it are confident ones, the line below the table is the
class prior. Edit any number. One iteration has two half-steps: every **column** is scaled so that the mean over the
rows is the prior, then every **row** is scaled to sum to one. Classes that the confident rows leave empty take their
share from the only row that still has something to give: the uncertain one. At the end only the last row is kept."""
FORMULA = (
    r"Y \leftarrow Y^{\alpha}, \qquad Y_{ic} \leftarrow q_c \frac{Y_{ic}}{\frac{1}{n+1}\sum_j Y_{jc}}, \qquad "
    r"Y_{ic} \leftarrow \frac{Y_{ic}}{\sum_{c'} Y_{ic'}}"
)
SOURCE = (
    "[kexue.fm/archives/8728](https://kexue.fm/archives/8728), [Jia et al., 2021](https://arxiv.org/abs/2109.13449)"
)
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


def show_step(step: HalfStep, classes: list[str], number: int) -> None:
    """One half-step in bars and, folded, in numbers."""
    sums = step.matrix.mean(axis=0) if step.name == "between rows" else step.matrix.sum(axis=1)
    what = "column means" if step.name == "between rows" else "row sums"
    st.markdown(f"**Iteration {step.iteration}: {figures.NAMES[step.name]}**")
    plots.show(
        figures.half_step(step.matrix, classes),
        key=f"can_steps_bars_{number}",
        alt=f"Matrix after {step.name} of iteration {step.iteration}",
    )
    with st.expander(f"Numbers ({what}: {', '.join(f'{value:.3f}' for value in sums)})"):
        st.dataframe(
            pl.DataFrame(step.matrix, schema=classes, orient="row"),
            key=f"can_steps_numbers_{number}",
            column_config={name: st.column_config.NumberColumn(name, format="%.6f") for name in classes},
            alt="The matrix in numbers",
        )


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


def show() -> None:
    """The chapter below its title."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Example", list(EXAMPLES), key="can_steps_example", bind="query-params", width=240)
        alpha = st.slider("α", 0.1, 3.0, 1.0, 0.1, key="can_steps_alpha", bind="query-params", width=180)
        iterations = st.slider("Iterations", 1, 5, 1, key="can_steps_iterations", bind="query-params", width=180)
    matrix, prior, classes = edited(name)
    try:
        check_probs(matrix, name="the rows")
        prior = check_prior(prior, len(classes))
    except ValueError as error:
        st.error(f"{str(error)[0].upper()}{str(error)[1:]}.", icon=":material/error:")
        st.stop()
    steps = half_steps(matrix, prior, alpha=alpha, iterations=iterations)
    before, after = matrix[-1], steps[-1].matrix[-1]
    k = usable_k(min(3, max(2, len(classes) - 1)), len(classes))
    uncertainty = top_k_entropy(matrix, k=k)
    with st.container(horizontal=True):
        st.metric(
            "Decision before",
            classes[int(before.argmax())],
            f"{before.max():.3f}",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric(
            "Decision after", classes[int(after.argmax())], f"{after.max():.3f}", delta_color="off", delta_arrow="off"
        )
        st.metric(
            f"Uncertainty (k = {k})", f"{uncertainty[-1]:.3f}", help="entropy of the k largest, rescaled; 0.9 is usual"
        )
    if uncertainty[-1] < 0.9:
        st.caption("At the usual threshold of 0.9 this last row would count as confident and stay as it is.")
    lesson.predict(
        "the last row is unsure between several classes. Which one gains most from the column step?",
        ["its largest", "the one that confident rows gave least", "the most frequent in the prior"],
        right="the one that confident rows gave least",
        because="Its share of that column is the largest, and the column is scaled up to the prior. A skewed prior can "
        "still outweigh that: choose the example *Skewed prior*.",
        key="can_steps_guess",
    )
    st.markdown("**Why, in words (one iteration).** " + in_words(matrix, prior, classes, alpha=alpha))
    for number, step in enumerate(steps):
        show_step(step, classes, number)
    st.subheader("The uncertain row, iteration by iteration", anchor=False)
    plots.show(
        figures.path(half_steps(matrix, prior, alpha=alpha, iterations=10), before, classes),
        key="can_steps_path",
        alt="Probabilities of the uncertain row over ten iterations",
    )
    st.caption("With α = 1 many iterations approach the matrix whose column means are the prior (Sinkhorn scaling).")
    lesson.take_along(CODE, reference=SOURCE)
    links.chapter_link("can", "correct", "On the predictions of a run", icon=":material/tune:")
