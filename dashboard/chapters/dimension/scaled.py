"""Attention with the usual division by sqrt(d): no head size is too small for its entropy."""

import numpy as np
import streamlit as st

from dashboard.figures.labs import dimension as figures
from dashboard.parts.labs import lesson
from dashboard.parts.labs.form import Chapter, Guess, Reading
from dashboard.parts.labs.numbers import Number
from engine.dimension import entropy
from engine.evidence.intervals import mean_interval

LENGTHS = (32, 64, 128, 256)
SIZES = (4, 8, 16, 32, 64, 128, 256)
DRAWS = 5
CODE = """
import numpy as np
from scipy.special import softmax
rng, L, d = np.random.default_rng(0), 512, 64
q, k = (x / np.linalg.norm(x, axis=1, keepdims=True) * np.sqrt(d) for x in rng.standard_normal((2, L, d)))
for logits in (q @ k.T, q @ k.T / np.sqrt(d)):
    p = softmax(logits, axis=1)
    print(-(p * np.log(p + 1e-300)).sum(1).mean())     # below 1, and 5.7 of ln 512 = 6.2
"""


@st.cache_data(show_spinner=False, max_entries=32)
def drawn(length: int, scaled: bool) -> list[tuple[float, float, float, float]]:
    """Mean entropy of rows of random tables: head size, mean, and its 95 % interval over the tables."""
    rows = []
    for size in SIZES:
        found = [
            entropy.random_table_entropy(
                length, size, rng=np.random.default_rng([size, seed]), form="rows", scaled=scaled
            )
            for seed in range(DRAWS)
        ]
        mean, low, high, _ = mean_interval(found)
        rows.append((float(size), mean, low, high))
    return rows


def picture() -> Reading:
    """Entropy of a row, with and without the division."""
    length = st.select_slider("Tokens L", LENGTHS, 128, key="dimension_scaled_length", bind="query-params", width=300)
    most, sizes, names = float(np.log(length)), np.geomspace(4, 256, 60), ("⟨q, k⟩", "⟨q, k⟩ / √d")
    lines = {
        names[0]: most + entropy.condensation_entropy(sizes),
        names[1]: entropy.scaled_attention_entropy(sizes, length),
    }
    measured = {names[0]: drawn(length, False), names[1]: drawn(length, True)}
    lesson.titled(
        figures.scaled(sizes, lines, measured, most=most),
        f"Divided by √d a row keeps {min(row[1] for row in measured[names[1]]) / most:.0%} of ln L or more, "
        f"without it {measured[names[0]][-1][1] / most:.0%} at d = {SIZES[-1]}".replace("%", " %"),
        key="dimension_scaled_entropy",
        alt="Entropy of attention rows against the head size",
    )
    plain, divided = (measured[name][SIZES.index(64)] for name in names)
    bent = entropy.scaled_attention_entropy([4, 256], length)
    rule = float(entropy.dimension_for(length, form="rows"))
    return Reading(
        see=f"over {{tokens}} tokens, at d = 64 a row keeps **{divided[1]:.3f}** of {most:.3f} nats with the "
        f"division and "
        f"**{plain[1]:.3f}** without it.",
        theory=f"with the division ln L + h goes from {float(bent[0]):.3f} at d = 4 to {float(bent[1]):.3f} at d = "
        f"256: "
        f"no threshold. Without it the entropy would reach zero at d = {rule:.1f} (a row has 4.16 ln L, half of the "
        "post's 8.33 ln L).",
        measured=f"means over n = {DRAWS} random tables of {length} rows; 95 % interval at d = 64: {divided[2]:.3f} to "
        f"{divided[3]:.3f} with the division, {plain[2]:.3f} to {plain[3]:.3f} without.",
        apart=f"without the division, beyond d = {rule:.0f} the line falls below 0 and means nothing: a real row "
        f"freezes on a few keys, and its entropy falls slowly, to {measured[names[0]][-1][1]:.2f} at d = 256.",
        drag={"tokens": Number("dimension_scaled_length", LENGTHS, "tokens L")},
    )


CHAPTER = Chapter(
    question="Does scaled attention have a threshold?",
    chinese="缩放点积注意力没有维度阈值 · scaled attention",
    lead="The rule 8.33 ln L presumes logits ⟨q, k⟩, but Transformers divide them by √d: what does that do to the "
    "entropy of a row?",
    guess=Guess(
        question="logits are divided by √d. Below which d does a random row collapse onto one key?",
        answers=("8.33 ln L", "4.16 ln L", "never"),
        right="never",
        because="The division makes the logits' variance 1 whatever d is. A collapse needs logits that grow with d.",
    ),
    picture=picture,
    beside=True,
    good_for="not choosing a head size by 8.33 ln L. What a head can represent is another question: the next chapter.",
    formula=r"H_{\text{row}}\approx\ln L+h,\qquad h=-\tfrac12\ \text{with}\ \tfrac{\langle q,k\rangle}{\sqrt d},"
    r"\qquad h=-\tfrac{\ln\varphi}2d\ \text{without}",
    code=CODE,
    reference="Su Jianlin, [[8711]](https://kexue.fm/archives/8711) and [[8706]](https://kexue.fm/archives/8706) "
    "(without "
    "the division); derived here with it. Vaswani et al. (2017), [arXiv 1706.03762](https://arxiv.org/abs/1706.03762).",
)
