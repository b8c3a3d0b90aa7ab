"""The one exception of the store: something the person in front of the terminal can act on."""


class StoreError(Exception):
    """One sentence that says what was expected and what came; shown without a traceback, exit code 2."""


class DamagedError(StoreError):
    """A database of the store that cannot be read any more; what it is a copy of may still be whole."""
