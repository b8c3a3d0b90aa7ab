"""What strong teams add to fine-tuning: FGM, R-Drop and an average of the weights.

- FGM (Miyato et al., 2017, https://arxiv.org/abs/1605.07725): the gradient g of the batch's own loss by the word
  embeddings gives the perturbation eps g / |g|; the loss of the perturbed model is added. Gradients that earlier
  batches of the same update left there are set aside meanwhile.
- R-Drop (Wu et al., 2021, https://arxiv.org/abs/2106.14448): two passes with different dropout are drawn together by
  the symmetric KL divergence of their distributions. The loss is that of the authors' code,
  (CE1 + CE2) / 2 + alpha / 2 (KL(1|2) + KL(2|1)); the paper's, CE1 + CE2 + alpha / 2 (KL(1|2) + KL(2|1)), is twice
  the loss at half the alpha.
- EMA: an exponential moving average of all weights is what is evaluated.

Label smoothing is an option of `engine.model.heads.class_loss`, layer-wise learning rates of
`engine.model.optimizers.parameter_groups`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.arrays import number


@contextmanager
def own_gradient(embedding: Tensor) -> Iterator[None]:
    """Inside the context `embedding` starts without a gradient; afterwards the earlier one is added to the new one."""
    earlier, embedding.grad = embedding.grad, None
    try:
        yield
    finally:
        if earlier is not None:
            embedding.grad = earlier if embedding.grad is None else earlier.add_(embedding.grad)


@contextmanager
def fgm(embedding: Tensor, *, eps: float) -> Iterator[None]:
    """Move `embedding` by eps along its normalised gradient inside the context; afterwards it is bitwise as before."""
    number(eps, name="eps", above=0)
    if embedding.grad is None:
        raise ValueError("FGM needs a gradient of the embeddings: call backward() first")
    before = embedding.detach().clone()
    norm = embedding.grad.norm()
    with torch.no_grad():
        if bool(norm > 0):
            embedding.add_(embedding.grad * (eps / norm))
    try:
        yield
    finally:
        with torch.no_grad():
            embedding.copy_(before)


def r_drop(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric KL divergence (KL(p|q) + KL(q|p)) / 2 per row of two sets of logits (n, c); (n,)."""
    log_p, log_q = functional.log_softmax(first.float(), dim=1), functional.log_softmax(second.float(), dim=1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1) / 2


class WeightAverage:
    """Exponential moving average of a model's weights.

    The decay of update t = 1, 2, ... is min(decay, (1 + t) / (10 + t)), so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        if not 0.0 < number(decay, name="decay") < 1.0:
            raise ValueError(f"decay must be in (0, 1), got {decay}")
        self.decay, self.updates = decay, 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages = list(self.weights.values())
        torch._foreach_lerp_(averages, list(model.state_dict().values()), 1.0 - decay)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside the context the model has the averaged weights; afterwards bitwise its own."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.weights)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def state_dict(self) -> dict[str, object]:
        """Averaged weights and number of updates."""
        return {"updates": self.updates, "weights": dict(self.weights)}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restore what `state_dict` gave."""
        weights = state["weights"]
        assert isinstance(weights, Mapping)
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
        self.updates = int(state["updates"])  # type: ignore[call-overload]
