"""ERNIE (Sun et al., 2019, https://arxiv.org/abs/1904.09223; ERNIE 3.0, 2021, https://arxiv.org/abs/2107.02137).

BERT with embeddings of tasks since its second version, of which a fine-tuned encoder uses the first.
"""

from collections.abc import Mapping
from typing import Any

from engine.model.encoders import EncoderConfig
from engine.model.families.layout import Family


class _Ernie(Family):
    def adjust(self, values: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Task embeddings, where the config switches them on."""
        return {**values, "task_types": config.get("task_type_vocab_size", 3) if config.get("use_task_id") else 0}

    def write(self, config: EncoderConfig) -> dict[str, Any]:
        """With the switch of the task embeddings."""
        tasks = {"task_type_vocab_size": config.task_types} if config.task_types else {}
        return {**Family.write(self, config), "use_task_id": bool(config.task_types), **tasks}


ERNIE = _Ernie("ernie", "ErnieModel", tensors={"tasks.weight": "embeddings.task_type_embeddings.weight"})
