"""Whitening scores: measured beside published in one table, whether whitening helps, and why BQ loses."""

from dataclasses import dataclass

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import queries
from dashboard.figures.labs import whitening as figures
from dashboard.figures.labs import whitening_circle as published_figures
from dashboard.frames.labs import whitening_tables
from dashboard.frames.numbers import as_number
from dashboard.parts import downloads, headings, links, plots
from dashboard.parts.labs import lesson, whitening_pickers
from dashboard.parts.labs.form import Chapter, Guess, Reading

AVERAGES = {
    "wmean": "mean by size (Su et al.)",
    "mean": "plain mean (WhiteningBERT)",
    "all": "all pairs at once (SimCSE)",
}
HISTORY = """
| date | event |
|---|---|
| 2021-01-11 | Su Jianlin's post [8069](https://kexue.fm/archives/8069) describes BERT-whitening, with code |
| 2021-01-20 | it is pointed out that the method is PCA and can reduce the dimension; added to the post |
| 2021-03-29 | Su, Cao, Liu, Ou: [arXiv 2103.15316](https://arxiv.org/abs/2103.15316) |
| 2021-04-05 | Huang et al., WhiteningBERT: [arXiv 2104.01767](https://arxiv.org/abs/2104.01767) (EMNLP Findings) |
| 2021-04-11 | post [8321](https://kexue.fm/archives/8321) with the Chinese evaluation |
| 2021-09-26 | asked by e-mail, its first author calls WhiteningBERT concurrent work, begun in 2020 |
| 2021-10-09 | post [8715](https://kexue.fm/archives/8715) asks for evidence; nothing, it says, can be proven |

BERT-whitening averages layers 1 and last, takes statistics from train, dev and test of the set (or from NLI),
reduces to 256 or 384 dimensions and weights subsets by size. WhiteningBERT studies all pairs of layers,
takes statistics from the test sentences, keeps all dimensions and averages subsets plainly. Both are presets of the
job; this page takes no side.
"""


CODE = """
import numpy as np
from scipy.stats import spearmanr

def score(a, b, gold):                                # vectors of both sentences of each pair, people's scores
    return spearmanr((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1), gold)[0]
print(score(a, b, gold), score((a - mean) @ kernel, (b - mean) @ kernel, gold))
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the reader chose to see."""

    run_id: str | None
    pooling: str
    model: str | None
    measured: pl.DataFrame
    gains: pl.DataFrame
    statistics: str


def settings(below: DeltaGenerator) -> Chosen:
    """The run, how it is averaged, where its statistics come from, the published model, and, below, the pooling."""
    version = queries.store_version()
    stored = queries.measurements(version, "whitening_scores", experiment="whitening")
    run_id, average, statistics = None, "wmean", "target"
    measured, gains = pl.DataFrame(schema={"dataset": pl.String, "row": pl.String}), pl.DataFrame()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not stored.is_empty():
            run_id = whitening_pickers.pick_run(version, stored["run_id"].unique().to_list(), "whitening_run")
            scores = stored.filter(run_id=run_id)
            average = st.selectbox(
                "Subsets",
                list(AVERAGES),
                format_func=lambda name: AVERAGES.get(name, name),
                key="whitening_average",
                bind="query-params",
                width=230,
            )
            kinds = [name for name in scores["statistics"].unique(maintain_order=True) if name != "none"] or ["none"]
            statistics = st.selectbox(
                "Statistics", kinds, key="whitening_statistics_pick", bind="query-params", width=130
            )
            spearman = scores.filter(metric="spearman")
            ks = whitening_tables.reductions(spearman.filter(pl.col("statistics") == statistics))
            reduced = st.selectbox("Reduced to", ks, key="whitening_reduced", bind="query-params", width=130)
            measured = whitening_tables.measured(spearman, average=average, statistics=statistics, reduced=reduced)
            gains = whitening_tables.gains(scores.filter((pl.col("metric") == "gain") & (pl.col("average") == average)))
        model = pick_model(version)
    with below:
        pooling = pick_pooling(measured)
    return Chosen(run_id, pooling, model, measured, gains, str(statistics))


