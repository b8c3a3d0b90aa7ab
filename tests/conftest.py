"""Settings of all tests."""

import os

from hypothesis import settings

from store import follow

follow.PATIENCE = 120.0  # a test reads what its job published, however busy the machine is
settings.register_profile("clueboard", deadline=None)  # a busy machine is no failure
settings.load_profile("clueboard")


def pytest_xdist_auto_num_workers(config):
    """Workers of the whole suite: one a core and one more, as some wait for a browser; named files start at once."""
    return 0 if config.args_source.name == "ARGS" else min((os.cpu_count() or 1) + 1, 4)
