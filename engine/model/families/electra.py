"""ELECTRA's discriminator (Clark et al., 2020, https://arxiv.org/abs/2003.10555): its embeddings may be narrower."""

from collections.abc import Mapping
from typing import Any

from engine.model.encoders import EncoderConfig
from engine.model.families.layout import Family


class _Electra(Family):
    def adjust(self, values: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """The width of the embeddings, where it is another one than the layers'."""
        size = config.get("embedding_size", 128)
        return {**values, "embedding_size": 0 if size == config["hidden_size"] else size}

    def write(self, config: EncoderConfig) -> dict[str, Any]:
        """With the width of the embeddings."""
        return {**Family.write(self, config), "embedding_size": config.embedding_width}


ELECTRA = _Electra(
    "electra",
    "ElectraModel",
    tensors={"widen.weight": "embeddings_project.weight", "widen.bias": "embeddings_project.bias"},
)
