"""The bar's time left follows the cost of the work, and lines are printed above it."""

import io
import sys

from jobs import progress


class Told:
    """What a run is told of its progress."""

    def __init__(self):
        self.shares = []

    def progress(self, share, *, eta_s):
        self.shares.append(share)


def test_a_bar_of_costs_moves_by_the_cost_of_each_item(monkeypatch, capsys):
    clock = iter(range(10, 100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    run = Told()
    assert list(progress.track_cost([1, 2, 7], "work", float, run=run)) == [1, 2, 7]
    assert run.shares == [0.1, 0.3, 1.0]
    assert "it" not in capsys.readouterr().err  # ten units of cost are no ten items


def test_a_line_stands_alone_and_not_behind_the_bar(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Bar(2, "work") as bar:
        bar.advance()
        progress.say("first row")
    before, after = terminal.getvalue().split("first row")
    assert before.endswith("\r")
    assert after.startswith("\n")
