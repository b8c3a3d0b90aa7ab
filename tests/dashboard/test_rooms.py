"""The rooms: every address of an earlier version has a place, and links to chapters choose them."""

import pytest

from dashboard import rooms

EARLIER = (
    *("overview", "runs", "run", "leaderboard", "tasks", "compare", "examples", "explore", "sql"),
    *("can", "can_sweep", "can_steps", "can_simulation"),
    *("whitening", "whitening_vectors", "whitening_sentences", "whitening_layers"),
    *("initialization", "initialization_shapes", "initialization_depth", "initialization_training"),
    *("smoothing", "smoothing_errors", "smoothing_floor", "smoothing_staircase", "smoothing_training"),
    *("johnson_lindenstrauss", "johnson_lindenstrauss_distances", "johnson_lindenstrauss_angles"),
    *("johnson_lindenstrauss_hashing", "johnson_lindenstrauss_svd", "johnson_lindenstrauss_proof"),
    *("dimension", "dimension_attention", "dimension_skipgram"),
)


@pytest.mark.parametrize("address", EARLIER)
def test_every_earlier_address_has_a_place(address):
    scripts = {room.script for room in (*rooms.ROOMS, *rooms.LABS)}
    script, choice = rooms.MOVED.get(address, (address, {}))
    if script.startswith("labs/") or f"labs/{script}" in scripts:
        lab = rooms.lab_of(script.removeprefix("labs/"))
        chapter = rooms.chapter_of(lab, choice or {f"{address}_width": "1"})
        assert chapter.was == address
    else:
        assert script in scripts


def test_a_query_without_a_chapter_opens_the_first():
    for lab in rooms.LABS:
        assert rooms.chapter_of(lab, {}) == lab.chapters[0]
        assert rooms.chapter_of(lab, {"chapter": "no such chapter"}) == lab.chapters[0]
