"""Jobs that a test runs in its own process have no follower; `tests/store/test_follow.py` tests that one."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_follower(no_follower):
    pass
