"""Type two sentences: their cosine under each setting, and their nearest neighbours in a set."""

import json

import numpy as np
import polars as pl
import streamlit as st

from dashboard import queries
from dashboard.frames.labs import stored_vectors
from dashboard.frames.labs.stored_vectors import StoredVectors
from dashboard.parts.labs import typed_sentences, whitening_pickers
from dashboard.parts.labs.form import Chapter, Guess, Reading
from engine.embeddings.search import top_k
from engine.embeddings.similarity import cosine_pairs, unit_rows
from engine.embeddings.whitening import Whitening

CODE = """
import numpy as np

a, b = ((encode(text) - mean) @ kernel for text in ("花呗怎么还款", "如何还花呗"))
cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
print(cosine, (cosines_of_the_set < cosine).mean())        # the share is what can be compared
"""
NEIGHBOURS = 10


@st.cache_data(show_spinner="Encoding", max_entries=200)
def encode(encoder: str, pooling: str, sentences: tuple[str, ...]) -> np.ndarray:
    """Vectors of sentences that are not in the set."""
    return typed_sentences.encode(encoder, pooling, sentences, queries.database())


def vectors_of(sentences: tuple[str, ...], stored: StoredVectors, run_id: str) -> np.ndarray | None:
    """Vectors of the sentences, from the set where all are in it; None after a sentence that says why not."""
    known, vectors = stored.sentences()
    place = {text: row for row, text in enumerate(known)}
    if all(sentence in place for sentence in sentences):
        return vectors[[place[sentence] for sentence in sentences]]
    params = dict(queries.params(queries.store_version(), (run_id,)).select("name", "value").iter_rows())
    encoder = str(json.loads(params.get("encoder", '"hashed"')))
    if not typed_sentences.can_encode(encoder):
        st.warning("These vectors were made elsewhere: only sentences of the set can be compared.")
        return None
    try:
        return encode(encoder, st.session_state["whitening_sentences_pooling"], sentences)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return None


def typed(stored: StoredVectors) -> tuple[str, str] | None:
    """The two sentences; None while one is empty."""
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
        return None
    return first, second


def cosine_table(pair: np.ndarray, stored: StoredVectors, settings: dict[str, Whitening | None]) -> pl.DataFrame:
    """Cosine of the two under each setting, and the share of the set's pairs below it."""
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
    return table


def picture() -> Reading | None:
    """Two typed sentences under four settings."""
    shown, sliders, near, below = st.container(), st.container(), st.container(), st.container()
    with below:
        run_id, dataset, stored = whitening_pickers.pick_vectors(queries.store_version(), "whitening_sentences")
    with sliders:
        chosen, full, statistics = whitening_pickers.pick_whitening(stored, "whitening_sentences")
    with shown:
        sentences = typed(stored)
        pair = vectors_of(sentences, stored, run_id) if sentences else None
    if sentences is None or pair is None:
        return None
    k, gamma = chosen.kernel.shape[1], st.session_state["whitening_sentences_gamma"]
    settings: dict[str, Whitening | None] = {
        "raw": None,
        f"whitened, all {full.kernel.shape[1]}": stored.statistics[statistics].finish(n_components=full.rank),
        f"as set: β {chosen.beta:g}, γ {gamma:g}, {k} components": chosen,
        f"only reduced to {k} (β = γ = 0)": stored.statistics[statistics].finish(n_components=k, beta=0.0, gamma=0.0),
    }
    with shown:
        table = cosine_table(pair, stored, settings)
    with near:
        show_neighbours(pair, sentences, stored, chosen, dataset)
    raw, white = table.row(0, named=True), table.row(1, named=True)
    return Reading(
        see=f"raw, the two have a cosine of {raw['cosine']:.3f}, more than {raw['share']:.0%} of the set's pairs; "
        f"whitened {white['cosine']:.3f}, more than {white['share']:.0%}.".replace("%", " %"),
        theory="each setting has a scale of its own: raw cosines crowd near 1, whitened ones near 0. Only the place "
        "among the set's pairs can be compared.",
        measured=f"the shares are over all n = {stored.pairs.height:,} kept test pairs of {dataset}, not a sample of "
        "draws, so they have no interval.",
        apart="one pair proves nothing: *Scores* asks whether the order agrees with people over whole sets.",
    )


def show_neighbours(
    pair: np.ndarray, sentences: tuple[str, str], stored: StoredVectors, chosen: Whitening, dataset: str
) -> None:
    """The nearest sentences of the set."""
    known, vectors = stored.sentences()
    setting = st.segmented_control(
        f"Nearest sentences of {dataset}",
        ["as set above", "raw"],
        default="as set above",
        key="whitening_sentences_view",
        bind="query-params",
        required=True,
    )
    corpus, asked = (vectors, pair) if setting == "raw" else (chosen.transform(vectors), chosen.transform(pair))
    found, scores = top_k(unit_rows(asked), unit_rows(corpus), k=min(NEIGHBOURS, len(known)))
    for column, row, sentence in zip(st.columns(2), (0, 1), sentences, strict=True):
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


CHAPTER = Chapter(
    question="How similar are two sentences?",
    chinese="两个句子有多像 · two sentences",
    lead="The cosine of two sentences under four settings, and where it stands among the cosines of all pairs of a "
    "set.",
    guess=Guess(
        question="two sentences have a raw BERT cosine of 0.85. Are they alike?",
        answers=("yes", "no", "it does not say"),
        right="it does not say",
        because="Raw cosines of all pairs crowd near 1. Look at the share of less similar pairs.",
    ),
    picture=picture,
    good_for="reading one cosine rightly, and looking at what a setting takes for neighbours.",
    formula=r"\cos(\tilde x,\tilde y)=\frac{\tilde x\cdot\tilde y}{\lVert\tilde x\rVert\,\lVert\tilde y\rVert}",
    code=CODE,
    reference="Su Jianlin, [[8069]](https://kexue.fm/archives/8069) and [[9079]](https://kexue.fm/archives/9079).",
)
