"""From a candidate to a command, and what is refused before a child starts."""

import pytest

from jobs import cli
from jobs.sweep import words
from jobs.sweep.start import main
from jobs.sweep.target import find


def target(line, seeds=(0,)):
    return find(words.split(line.split()), seeds=seeds)


def test_a_candidate_becomes_the_jobs_command_line():
    job = target("clue --task tnews --epochs 2 3 --segments true false --learning-rate 1e-4..1e-3:log")
    assert set(job.space()) == {"epochs", "segments", "learning_rate"}
    command = job.command({"epochs": 3, "segments": "false", "learning_rate": 0.0005}, seed=7)
    assert " ".join(command[1:]) == (
        "-m jobs.clue --task tnews --epochs 3 --no-segments --learning-rate 0.0005 --seed 7"
    )
    assert job.child({"epochs": 3}, seed=7)[-1] == "--resume-or-start"


def test_the_range_of_a_dropout_may_begin_at_nothing():
    job = target("clue --task tnews --dropout 0..0.3 --sampler tpe --trials 40")
    assert job.command({"dropout": 0.0}, seed=0)[-4:] == ["--dropout", "0.0", "--seed", "0"]


def test_a_job_with_subcommands_is_swept_too():
    command = target("can simulate --seeds 0 1").command({}, seed=1)
    assert command[1:] == ["-m", "jobs.can", "simulate", "--seed", "1"]


def test_places_of_a_command_of_ones_own_are_filled_and_other_braces_stay():
    own = find(words.Words((), {}, {"lr": ("0.1", "0.2")}, ("prog", '{"a": {lr}}', "{{x}}", "{seed}")), seeds=(0, 1))
    assert own.command({"lr": 0.1}, seed=1) == ["prog", '{"a": 0.1}', "{x}", "1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clue --lerning-rate 1 2", "clue has no flag --lerning-rate; did you mean '--learning-rate'?"),
        ("cleu --task tnews", "unknown job 'cleu'; did you mean 'clue'?"),
        ("can simulat", "can needs one of its subcommands .*did you mean 'simulate'"),
        ("clue train", "clue has no subcommand"),
        ("clue --learning-rate 1e-3..1e-5", "the range 1e-3..1e-5 is empty"),
        ("clue --dropout 0.1 1.5", "--dropout must be at least 0 and below 1, got 1.5"),
        ("clue --task tnwes --epochs 1 2", "tnwes"),
        ("clue --output x --epochs 1 2", "--output is one folder"),
        ("--lr 1 2", "name a job to sweep"),
        ("clue -- python x.py", "not both"),
        ("--lr 1 2 -- python x.py {l}", "no place {lr} for --lr .its places: {l}"),
        ("-- python x.py {lr}", "nothing fills {lr}"),
        ("--lr 1 --lr 2 -- x {lr}", "--lr is given twice"),
    ],
)
def test_bad_words_are_one_sentence(line, message):
    with pytest.raises(cli.InputError, match=message):
        target(line)


def test_several_seeds_need_a_place():
    with pytest.raises(cli.InputError, match=r"need a place \{seed\}"):
        target("--lr 1 2 -- x {lr}", seeds=(0, 1))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--recipe modern fancy", "--recipe"),
        ("--learning-rate 1e-5..1e-3", "--sampler tpe has no end by itself: say --trials"),
        ("--learning-rate 1e-5..1e-3 --sampler grid", "--learning-rate is a range"),
        ("--epochs 1 2 --sampler tpee --trials 3", "--sampler"),
        ("--epochs 1 2 --until-decided 0.5 --seeds 0 1", "needs at least 3 --seeds"),
        ("--epochs 1 --until-decided 0.5 --seeds 0 1 2", "at least two values"),
        ("--epochs 1 2 --on slurm", "--on slurm needs the package submitit"),
        ("--epochs 1 2 --on ray", "--on ray needs the package ray"),
        ("--epochs 1 2 --workers 0", "--workers must be positive, got 0"),
        ("--epochs 1 2 --file none.toml", "none.toml: No such file"),
    ],
)
def test_the_command_line_ends_with_code_2(line, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        main("", ["clue", *line.split(), "--db", str(tmp_path / "x.duckdb")])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert not (tmp_path / "x").exists()


def test_a_file_says_the_same_as_flags(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        'job = "clue"\nseeds = [0, 1]\nuntil-decided = 0.5\n[parameters]\ntask = "tnews"\nepochs = [1, 2]\n'
    )
    line = "clue --seeds 0 1 --until-decided 0.5 --task tnews --epochs 1 2"
    typed = words.split(line.split())
    assert words.read(path) == typed
    assert words.split(["--seeds", "3"]).over(typed).own["seeds"] == ("3",)
    assert words.split(typed.line()) == typed
    path.write_text("job = 'clue'\nworker = 2\n")
    with pytest.raises(cli.InputError, match="no setting 'worker'; did you mean 'workers'"):
        words.read(path)
