"""Training and evaluation beside the transformers Trainer, on lengths like AFQMC's.

One model (2 layers, 128 wide), the same rows and the same number of updates for all: the Trainer with its defaults
(every row padded to 128, float32), the Trainer at its best (lengths grouped, padded to the longest of the batch,
bfloat16 where the processor has it), and the loop of this project. Contenders take turns; the best of the rounds
counts, in seconds of this process's CPU time, so that another program's burst of work hits nobody in particular.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.model.batches import Sampler, make_units, real_share
from engine.text.rows import Rows
from jobs.clue.settings import cpu_has_bf16, token_budget

VOCABULARY = 4000
BATCH = 32
PADDED = 128


@dataclass(slots=True)
class Contender:
    """Something timed: CPU seconds of each round."""

    name: str
    work: Callable[[], float]
    seconds: list[float] = field(default_factory=list)


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Rows of the table: rows per second, and how many times the peer's that is."""
    rounds = 5 if full else 2
    yield from _training("train", n=8000 if full else 2000, rounds=rounds, bars=(5.0, 1.1))
    yield from _training("train, 1,000 examples", n=1000, rounds=rounds, bars=(5.0, 1.3))
    yield from _evaluation(n=4000, rounds=rounds)
    yield _real_tokens()


def lengths_like_afqmc(n: int, *, seed: int = 0) -> np.ndarray:
    """Row lengths with mean 29.6 and a long right tail, as AFQMC has them; (n,) int64."""
    rng = np.random.default_rng(seed)
    return np.clip(np.round(3 + rng.lognormal(3.2, 0.36, n)), 8, PADDED).astype(np.int64)


def make_rows(n: int, *, seed: int = 0) -> Any:
    """Random rows of two classes."""
    rng = np.random.default_rng(seed)
    offsets = np.r_[0, np.cumsum(lengths_like_afqmc(n, seed=seed))]
    tokens = rng.integers(5, VOCABULARY, offsets[-1]).astype(np.int32)
    targets = rng.integers(0, 2, n)
    return Rows(tokens=tokens, offsets=offsets, example=np.arange(n), n_examples=n, targets=targets)


