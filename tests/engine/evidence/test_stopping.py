"""Rounds of seeds: what a look may spend, what it drops, and how often the promise is broken."""

import numpy as np
import pytest
from scipy.stats import binom

from engine.evidence.stopping import Plan, Race, look


def test_the_looks_together_spend_the_level():
    plan = Plan(candidates=4, seeds=8, level=0.05)
    assert sum(plan.spent_at(seeds) for seeds in range(3, 9)) * 3 == pytest.approx(0.05)


def test_a_candidate_that_is_far_behind_is_dropped_and_near_ones_are_not():
    noise = np.array([0.001, -0.002, 0.0015, -0.0005])
    seen = look(
        {"best": 0.6 + noise, "near": 0.599 + noise[::-1], "far": 0.3 + noise**2}, plan=Plan(3, 6), within=0.005
    )
    assert (seen.leader, seen.worse) == ("best", ("far",))
    assert seen.contested == ("near",)
    assert seen.at_most["far"] < 0 < 0.005 < seen.at_most["near"]


def test_the_answers_of_each_example_decide_what_the_scores_alone_cannot():
    rng = np.random.default_rng(0)
    common = rng.random((4000, 1))
    better, worse = ((common + 0.1 * rng.random((4000, 4)) < 0.8 - d).astype(float) for d in (0.0, 0.1))
    seen = look({0: better, 1: worse}, plan=Plan(2, 4), within=0.01)
    assert (seen.leader, seen.worse, seen.contested) == (0, (1,), ())


def test_candidates_that_answer_alike_are_known_to_within_the_examples():
    same = (np.arange(2000)[:, None] % 3 > np.zeros((1, 3))).astype(float)
    seen = look({0: same, 1: same}, plan=Plan(2, 3), within=0.01)
    assert not seen.contested
    assert 0 < seen.at_most[1] < 0.01
    seeds_alone = look({0: same.mean(axis=0), 1: same.mean(axis=0)}, plan=Plan(2, 3), within=0.01)
    assert seeds_alone.contested == (1,)  # equal scores of three seeds are no certainty


def run(race, scores, seeds):
    """Rounds of seeds as a sweep makes them, a row of scores a candidate; returns the seeds that each one got."""
    trained = [0] * len(scores)
    for used in range(3, seeds + 1):
        while True:
            compared = list(race.contested)
            for name in compared:
                trained[name] = used
            race.look({name: scores[name][:used] for name in compared})
            if set(race.contested) <= set(compared):
                break
        if race.decided:
            break
    return trained


def test_seeds_go_where_they_decide():
    noise = np.array([[2, -1, 0, 1, -2, 0], [-1, 2, -2, 0, 1, 1], [1, 0, -1, -1, 1, 0], [0, 1, 1, -2, 0, 0]]) * 1e-3
    scores = np.array([0.600, 0.5995, 0.58, 0.4])[:, None] + noise * np.array([[1], [1], [0.1], [0.1]])
    race = Race([0, 1, 2, 3], Plan(4, 6, level=0.4), within=0.002)
    trained = run(race, scores, 6)
    assert trained[0] == trained[1] > trained[2] == trained[3] == 3
    assert race.leader == 0


def test_candidates_settled_against_an_old_leader_are_compared_with_the_new_one():
    race = Race([0, 1, 2], Plan(3, 6, level=0.4), within=0.01)
    near, settled = np.array([0.5, 0.56, 0.47, 0.60, 0.62, 0.64]), np.array([0.50, 0.501, 0.5, 0.502, 0.5, 0.501])
    scores = [np.array([0.52, 0.521, 0.52, 0.522, 0.52, 0.521]), near, settled]
    race.look({name: values[:3] for name, values in enumerate(scores)})
    race.alive = [0, 1, 2]  # as if nobody had been worse beyond doubt
    race.contested = [0, 1]
    assert race.leader == 0
    race.look({0: scores[0][:6], 1: near[:6]})
    assert race.leader == 1
    assert race.contested == [0, 1, 2]
    assert not race.decided
    race.leave_out([1])
    assert race.contested == [0, 2]


def test_the_promise_is_kept_under_repeated_looks():
    """Equal candidates but one, which is best by little: dropping it, or calling it decided without it, is the miss."""
    rng, level, trials, within = np.random.default_rng(1), 0.2, 60, 0.001
    means = np.array([0.5, 0.5, 0.502])
    misses, single = 0, 0
    for _ in range(trials):
        scores = means[:, None] + rng.normal(scale=0.002, size=(3, 6))
        race = Race([0, 1, 2], Plan(candidates=3, seeds=6, level=level), within)
        run(race, scores, 6)
        misses += 2 not in race.alive or (race.decided and race.leader != 2)
        single += int(np.argmax(scores[:, :3].mean(axis=1)) != 2)
    assert single / trials > 0.1  # three seeds alone often mislead
    assert misses <= binom.ppf(0.999, trials, level)


@pytest.mark.parametrize(
    ("scores", "plan", "message"),
    [
        ({0: [0.1, 0.2, 0.3], 1: [0.1, 0.2]}, (2, 4), "same examples and seeds"),
        ({0: [0.1, 0.2], 1: [0.1, 0.2]}, (2, 4), "after 3 to 4 seeds, got 2"),
        ({0: [0.1] * 3, 1: [0.1] * 3}, (1, 4), "at least 2 candidates"),
        ({0: [0.1] * 3, 1: [0.1] * 3}, (2, 2), "at least 3 seeds"),
    ],
)
def test_what_cannot_be_compared_is_refused(scores, plan, message):
    with pytest.raises(ValueError, match=message):
        look(scores, plan=Plan(*plan), within=0.01)
