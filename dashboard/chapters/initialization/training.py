"""Does the rule matter for training? Stored experiments on deep stacks, and the matrices of trained encoders."""

import math

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import initialization as figures
from dashboard.parts import headings, plots
from dashboard.parts.labs import stored_table
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.initialization.rules import RULES, fan_variance

CODE = """
import torch

for layer in (m for m in model.modules() if isinstance(m, torch.nn.Linear)):
    n, m = layer.weight.shape
    torch.nn.init.normal_(layer.weight, std=(m * n) ** -0.25)
    torch.nn.init.zeros_(layer.bias)
"""
VARIANTS = {"plain": "plain", "residual": "residual", "norm": "norm", "residual_norm": "residual and norm"}


def verdict(best: pl.DataFrame) -> str:
    """The best rule among those that learned, how many did not, and how many differ from geometric beyond doubt."""
    losses = best.filter(metric="loss")
    learned = losses.filter(pl.col("value").is_finite() & (pl.col("value") < 1)).sort("value")
    failed = losses.filter(~pl.col("rule").is_in(learned["rule"].to_list()))["rule"].to_list()
    if learned.is_empty():
        return (
            f"**No rule is best**: under all {len(failed)} the loss diverged or stayed at 1 or above, which is what "
            "predicting the mean costs."
        )
    first = learned.row(0, named=True)
    sentence = f"Best is **{first['rule']}** with a loss of {first['value']:.4f}"
    if None not in (first["low"], first["high"]) and math.isfinite(first["high"] - first["low"]):
        sentence += f" [{first['low']:.4f}, {first['high']:.4f}]"
    if failed:
        sentence += f"; nothing was learned (loss 1 or above, or diverged) under {', '.join(failed)}"
    kept = pl.col("rule").is_in(learned["rule"].to_list())
    pairs = best.filter(kept, pl.col("metric") == "against_geometric").filter(pl.col("low").is_not_nan())
    worse, better = pairs.filter(pl.col("low") > 0), pairs.filter(pl.col("high") < 0)
    if pairs.is_empty() or "geometric" in failed:
        return sentence + "."
    lists = [
        f"{word} {', '.join(frame['rule'].to_list())}"
        for word, frame in (("clearly worse than geometric:", worse), ("clearly better:", better))
        if not frame.is_empty()
    ]
    return f"{sentence}; " + ("; ".join(lists) or "no other rule differs from geometric beyond its 95 % interval") + "."


def nearest_rule(row: dict[str, float]) -> str:
    """The rule whose variance comes nearest to that of a trained matrix, on a log scale."""
    ratios = {
        rule: fan_variance(int(row["fan_in"]), int(row["fan_out"]), rule=rule) / row["variance"] for rule in RULES
    }
    rule = min(ratios, key=lambda name: max(ratios[name], 1 / ratios[name]))
    return f"{rule} (× {1 / ratios[rule]:.3g})"


def chosen_best(version: str) -> tuple[str, pl.DataFrame] | None:
    """The run and its best settings for one variant and optimizer; None after the command that makes them."""
    best = queries.measurements(version, "init_training_best", experiment="initialization")
    if best.is_empty():
        headings.empty("python -m jobs.initialization train")
        return None
    ids = best["run_id"].unique().sort(descending=True).to_list()
    left, middle, right = st.columns([2, 1, 1])
    run_id = left.selectbox("Run", ids, key="initialization_training_run", bind="query-params")
    best = best.filter(run_id=run_id)
    variants = [name for name in VARIANTS if name in best["variant"].to_list()]
    variant = middle.selectbox(
        "Variant",
        variants,
        format_func=lambda name: VARIANTS.get(name, name),
        key="initialization_training_variant",
        bind="query-params",
    )
    optimizers = best["optimizer"].unique().sort(descending=True).to_list()
    optimizer = right.selectbox("Optimizer", optimizers, key="initialization_training_optimizer", bind="query-params")
    return str(run_id), best.filter(variant=variant, optimizer=optimizer)


def picture() -> Reading | None:
    """Curves, final losses and a verdict of one stored experiment."""
    version = queries.store_version()
    found = chosen_best(version)
    if found is None:
        return None
    run_id, best = found
    curves = queries.measurements(version, "init_training", run_ids=(run_id,)).filter(
        variant=best["variant"].first(), optimizer=best["optimizer"].first()
    )
    rates = best.filter(metric="learning_rate").select("rule", learning_rate="value")
    order = best.filter(metric="loss").sort("value").select("rule")
    last = curves.filter(step=curves["step"].max()).filter(pl.col("value").is_finite())
    left, right = st.columns(2)
    plots.show(
        figures.training_curves(order.join(curves.join(rates, on=["rule", "learning_rate"]), on="rule")),
        key="initialization_training_curves",
        title="Which rule learns best? Held-out loss, each at its best rate",
        alt="Held-out loss by update and rule",
        place=left,
    )
    plots.show(
        figures.loss_by_rate(order.join(last, on="rule")),
        key="initialization_training_rates",
        title="How does the final loss depend on the learning rate?",
        alt="Final loss by learning rate and rule",
        place=right,
    )
    losses = best.filter(metric="loss").select("rule", loss="value", low="low", high="high", seeds="n")
    show_losses(losses, rates)
    return reading(best, losses, missing(curves, last))


