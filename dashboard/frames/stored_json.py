"""JSON as the store keeps it, read into values that a page can show."""

import json
from typing import Any


def read(text: str) -> Any:
    r"""The value; half of an emoji, which is stored as its code (`\ud83d`), becomes a question mark: it is no text.

    Raises:
        ValueError: if it is no JSON.
    """
    value = json.loads(text)
    if "\\ud" not in text.lower():
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