def pick_model(version: str) -> str | None:
    """The published encoder."""
    papers = queries.published(version, "whitening").filter(metric="spearman")
    models: list[str] = papers["model"].unique(maintain_order=True).sort().to_list()
    if not models:
        return None
    default = models.index("BERT-base") if "BERT-base" in models else 0
    return st.selectbox("Published", models, index=default, key="whitening_model", bind="query-params", width=200)


def pick_pooling(measured: pl.DataFrame) -> str:
    """The pooling of the table: one of those measured, or of the published ones."""
    rows = measured["row"].unique(maintain_order=True).to_list() or list(whitening_tables.POOLINGS.values())
    default = "first-last-avg" if "first-last-avg" in rows else rows[0]
    return str(
        st.segmented_control(
            "Pooling", rows, default=default, key="whitening_pooling", bind="query-params", required=True
        )
    )


def the_table(chosen: Chosen) -> pl.DataFrame:
    """The one table."""
    papers = queries.published(queries.store_version(), "whitening").filter(metric="spearman")
    against = whitening_tables.published(papers, model=chosen.model or "")
    gains = chosen.gains
    if gains.height:
        full = pl.col("n_components") == pl.col("n_components").max().over("dataset", "pooling", "statistics")
        ones = (pl.col("beta") == 1) & (pl.col("gamma") == 1) & (pl.col("pooling") == chosen.pooling)
        gains = gains.filter(ones & (pl.col("statistics") == chosen.statistics)).filter(full)
    else:
        gains = pl.DataFrame(schema=dict.fromkeys(("dataset", "value", "low", "high", "verdict", "n"), pl.String))
    measured = chosen.measured.filter(row=chosen.pooling) if chosen.run_id else against.clear()
    same = chosen.pooling if chosen.pooling in against["row"].to_list() else "first-last-avg"
    return whitening_tables.beside(measured, gains, against, row=same)


def draw(table: pl.DataFrame) -> None:
    """The table, with numbers in points of Spearman x 100."""
    scores = {name: st.column_config.NumberColumn(format="%.1f", width=92) for name in table.columns[1:7]}
    changes = {
        name: st.column_config.NumberColumn(label, format="%+.1f", width=75)
        for name, label in (("gain", "gain"), ("from", "95 % from"), ("to", "to"))
    }
    places = {"published": "paper", "here": "here"}
    settings = {"none": "raw", "whitened": "whitened", "reduced": "reduced"}
    names = {f"{a} {b}": f"{places[a]}, {settings[b]}" for a in places for b in settings}
    columns = {name: st.column_config.NumberColumn(names[name], format="%.1f", width=110) for name in scores} | changes
    columns["set"] = st.column_config.TextColumn("set", pinned=True, width=90)
    st.dataframe(
        table,
        key="whitening_table",
        hide_index=True,
        height="content",
        column_config=columns,
        alt="Scores by data set, published and measured, and the gain of whitening",
        placeholder="",
    )


def picture() -> Reading | None:
    """One table of published and measured scores."""
    above, shown, below = st.container(), st.container(), st.container()
    with above:
        chosen = settings(below)
    table = the_table(chosen)
    if chosen.run_id is None:
        headings.empty(whitening_pickers.EVALUATE, "No evaluation is stored yet.")
    if table.is_empty():
        st.caption("The published tables come into the store with its first run.")
        return None
    with shown:
        draw(table)
    downloads.download(table, "whitening_scores")
    if chosen.run_id is not None:
        links.run_link(chosen.run_id, f"Run {chosen.run_id}")
    return reading(table, chosen)


