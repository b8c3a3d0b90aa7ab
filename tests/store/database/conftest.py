"""The database's own tests make every database anew."""

import pytest


@pytest.fixture(autouse=True)
def _made_anew(stores_from_nothing):
    pass