def _training(title: str, *, n: int, rounds: int, bars: tuple[float, float]) -> Iterator[dict[str, Any]]:
    rows = make_rows(n)
    ours = Contender("ours", lambda: _train_ours(rows))
    default = Contender("Trainer, its defaults", lambda: _train_peer(rows, best=False))
    best = Contender("Trainer, grouped lengths and bf16", lambda: _train_peer(rows, best=True))
    _take_turns([ours, best], rounds)
    _take_turns([default], max(1, rounds // 2))
    yield {"name": title, "value": n / min(ours.seconds), "unit": "rows/s"}
    for peer, bar in ((default, bars[0]), (best, bars[1])):
        ratio = min(peer.seconds) / min(ours.seconds)
        yield _beside(title, n / min(peer.seconds), peer.name, ratio, bar)


def _evaluation(*, n: int, rounds: int) -> Iterator[dict[str, Any]]:
    rows = make_rows(n, seed=1)
    ours = Contender("ours", lambda: _evaluate_ours(rows))
    best = Contender("Trainer, grouped lengths and bf16", lambda: _evaluate_peer(rows))
    _take_turns([ours, best], rounds)
    yield {"name": "evaluate (float32)", "value": n / min(ours.seconds), "unit": "rows/s"}
    ratio = min(best.seconds) / min(ours.seconds)
    yield _beside("evaluate", n / min(best.seconds), best.name, ratio, 1.2)


def _real_tokens() -> dict[str, Any]:
    """Share of real tokens in what attention computes; linear layers see no padding at all."""
    lengths = lengths_like_afqmc(30_000)
    units = make_units(lengths, np.arange(len(lengths)), grouped=False)
    budget = round(BATCH * float(lengths.mean()))
    share = real_share(units, Sampler(units=units, seed=0, tokens_per_batch=budget).epoch(0), lengths)
    return {"name": "real tokens among computed ones", "value": share, "unit": "share", "bar": ">= 0.92"}


def _beside(title: str, value: float, peer: str, ratio: float, bar: float) -> dict[str, Any]:
    return {"name": title, "value": value, "unit": "rows/s", "peer": peer, "ratio": ratio, "bar": f">= {bar:g}x"}


def _take_turns(contenders: list[Contender], rounds: int) -> None:
    for _ in range(rounds):
        for contender in contenders:
            contender.seconds.append(contender.work())


def _precision() -> str:
    return "bf16" if cpu_has_bf16() else "fp32"


def _model() -> Any:
    import torch

    from engine.model.encoders import BertEncoder, EncoderConfig
    from engine.model.heads import TaskModel

    generator = torch.Generator().manual_seed(0)
    encoder = BertEncoder(EncoderConfig(vocab_size=VOCABULARY, attention_dropout=0.0))
    encoder.initialize(generator)
    model = TaskModel(encoder, kind="pair", n_labels=2)
    model.initialize_head(generator)
    return model


def _train_ours(rows: Any) -> float:
    from engine.model.optimizers import adamw, parameter_groups
    from engine.model.training import Settings, Training

    model = _model()
    started = time.process_time()
    settings = Settings(epochs=1, tokens_per_batch=token_budget(rows, BATCH), precision=_precision())  # type: ignore[arg-type]
    optimizer = adamw(parameter_groups(model, learning_rate=1e-3, weight_decay=0.01))
    Training(model, optimizer, rows, settings, n_labels=2).run(lambda _: None)
    return time.process_time() - started


def _evaluate_ours(rows: Any) -> float:
    from engine.model.training import predict

    model = _model()
    started = time.process_time()
    predict(model, rows)
    return time.process_time() - started


def _train_peer(rows: Any, *, best: bool) -> float:
    with tempfile.TemporaryDirectory() as folder, _silence():
        trainer = _trainer(rows, folder, best=best)
        started = time.process_time()
        trainer.train()
        return time.process_time() - started


def _evaluate_peer(rows: Any) -> float:
    with tempfile.TemporaryDirectory() as folder, _silence():
        trainer = _trainer(rows, folder, best=True)
        started = time.process_time()
        trainer.predict(trainer.train_dataset)
        return time.process_time() - started


def _trainer(rows: Any, folder: str, *, best: bool) -> Any:
    """The peer over the same rows: with its defaults, or at its best."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from engine.model.families.registry import config_to_hf

    config = BertConfig(**config_to_hf(_model().encoder.config))
    options: dict[str, Any] = {}
    if best:
        options = {"bf16": _precision() == "bf16", "per_device_eval_batch_size": 64, **_grouped(TrainingArguments)}
    arguments = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=BATCH,
        num_train_epochs=1,
        learning_rate=1e-3,
        weight_decay=0.01,
        warmup_steps=round(0.1 * rows.n_rows / BATCH),
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )

    def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(item["input_ids"]) for item in items) if best else PADDED
        ids, mask = (torch.zeros(len(items), longest, dtype=torch.long) for _ in range(2))
        for i, item in enumerate(items):
            ids[i, : len(item["input_ids"])] = torch.as_tensor(item["input_ids"])
            mask[i, : len(item["input_ids"])] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([item["labels"] for item in items])}

    data = [{"input_ids": rows.row(i).tolist(), "labels": int(rows.targets[i])} for i in range(rows.n_rows)]
    model = BertForSequenceClassification(config)
    return Trainer(model=model, args=arguments, train_dataset=data, data_collator=collate)


def _grouped(arguments: Any) -> dict[str, Any]:
    """The flag that groups lengths, whose name has changed between versions."""
    if "train_sampling_strategy" in arguments.__dataclass_fields__:
        return {"train_sampling_strategy": "group_by_length"}
    return {"group_by_length": True}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the peer from printing."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