def reading(table: pl.DataFrame, chosen: Chosen) -> Reading:
    """The words, with the counts of the table."""
    papers = table.drop_nulls(["published none", "published whitened"])
    better = papers.filter(pl.col("published whitened") > pl.col("published none")).height
    note = " The statistics come from these very sentences (transductive, no label is used)." if chosen.statistics in (
        "target", "test") else ""  # fmt: skip
    measured = f"no evaluation is stored (n = 0, no interval); `{whitening_pickers.EVALUATE}` makes one."
    told = table.drop_nulls("verdict") if chosen.run_id else table.clear()
    if told.height:
        counts = dict(told["verdict"].value_counts().iter_rows())
        ranked = told.drop_nulls("from").sort("gain")
        spans = " and ".join(
            f"{row['set']} {row['gain']:+.1f} ({row['from']:+.1f} to {row['to']:+.1f}, n = {row['pairs']:,} pairs)"
            for row in (ranked[-1:].to_dicts() + ranked[:1].to_dicts())
        )
        measured = (
            f"helps in {counts.get('helps', 0)}, hurts in {counts.get('hurts', 0)}, unclear in "
            f"{counts.get('unclear', 0)} of {told.height} sets; largest and smallest gain with paired 95 % "
            f"interval: {spans}.{note}"
        )
    return Reading(
        see=f"a row a set, Spearman × 100 for the pooling {chosen.pooling}; ‘reduced’ keeps the leading components, "
        "published poolings are first-last-avg where this one has none. "
        f"{chosen.model or 'No model'} gains by whitening in {better} of {papers.height} published sets.",
        theory="the score rises if people's judgement is nearer to an angle in equalised directions than to one in the "
        "encoder's own. Nothing guarantees that: isotropy is an assumption about the task.",
        measured=measured,
        apart="BQ falls in nearly all published rows: the first part below says why that may be. Post 8321 does not "
        "say of which split its values are; its ‘whitened’ keeps all dimensions.",
    )


def show_bq() -> None:
    """Where whitening helps in the published table, and why BQ loses."""
    papers = queries.published(queries.store_version(), "whitening")
    gains = whitening_tables.published_gains(papers) if papers.height else papers
    if gains.is_empty():
        st.caption("The published tables come into the store with its first run.")
        return
    names = published_figures.SETS
    lost = {name: (part["full"] < 0).sum() / max(1, part.height) for (name,), part in gains.group_by("dataset")}
    worst = max(lost, key=lambda name: lost[name])
    lesson.titled(
        published_figures.published_gains(gains),
        f"Published: full whitening loses most often on {names.get(worst, worst)}, in {lost[worst]:.0%} of its rows; a "
        "dot for each encoder and pooling".replace("%", " %"),
        key="whitening_scores_published",
        alt="Points gained by whitening on five Chinese sets",
    )
    bq = gains.filter(dataset="bq")
    others = ", ".join(f"{100 * lost[name]:.0f} % ({names[name]})" for name in names if name in lost and name != "bq")
    st.markdown(
        f"On BQ full whitening loses in **{(bq['full'] < 0).sum()} of {bq.height}** published rows (median "
        f"{as_number(bq['full'].median()):+.1f} points), with 256 components in {(bq['reduced'] < 0).sum()}; on the "
        f"other sets it loses in {others}. Whitening gives each direction the same weight, narrow ones too. BQ has "
        "questions to one "
        "bank, much alike: what is common to most of them is small in variance and is blown up, while what tells them "
        "apart lies in the wide directions. That fits the table, and that cutting to 256 loses less; it is an "
        "explanation, not a proof. Isotropy is an assumption, and BQ does not meet it."
    )


def show_figure() -> None:
    """All settings of one pooling with intervals, published ones as diamonds."""
    chosen = again()
    if chosen is None:
        return
    measured, against, pooling = chosen
    shown = measured.filter(row=pooling)
    same = against.filter((pl.col("row") == pooling) & pl.col("dataset").is_in(shown["dataset"].unique().to_list()))
    plots.show(
        figures.scores(shown, same),
        key="whitening_scores",
        title=f"Does whitening raise the scores? Pooling {pooling}",
        alt=f"Scores with pooling {pooling}",
    )


