"""A model that answers while pages are looked at: a job of its own, which loads the model once.

The dashboard never loads torch; `python -m jobs.predict --stream` does, answers a line at a time, and ends with the
server or when another model takes its place.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120.0  # for loading a model or for one answer
MODELS = 2  # kept in memory at a time


class Answering:
    """The process that has one run's model."""

    def __init__(self, run_id: str, database: Path) -> None:
        command = [sys.executable, "-m", "jobs.predict", "--run", run_id, "--db", str(database), "--stream"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: Queue[str] = Queue()
        self._errors: list[str] = []
        self._one_at_a_time = threading.Lock()
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()
        try:
            self._next()  # what it says once its model is there
        except ValueError:
            self.stop()
            raise

    def ask(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Answers to one row: prediction, confidence, and of classes and choices their probabilities.

        Raises:
            ValueError: with the job's own sentence, if the row is not one of the task.
        """
        with self._one_at_a_time:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(dict(fields), ensure_ascii=False) + "\n")
                self._process.stdin.flush()
            except OSError:
                raise ValueError(self._why()) from None
            said = self._next()
        if "error" in said:
            raise ValueError(said["error"])
        answers: list[dict[str, Any]] = said["answers"]
        return answers

    @property
    def lives(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._lines.put("")  # the end

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors = [*self._errors, line.strip()][-20:]

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=SECONDS)
        except Empty:
            raise ValueError(f"the model did not answer within {SECONDS:.0f} s") from None
        if not line:
            raise ValueError(self._why())
        said: dict[str, Any] = json.loads(line)
        return said

    def _why(self) -> str:
        self._readers[1].join(timeout=10)
        return next((line for line in reversed(self._errors) if line), "the model's process ended")


@st.cache_resource(
    max_entries=MODELS,
    show_spinner="Loading the model …",
    validate=lambda answering: answering.lives,
    on_release=lambda answering: answering.stop(),
)
def answering(run_id: str, database: Path) -> Answering:
    """The process of a run's model, started at the first question and kept for the next."""
    return Answering(run_id, database)
