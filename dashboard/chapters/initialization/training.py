"""Does the rule matter for training? Stored experiments on deep stacks, and the matrices of trained encoders."""

import math

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures import words
from dashboard.figures.labs import initialization as figures
from dashboard.parts import headings, plots
from engine.initialization.rules import RULES, fan_variance

TITLE = "Does the rule matter once the network is trained?"
SENTENCE = (
    "The same small networks trained under every rule, each at its own best learning rate, with intervals over seeds."
)
CHINESE = "不同初始化下的训练"
NOTE = """Stacks of blocks narrow-wide-narrow learn a small regression from the same data and the same draws, each
rule at its own best learning rate. The post left this open: how much of the theory survives SGD, Adam, residuals and
norms? Bands are 95 % intervals over seeds."""
SOURCE = "[kexue.fm/archives/8725](https://kexue.fm/archives/8725) (no experiment there)"
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


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()

    def show_training() -> None:
        """Curves, final losses and a verdict of one stored experiment."""
        best = queries.measurements(version, "init_training_best", experiment="initialization")
        if best.is_empty():
            headings.empty("python -m jobs.initialization train")
            return
        ids = best["run_id"].unique().sort(descending=True).to_list()
        left, middle, right = st.columns([2, 1, 1])
        run_id = left.selectbox("Run", ids, key="initialization_training_run", bind="query-params")
        best = best.filter(run_id=run_id)
        variants = [name for name in VARIANTS if name in best["variant"].to_list()]
        variant = middle.selectbox(
            "Variant", variants, format_func=VARIANTS.get, key="initialization_training_variant", bind="query-params"
        )
        optimizers = best["optimizer"].unique().sort(descending=True).to_list()
        optimizer = right.selectbox(
            "Optimizer", optimizers, key="initialization_training_optimizer", bind="query-params"
        )
        best = best.filter(variant=variant, optimizer=optimizer)
        st.markdown(verdict(best))
        curves = queries.measurements(version, "init_training", run_ids=(run_id,)).filter(
            variant=variant, optimizer=optimizer
        )
        rates = best.filter(metric="learning_rate").select("rule", learning_rate="value")
        order = best.filter(metric="loss").sort("value").select("rule")
        left, right = st.columns(2)
        plots.show(
            figures.training_curves(order.join(curves.join(rates, on=["rule", "learning_rate"]), on="rule")),
            key="initialization_training_curves",
            alt="Held-out loss by update and rule",
            place=left,
        )
        last = curves.filter(step=curves["step"].max()).filter(pl.col("value").is_finite())
        plots.show(
            figures.loss_by_rate(order.join(last, on="rule")),
            key="initialization_training_rates",
            alt="Final loss by learning rate and rule",
            place=right,
        )
        drawn = last.filter(pl.col("value") < figures.CEILING)
        gone = (
            curves.select("rule", "learning_rate").unique().height
            - drawn.select("rule", "learning_rate").unique().height
        )
        losses = best.filter(metric="loss").select("rule", loss="value", low="low", high="high", seeds="n")
        st.caption(
            f"Means and 95 % intervals{words.over(losses['seeds'].min(), 'seed')}; left, each rule at "
            "its own best rate. "
            f"Not drawn on the right: {gone} settings whose loss diverged or ended above {figures.CEILING:g}."
        )
        st.dataframe(
            losses.join(rates, on="rule").sort("loss"),
            key="initialization_training_table",
            hide_index=True,
            column_config={"learning_rate": st.column_config.NumberColumn("learning rate", format="%g")}
            | {name: st.column_config.NumberColumn(format="%.4f") for name in ("loss", "low", "high")},
            alt="Final losses by rule",
        )

    def show_matrices() -> None:
        """Trained matrices of an encoder beside what the rules would have given them."""
        frame = queries.measurements(version, "init_matrices", experiment="initialization")
        if frame.is_empty():
            headings.empty(
                "python -m jobs.initialization measure --model hfl/chinese-roberta-wwm-ext", "No encoder was measured."
            )
            return
        run_id = frame["run_id"].max()
        table = (
            frame.filter(run_id=run_id, source="measured")
            .pivot("metric", index=["name", "fan_in", "fan_out"], values="value")
            .with_columns(
                pl.struct("fan_in", "fan_out", "variance")
                .map_elements(nearest_rule, return_dtype=pl.String)
                .alias("nearest rule")
            )
        )
        st.dataframe(table, key="initialization_training_matrices", alt="Trained matrices and their gains")
        name = st.selectbox(
            "Matrix", table["name"].to_list(), key="initialization_training_matrix", bind="query-params"
        )
        bins = queries.measurements(version, "init_matrix_spectra", run_ids=(run_id,)).filter(
            name=name, metric="density", source="measured"
        )
        row = table.filter(name=name).row(0, named=True)
        bins = bins.sort("left")
        plots.show(
            figures.spectrum_bars(
                bins["left"].to_numpy(),
                bins["right"].to_numpy(),
                bins["value"].to_numpy(),
                fan_in=row["fan_in"],
                fan_out=row["fan_out"],
                variance=row["variance"],
                name="trained matrix",
            ),
            key="initialization_training_spectrum",
            alt="Singular values of a trained matrix beside the law of a random one",
        )
        st.caption("The line is the law of independent entries with the same variance: what sticks out was learned.")

    show_training()
    st.subheader("Matrices of a trained encoder", anchor=False)
    show_matrices()