def missing(curves: pl.DataFrame, last: pl.DataFrame) -> int:
    """Settings whose loss diverged or ended above what is drawn."""
    drawn = last.filter(pl.col("value") < figures.CEILING)
    settings = ["rule", "learning_rate"]
    return curves.select(settings).unique().height - drawn.select(settings).unique().height


def show_losses(losses: pl.DataFrame, rates: pl.DataFrame) -> None:
    """The final losses as a table."""
    titles = {"rule": "rule", "loss": "held-out loss / variance", "low": "95 % from", "high": "to", "seeds": "seeds"}
    stored_table.show(
        losses.join(rates, on="rule").sort("loss"),
        titles | {"learning_rate": "learning rate"},
        key="initialization_training_table",
        alt="Final losses by rule",
    )


def reading(best: pl.DataFrame, losses: pl.DataFrame, gone: int) -> Reading:
    """The words, with the stored losses."""
    return Reading(
        see="held-out losses by update on the left, the last ones by learning rate on the right"
        + (
            f", but for {words.count(gone, 'setting')} whose loss diverged or ended above {figures.CEILING:g}."
            if gone
            else "."
        ),
        theory="SGD feels the scale of gradients, Adam divides it out. Residual connections and norms keep signals "
        "alive whatever the rule.",
        measured=f"{verdict(best)} {words.means(losses['seeds'].min(), 'seed')}.",
        apart="the post made no experiment and calls Xavier a fair compromise; these are small stacks, a regression, "
        "and few seeds.",
    )


def show_matrices() -> None:
    """Trained matrices of an encoder beside what the rules would have given them."""
    version = queries.store_version()
    frame = queries.measurements(version, "init_matrices", experiment="initialization")
    if frame.is_empty():
        headings.empty(
            "python -m jobs.initialization measure --model hfl/chinese-roberta-wwm-ext",
            "No encoder was measured yet (some 400 MB are downloaded).",
        )
        return
    run_id = str(frame["run_id"].max())
    shape = pl.struct("fan_in", "fan_out", "variance")
    table = (
        frame.filter(run_id=run_id, source="measured")
        .pivot("metric", index=["name", "fan_in", "fan_out"], values="value")
        .with_columns(shape.map_elements(nearest_rule, return_dtype=pl.String).alias("nearest rule"))
    )
    st.dataframe(table, key="initialization_training_matrices", alt="Trained matrices and their gains")
    name = st.selectbox("Matrix", table["name"].to_list(), key="initialization_training_matrix", bind="query-params")
    bins = queries.measurements(version, "init_matrix_spectra", run_ids=(run_id,))
    bins = bins.filter(name=name, metric="density", source="measured").sort("left")
    row = table.filter(name=name).row(0, named=True)
    sizes = {side: row[side] for side in ("fan_in", "fan_out", "variance")}
    plots.show(
        figures.spectrum_bars(
            *(bins[column].to_numpy() for column in ("left", "right", "value")), name="trained matrix", **sizes
        ),
        key="initialization_training_spectrum",
        title="What did training add to a random spectrum?",
        alt="Singular values of a trained matrix beside the law of a random one",
    )
    st.caption("The line is the law of independent entries with the same variance: what sticks out was learned.")


CHAPTER = Chapter(
    question="Does the rule matter once the network is trained?",
    chinese="不同初始化下的训练 · training under every rule",
    lead="Small stacks learn a regression under every rule, each at its own best learning rate: the experiment that "
    "the post left open.",
    guess=Guess(
        question="with which of these could our runs tell the rules apart?",
        answers=("plain stacks", "residual connections", "residuals and norms"),
        right="residual connections",
        because="There the rules of smaller variance win under SGD: arithmetic 0.118 against geometric 0.197. In plain "
        "stacks no difference is beyond its interval, and norms shrink the gaps to 0.003 to 0.015.",
        measured="on 22 November 2026",
    ),
    picture=picture,
    good_for="deciding whether to care: with norms take any rule; residual stacks under SGD want a small variance. "
    "The exact balance of both passes bought nothing that could be measured.",
    formula=r"W\sim\mathcal N(0,\sigma^2_{\text{rule}}),\qquad x_{l+1}=x_l+W'_l\,\phi(W_l\,x_l)",
    code=CODE,
    reference="Su Jianlin, [[8725]](https://kexue.fm/archives/8725) (no experiment there); "
    "`python -m jobs.initialization train`.",
    more={"Matrices of a trained encoder": show_matrices},
    inside={"initialization_training_matrix": "Matrices of a trained encoder"},
)
