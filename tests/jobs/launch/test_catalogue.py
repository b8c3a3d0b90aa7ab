"""Every job and flag as a form needs it."""

import dataclasses
import json
import subprocess
import sys

from jobs import cli
from jobs.clue.config import Config
from jobs.launch import catalogue
from jobs.sweep.target import job_names


def test_every_job_of_the_project_is_there_with_all_its_flags():
    found = catalogue.jobs()
    assert {entry["job"] for entry in found} == {f"jobs.{name}" for name in job_names()}
    (clue,) = (entry for entry in found if entry["job"] == "jobs.clue")
    names = {flag["name"] for flag in clue["flags"]}
    assert names == {field.name for field in dataclasses.fields(Config)} - catalogue.LEFT_OUT
    assert all(flag["about"] for entry in found for flag in entry["flags"])  # each has its help


def test_a_flag_says_its_kind_choices_default_and_lowest_value():
    flags = {flag["name"]: flag for flag in catalogue.flags(Config)}
    assert flags["recipe"]["kind"] == "choice"
    assert flags["recipe"]["choices"] == ["modern", "blog"]
    assert (flags["learning_rate"]["kind"], flags["learning_rate"]["default"]) == ("float", None)
    assert (flags["epochs"]["kind"], flags["epochs"]["sign"]) == ("int", "positive")
    assert (flags["fgm"]["kind"], flags["fgm"]["sign"]) == ("float", "from zero")
    assert (flags["seeds"]["kind"], flags["seeds"]["several"]) == ("int", True)
    assert flags["task"]["default"] == ["afqmc"]
    assert flags["data_dir"]["kind"] == "path"
    assert flags["segments"]["kind"] == "switch"
    assert list(flags)[-1] in {field.name for field in dataclasses.fields(cli.Options)}


def test_the_command_prints_json():
    done = subprocess.run([sys.executable, "-m", "jobs.launch.catalogue"], capture_output=True, check=True, timeout=300)
    assert json.loads(done.stdout) == catalogue.jobs()