def again() -> tuple[pl.DataFrame, pl.DataFrame, str] | None:
    """Measured and published scores and the pooling, as the page above has them."""
    version, state = queries.store_version(), st.session_state
    stored = queries.measurements(version, "whitening_scores", experiment="whitening")
    if stored.is_empty():
        headings.empty(whitening_pickers.EVALUATE, "No evaluation is stored yet.")
        return None
    spearman = stored.filter(run_id=state["whitening_run"], metric="spearman")
    options = {"average": state["whitening_average"], "statistics": state["whitening_statistics_pick"]}
    measured = whitening_tables.measured(spearman, **options, reduced=state["whitening_reduced"])
    papers = queries.published(version, "whitening").filter(metric="spearman")
    against = whitening_tables.published(papers, model=state.get("whitening_model") or "")
    return measured, against, state["whitening_pooling"]


def show_statistics() -> None:
    """What the covariances look like."""
    frame = queries.measurements(
        queries.store_version(), "whitening_statistics", run_ids=(st.session_state.get("whitening_run", ""),)
    )
    if frame.is_empty():
        headings.empty(whitening_pickers.EVALUATE, "No evaluation is stored yet.")
        return
    st.caption("A mean cosine far above zero is a narrow cone; an effective rank far below the width, few axes.")
    wide = frame.pivot("metric", index=["dataset", "pooling", "statistics"], values="value")
    formats = {"effective_rank": "%.1f", "largest": "%.3g", "smallest": "%.1e", "mean_cosine": "%.3f"}
    columns = {
        name: st.column_config.NumberColumn(name.replace("_", " "), format=format) for name, format in formats.items()
    }
    st.dataframe(
        wide,
        key="whitening_statistics",
        hide_index=True,
        column_config=columns,
        height=280,
        alt="Rank, effective rank and mean cosine",
    )


def show_history() -> None:
    """What happened when."""
    st.markdown(HISTORY)


CHAPTER = Chapter(
    question="Does whitening make cosines agree with people?",
    chinese="BERT-whitening 句向量白化 · scores",
    lead="Does the cosine of two sentences agree better with people's scores after whitening? Published and measured "
    "values in one table.",
    guess=Guess(
        question="on how many of five Chinese sets does whitening raise BERT's published score?",
        answers=("all five", "most", "none"),
        right="most",
        because="With first-last-avg ATEC, PAWSX and STS-B rise, LCQMC stays at 64.75, and BQ falls, as it does in "
        "38 of "
        "42 published rows.",
    ),
    picture=picture,
    good_for="unsupervised similarity with an encoder that was not trained for it. Encoders trained on similar "
    "sentences "
    "(SimBERT) need none, and a trained classifier undoes the map.",
    formula=r"\rho=\operatorname{Spearman}\big(\cos(\tilde x_i,\tilde y_i),\ \text{gold}_i\big),\quad "
    r"\tilde x=(x-\mu)U\Lambda^{-1/2}[:,:k]",
    code=CODE,
    reference="Su Jianlin, [[8069]](https://kexue.fm/archives/8069), Chinese table in "
    "[[8321]](https://kexue.fm/archives/8321), history in [[8715]](https://kexue.fm/archives/8715); Su et al. (2021), "
    "[arXiv 2103.15316](https://arxiv.org/abs/2103.15316); Huang et al. (2021), "
    "[arXiv 2104.01767](https://arxiv.org/abs/2104.01767).",
    more={
        "Where is a circle the wrong shape? Why BQ loses": show_bq,
        "Every setting with its interval": show_figure,
        "The vectors before whitening": show_statistics,
        "History: BERT-whitening and WhiteningBERT": show_history,
    },
)
