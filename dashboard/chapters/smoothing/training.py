"""Networks trained with smooth activations: a small regression and tiny CLUE encoders, with intervals over seeds."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import smoothing as figures
from dashboard.parts import badges, headings, plots
from engine.evidence.intervals import mean_interval

TITLE = "Do smooth activations train better?"
SENTENCE = "Held-out error of the same network with each activation, with 95 % intervals over seeds."
CHINESE = "用光滑激活函数训练"
NOTE = """The same data, first weights and order of batches for every activation, several seeds: held-out error with
95 % intervals. `name:width` is a fixed width, `:trainable` lets the width be learned. Differences smaller than the
intervals are not differences."""
SOURCE = "[kexue.fm/archives/8718](https://kexue.fm/archives/8718); activations: `engine.smoothing.activations`"


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()

    def show_regression() -> None:
        """Dot plot, verdict and learned widths of the newest regression."""
        frame = queries.measurements(version, "smoothing_regression", experiment="smoothing")
        if frame.is_empty():
            headings.empty("python -m jobs.smoothing train --parts regression")
            return
        frame = frame.filter(pl.col("run_id") == pl.col("run_id").max())
        target = st.segmented_control(
            "Target",
            frame["target"].unique().sort().to_list(),
            default="smooth",
            key="smoothing_training_target",
            bind="query-params",
        )
        frame = frame.filter(target=target or "smooth")
        errors = frame.filter(metric="error").sort("value")
        pairs = frame.filter(metric="against_first")
        better = pairs.filter(pl.col("high") < 0).sort("value")["activation"].to_list()
        worse = pairs.filter(pl.col("low") > 0).sort("value")["activation"].to_list()
        st.markdown(
            f"Best: **{errors['activation'][0]}** with {errors['value'][0]:.4f} "
            f"(means with 95 % intervals over {errors['n'].min()} seeds). In pairs of seeds, clearly better than "
            f"ReLU: {', '.join(better) or 'none'}; clearly worse: {', '.join(worse) or 'none'}."
        )
        plots.show(
            figures.intervals(errors, label="activation", x="Held-out error / variance"),
            key="smoothing_training_errors",
            alt="Held-out errors by activation with intervals",
        )
        learned = frame.filter(metric="width").select("activation", width="value", low="low", high="high")
        if not learned.is_empty():
            st.caption("Widths that were learned:")
            st.dataframe(learned, key="smoothing_training_widths", alt="Learned widths by activation")

    def show_encoders() -> None:
        """Accuracy of tiny encoders by activation, over the seeds stored."""
        runs = queries.run_list(version, experiment="clue")
        runs = runs.filter(
            pl.col("status") == "finished", pl.col("model") == "tiny", pl.col("parent_run_id").is_not_null()
        )
        if runs.is_empty():
            headings.empty(
                "python -m jobs.smoothing train --parts encoder --task tnews", "No encoder was trained this way."
            )
            return
        ids = tuple(runs["run_id"].to_list())
        params = queries.params(version, ids).filter(pl.col("name") == "activation")
        names = params.select("run_id", activation=pl.col("value").str.strip_chars('"'))
        judged_by = queries.judged_by(version)
        metrics = pl.DataFrame({"task": list(judged_by), "name": [f"dev/{name}" for name in judged_by.values()]})
        scores = queries.summary(version, ids).select("run_id", "name", score="value")
        known = runs.select("run_id", "task", "data_source")  # a run's own name is no metric's
        frame = known.join(names, on="run_id").join(metrics, on="task").join(scores, on=["run_id", "name"])
        frame = frame.filter(pl.col("activation") != "")
        if frame.is_empty():
            headings.empty(
                "python -m jobs.smoothing train --parts encoder --task tnews", "No encoder was trained this way."
            )
            return
        task = st.selectbox(
            "Task", frame["task"].unique().sort().to_list(), key="smoothing_training_task", bind="query-params"
        )
        frame = frame.filter(task=task)
        rows = [(name, *mean_interval(part["score"])) for (name,), part in frame.group_by("activation")]
        table = pl.DataFrame(rows, schema=["activation", "value", "low", "high", "seeds"], orient="row")
        table = table.sort("value", descending=True)
        badges.sample_badge("sample" if "sample" in frame["data_source"].to_list() else None)
        figure = figures.intervals(table, label="activation", x="Dev score (the task's metric)")
        st.caption(f"Means with Student's 95 % intervals over at least {table['seeds'].min()} seeds each.")
        plots.show(figure.update_xaxes(tickformat=".1%"), key="smoothing_training_encoders", alt="Score by activation")

    show_regression()
    st.subheader("Tiny encoders on a CLUE task", anchor=False)
    show_encoders()
