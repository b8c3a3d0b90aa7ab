"""Whitening scores: none, whitened, reduced, measured beside published, and whether whitening helps."""

import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.figures.labs import whitening as figures
from dashboard.frames.labs import whitening_tables
from dashboard.parts import downloads, headings, links, plots
from dashboard.parts.labs import whitening_pickers

TITLE = "Does whitening make cosines agree with people?"
SENTENCE = "Spearman's correlation between the cosine of two sentences and people's score, before and after whitening."
CHINESE = "BERT-whitening 句向量白化"
NOTE = """Cosines presume that the coordinates of the vectors are uncorrelated and of one scale; those of BERT
are neither. Whitening moves their mean to zero and their covariance to one, and the largest components alone make
shorter vectors. Scores are Spearman's correlation between cosine and people's score, with 95 % bootstrap intervals.
Statistics taken from the evaluated sentences (no labels) are **transductive**."""
FORMULA = r"\tilde x=(x-\beta\mu)\,U\Lambda^{-\gamma/2}\big[:,:k\big],\qquad \Sigma=U\Lambda U^\top"
SOURCE = (
    "Su et al. 2021, [arXiv 2103.15316](https://arxiv.org/abs/2103.15316), [post 9079](https://kexue.fm/archives/9079)"
)
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


def draw(frame: pl.DataFrame, key: str, alt: str) -> None:
    """One table of scores."""
    longest = {name: max(map(len, (name, *frame[name]))) for name in frame.columns[1:]}
    columns = {name: st.column_config.TextColumn(width=14 + 6 * length) for name, length in longest.items()}
    columns["row"] = st.column_config.TextColumn("pooling", pinned=True, width=195 if len(longest) < 6 else 240)
    st.dataframe(frame, key=key, hide_index=True, height="content", column_config=columns, alt=alt, placeholder="")


def order(frame: pl.DataFrame) -> list[str]:
    """The sets of a frame, Chinese ones first."""
    known = [*whitening_tables.CHINESE, *whitening_tables.ENGLISH]
    present = frame["dataset"].unique(maintain_order=True).to_list()
    return [name for name in known if name in present] + [name for name in present if name not in known]


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    stored = queries.measurements(version, "whitening_scores", experiment="whitening")
    papers = queries.published(version, "whitening").filter(metric="spearman")
    if stored.is_empty():
        headings.empty(whitening_pickers.EVALUATE, "No evaluation is stored yet.")

    def show_gains(scores: pl.DataFrame) -> None:
        """Differences to the raw vectors, paired over the bootstrap."""
        gains = whitening_tables.gains(scores.filter((pl.col("metric") == "gain") & (pl.col("average") == average)))
        if gains.is_empty():
            return
        st.subheader("Does it help?", anchor=False)
        counts = dict(gains["verdict"].value_counts().iter_rows())
        helps, hurts, unclear = (counts.get(name, 0) for name in ("helps", "hurts", "unclear"))
        st.caption(
            f"Difference to the raw vectors of the same pooling in points of Spearman × 100, with a "
            "paired 95 % interval: "
            f"it helps in {helps}, hurts in {hurts} and is unclear in {unclear} of {gains.height} settings."
        )
        names = {"value": "points", "low": "95 % from", "high": "to"}
        points = {name: st.column_config.NumberColumn(label, format="%+.2f") for name, label in names.items()}
        labels = {"n_components": "components", "n": "pairs"}
        columns = points | {name: st.column_config.Column(label) for name, label in labels.items()}
        st.dataframe(
            gains.with_columns(pl.col(*names) * 100),
            key="whitening_gains",
            hide_index=True,
            column_config=columns,
            height=320,
            alt="Gains of whitening",
        )
        downloads.download(gains, "whitening_gains")

    def show_statistics(run_id: str) -> None:
        """What the covariances look like."""
        frame = queries.measurements(version, "whitening_statistics", run_ids=(run_id,))
        if frame.is_empty():
            return
        st.subheader("The vectors before whitening", anchor=False)
        st.caption("A mean cosine far above zero is a narrow cone; an effective rank far below the width, few axes.")
        wide = frame.pivot("metric", index=["dataset", "pooling", "statistics"], values="value")
        formats = {"effective_rank": "%.1f", "largest": "%.3g", "smallest": "%.1e", "mean_cosine": "%.3f"}
        columns = {
            name: st.column_config.NumberColumn(name.replace("_", " "), format=format)
            for name, format in formats.items()
        }
        st.dataframe(
            wide,
            key="whitening_statistics",
            hide_index=True,
            column_config=columns,
            height=280,
            alt="Rank, effective rank and mean cosine",
        )

    measured = pl.DataFrame(schema={"dataset": pl.String, "row": pl.String})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = None
        average = "wmean"
        if not stored.is_empty():
            run_id = whitening_pickers.pick_run(version, stored["run_id"].unique().to_list(), "whitening_run")
            scores = stored.filter(run_id=run_id)
            average = st.selectbox(
                "Subsets",
                list(AVERAGES),
                format_func=AVERAGES.get,
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
        models = papers["model"].unique(maintain_order=True).sort().to_list()
        default = models.index("BERT-base") if "BERT-base" in models else 0
        model = None
        if models:
            model = st.selectbox(
                "Published", models, index=default, key="whitening_model", bind="query-params", width=200
            )
    against = whitening_tables.published(papers, model=model) if model else pl.DataFrame(schema=whitening_tables.SCHEMA)
    if run_id is not None:
        st.subheader(":blue[:material/labs:] Measured here", anchor=False)
        names = figures.joined_settings(measured)
        note = " Transductive: the statistics come from these sentences." if statistics in ("target", "test") else ""
        st.caption(f"Spearman × 100: {' / '.join(names)}; 95 % intervals are in the figure.{note}")
        draw(
            figures.table(measured.select("row", "dataset", "setting", "value"), order(measured)),
            "whitening_table",
            "Scores",
        )
        rows = measured["row"].unique(maintain_order=True).to_list()
        pooling = st.segmented_control(
            "Pooling in the figure", rows, default=rows[0], key="whitening_pooling", bind="query-params", required=True
        )
        shown = measured.filter(row=pooling)
        same = against.filter((pl.col("row") == pooling) & pl.col("dataset").is_in(shown["dataset"].unique().to_list()))
        plots.show(figures.scores(shown, same), key="whitening_scores", alt=f"Scores with pooling {pooling}")
        show_gains(scores)
        show_statistics(run_id)
        downloads.download(measured, "whitening_scores")
        links.run_link(run_id, f"Run {run_id}")
    if model:
        st.subheader(f":orange[:material/menu_book:] Published: {model}", anchor=False)
    else:
        st.caption("The published tables come into the store with its first run.")
    for language, names in (("Chinese", whitening_tables.CHINESE), ("English", whitening_tables.ENGLISH)):
        part = against.filter(pl.col("dataset").is_in(names))
        if part.height:
            settings = " / ".join(figures.joined_settings(part))
            st.caption(f"{language} sets, Spearman × 100: {settings}; rows of one number are what they are named.")
            draw(
                figures.table(part.select("row", "dataset", "setting", "value"), names),
                f"whitening_{language}",
                f"Published, {language}",
            )
    if model:
        st.caption(
            "The Chinese table of post 8321 does not say which split its values are of. 'whitened' keeps "
            "all dimensions, "
            "also the one that a last LayerNorm leaves without variance."
        )
    with st.expander("History", icon=":material/history:"):
        st.markdown(HISTORY)
