"""The colour of a configuration beside its name, the same on every page."""


def dot(color: str) -> str:
    """A dot as HTML, for Markdown that allows it."""
    return f'<span class="run-dot" style="background:{color}" aria-hidden="true"></span>'
