"""Type two sentences: their cosine under each setting, and their nearest neighbours in a set."""

import json

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.frames.labs import stored_vectors
from dashboard.parts.labs import typed_sentences, whitening_pickers
from engine.embeddings.search import top_k
from engine.embeddings.similarity import cosine_pairs, unit_rows
from engine.embeddings.whitening import Whitening

TITLE = "How similar are two sentences?"
SENTENCE = "The cosine of two sentences under four settings, and how it stands among the pairs of a whole set."
CHINESE = "两个句子有多像"
NOTE = """The cosine of two sentences as the encoder gives it, and under three whitenings with the statistics of a
stored run. A cosine alone says little, because each setting has its own scale; the share says how many of the set's
kept test pairs are less similar. Below are the nearest sentences of the set. Sentences of the set need no encoder;
others are encoded at once by the built-in embedding, and by a job of a few seconds for a real one."""
FORMULA = r"\cos(\tilde x,\tilde y)=\frac{\tilde x\cdot\tilde y}{\lVert\tilde x\rVert\,\lVert\tilde y\rVert}"
NEIGHBOURS = 10


@st.cache_data(show_spinner="Encoding", max_entries=200)
def encode(encoder: str, pooling: str, sentences: tuple[str, ...]) -> np.ndarray:
    """Vectors of sentences that are not in the set."""
    return typed_sentences.encode(encoder, pooling, sentences, queries.database())


def show() -> None:
    """The chapter below its title."""
    version = queries.store_version()
    run_id, dataset, stored = whitening_pickers.pick_vectors(version, "whitening_sentences")
    chosen, full, statistics = whitening_pickers.pick_whitening(stored, "whitening_sentences")
    params = dict(queries.params(version, (run_id,)).select("name", "value").iter_rows())
    encoder = str(json.loads(params.get("encoder", '"hashed"')))
    k = chosen.kernel.shape[1]
    known, vectors = stored.sentences()

    def vectors_of(sentences: tuple[str, ...]) -> np.ndarray:
        """Vectors of the sentences, from the set where all are in it. Stops the page where they cannot be had."""
        place = {text: row for row, text in enumerate(known)}
        if all(sentence in place for sentence in sentences):
            return vectors[[place[sentence] for sentence in sentences]]
        if not typed_sentences.can_encode(encoder):
            st.warning("These vectors were made elsewhere: only sentences of the set can be compared.")
            st.stop()
        try:
            return encode(encoder, st.session_state["whitening_sentences_pooling"], sentences)
        except ValueError as error:
            st.error(str(error), icon=":material/error:")
            st.stop()

    first_pair = stored.pairs.row(0, named=True)
    left, right = st.columns(2)
    first = left.text_input(
        "First sentence", first_pair["sentence1"], key="whitening_sentences_first", bind="query-params"
    )
    second = right.text_input(
        "Second sentence", first_pair["sentence2"], key="whitening_sentences_second", bind="query-params"
    )
    if not first.strip() or not second.strip():
        st.info("Type two sentences.", icon=":material/edit:")
        st.stop()
    pair = vectors_of((first, second))
    gamma = st.session_state["whitening_sentences_gamma"]
    settings: dict[str, Whitening | None] = {
        "raw": None,
        f"whitened, all {full.kernel.shape[1]}": stored.statistics[statistics].finish(n_components=full.rank),
        f"as set: beta {chosen.beta:g}, gamma {gamma:g}, {k} components": chosen,
        f"only reduced to {k} (beta = gamma = 0)": stored.statistics[statistics].finish(
            n_components=k, beta=0.0, gamma=0.0
        ),
    }
    rows = []
    for name, whitening in settings.items():
        moved = pair if whitening is None else whitening.transform(pair)
        cosine = float(cosine_pairs(moved[:1], moved[1:])[0])
        rows.append((name, cosine, float((stored_vectors.cosines(stored, whitening) < cosine).mean())))
    table = pl.DataFrame(rows, schema=["setting", "cosine", "share"], orient="row")
    st.dataframe(
        table,
        key="whitening_sentences_cosines",
        hide_index=True,
        column_config={
            "cosine": st.column_config.NumberColumn(format="%.4f"),
            "share": st.column_config.ProgressColumn(
                "less similar pairs", min_value=0, max_value=1, format="percent", help="share of the set's kept pairs"
            ),
        },
        alt="Cosine of the two sentences under each setting",
    )
    st.subheader(f"Nearest sentences of {dataset}", anchor=False)
    setting = st.segmented_control(
        "Vectors",
        ["as set above", "raw"],
        default="as set above",
        key="whitening_sentences_view",
        bind="query-params",
        required=True,
    )
    corpus, asked = (vectors, pair) if setting == "raw" else (chosen.transform(vectors), chosen.transform(pair))
    found, scores = top_k(unit_rows(asked), unit_rows(corpus), k=min(NEIGHBOURS, len(known)))
    for column, row, sentence in zip(st.columns(2), (0, 1), (first, second), strict=True):
        near = pl.DataFrame({"cosine": scores[row], "sentence": [known[i] for i in found[row]]})
        with column:
            st.markdown(f"of **{sentence}**")
            st.dataframe(
                near,
                key=f"whitening_sentences_near_{row}",
                hide_index=True,
                column_config={"cosine": st.column_config.NumberColumn(format="%.3f", width="small")},
                height="content",
                alt=f"Nearest sentences of {sentence}",
            )
