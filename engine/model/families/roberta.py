"""RoBERTa (Liu et al., 2019, https://arxiv.org/abs/1907.11692) and XLM-RoBERTa: positions start behind padding."""

from collections.abc import Mapping
from typing import Any

from engine.model.encoders import EncoderConfig
from engine.model.families.layout import Family


class _Roberta(Family):
    def adjust(self, values: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """The first position, one behind the id of the padding."""
        return {**values, "position_offset": config.get("pad_token_id", 1) + 1}

    def write(self, config: EncoderConfig) -> dict[str, Any]:
        """With the id of the padding, which decides the first position."""
        return {**Family.write(self, config), "pad_token_id": config.position_offset - 1}


ROBERTA = _Roberta("roberta", "RobertaModel")
XLM_ROBERTA = _Roberta("xlm-roberta", "XLMRobertaModel")
