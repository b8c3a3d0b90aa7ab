"""Standard heads: transformers loads the folder with the same logits; tags and spans come back."""

import numpy as np
import pytest
import torch
import transformers

from engine.model.encoders import BertEncoder, EncoderConfig, Packed
from engine.model.heads import Batch
from engine.model.standard_heads import FIRST_TOKEN, StandardModel, tags_of
from engine.text.tokenizer import SPECIALS, WordPiece
from jobs.models import saving

LABELS = ("news", "sport", "art")
LENGTHS = np.array([7, 4, 7])
AUTO = {
    "classification": transformers.AutoModelForSequenceClassification,
    "choice": transformers.AutoModelForMultipleChoice,
    "entities": transformers.AutoModelForTokenClassification,
    "span": transformers.AutoModelForQuestionAnswering,
}
VOCABULARY = [*SPECIALS, *"abcdefghijklmnopqrstuvwxyz"]


def model(family: str, kind: str) -> StandardModel:
    offset = 2 if "roberta" in family else 0
    extra = {"embedding_size": 8} if family == "electra" else {}
    shape = EncoderConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=24,
        max_positions=20,
        family=family,
        position_offset=offset,
        **extra,
    )
    made = StandardModel(BertEncoder(shape), kind=kind, n_labels=len(LABELS))
    made.encoder.initialize(torch.Generator().manual_seed(0))
    made.initialize_head(torch.Generator().manual_seed(1))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)) * 0.2)
    return made.eval()


def batch(**targets) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(Packed.of(rng.integers(6, len(VOCABULARY), LENGTHS.sum()), LENGTHS), 3, **targets)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", AUTO)
@pytest.mark.parametrize("family", FIRST_TOKEN)
def test_transformers_loads_the_folder_with_the_same_logits(family, kind, tmp_path):
    if (family, kind) == ("electra", "choice"):
        with pytest.raises(ValueError, match="electra has no head for choices"):
            model(family, kind)
        return
    ours, rows = model(family, kind), batch()
    saving.save_standard(tmp_path, ours, WordPiece(VOCABULARY), LABELS)
    theirs, info = AUTO[kind].from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    ids = rows.packed.pad(rows.packed.tokens[:, None])[..., 0]
    mask = (torch.arange(7) < rows.packed.lengths[:, None]).long()
    if "roberta" in family:
        ids = ids.masked_fill(mask == 0, 1)
    options = {"input_ids": ids, "attention_mask": mask}
    if kind == "choice":
        options = {name: value[None] for name, value in options.items()}
    with torch.inference_mode():
        found, mine = theirs.eval()(**options), ours(rows)
    inside = mask.bool()
    if kind == "span":
        assert torch.allclose(mine[:, 0][inside], found.start_logits[inside], atol=1e-5)
        assert torch.allclose(mine[:, 1][inside], found.end_logits[inside], atol=1e-5)
    elif kind == "entities":
        assert torch.allclose(mine[inside], found.logits[inside], atol=1e-5)
        assert theirs.config.id2label[0] == "O"
        assert theirs.config.id2label[4] == "I-sport"
    else:
        assert torch.allclose(mine, found.logits[0] if kind == "choice" else found.logits, atol=1e-5)
    if kind == "classification":
        assert theirs.config.id2label == dict(enumerate(LABELS))


def test_entities_come_back_from_perfect_tags():
    made = model("bert", "entities")
    cells = torch.tensor([[0, 1, 2, 4], [0, 1, 5, 5], [2, 0, 1, 1], [2, 2, 3, 5]])
    tags = tags_of(cells, 3, 7)
    logits = torch.nn.functional.one_hot(tags, 7).float() * 20
    found = [(row, *cell[:3].astype(int).tolist()) for row, part in enumerate(made.answers(logits)) for cell in part]
    assert found == [tuple(cell) for cell in cells.tolist()]
    loss = made.loss(logits, batch(targets=cells))
    assert loss.shape == (3,)
    assert float(loss.max()) < 1e-6
    assert float(made.loss(-logits, batch(targets=cells)).min()) > 1


def test_spans_are_the_best_pair_in_order_among_allowed_tokens():
    made = model("bert", "span")
    logits = torch.zeros(1, 2, 5)
    logits[0, 0, 4], logits[0, 0, 2], logits[0, 1, 1], logits[0, 1, 3] = 9, 8, 9, 8
    (answer,) = made.answers(logits)
    assert answer[1:3].tolist() == [2, 3]
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 1:3] = False
    rows = batch(targets=torch.tensor([[3, 4], [0, 0], [5, 6]]), head_mask=mask)
    loss = made.loss(made(rows), rows)
    assert torch.isfinite(loss).all()
    assert all(answer[1] not in (1, 2) for answer in made.answers(made(rows)))


def test_other_encoders_are_refused_by_name():
    shape = EncoderConfig(vocab_size=9, hidden_size=8, family="bert")
    encoder = BertEncoder(shape)
    object.__setattr__(encoder.config, "family", "longbert")
    with pytest.raises(ValueError, match="expected one of bert, ernie, electra, roberta, xlm-roberta"):
        StandardModel(encoder, kind="pair", n_labels=2)
