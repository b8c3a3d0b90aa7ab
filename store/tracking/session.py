"""Log from a training loop of your own, in three lines.

    import store
    run = store.init(name="bert lr 3e-4", config=args)
    run.log({"train/loss": loss, "dev/accuracy": accuracy})

`init` finds experiment, command, git commit, versions and device by itself. The run ends by itself when the script
does: `finished`, `failed` with its error, or `interrupted`. The functions and their arguments are called as in wandb
and trackio, so that a script written for them runs after its import line is changed (docs/LOGGING.md lists what is not
there).
"""

import atexit
import contextlib
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from store import runs
from store.errors import StoreError
from store.left_out import LeftOut, say_once
from store.spool.lines import canonical
from store.tracking import environment, missing

if TYPE_CHECKING:
    from store.tracking.files import Artifact

UNHASHED = frozenset(
    {"seed", "device", "output", "output_dir", "logging_dir", "log_dir", "data_dir", "cache_dir", "group"}
)
"""Parameters that do not change what an experiment is; the others decide `config_hash`."""
IGNORED = frozenset(
    {
        *("entity", "dir", "reinit", "save_code", "settings", "anonymous", "force", "sync_tensorboard", "magic"),
        *(
            "allow_val_change",
            "monitor_gym",
            "tensorboard",
            "config_exclude_keys",
            "config_include_keys",
            "resume_from",
            "fork_from",
        ),
        *("embed", "space_id", "dataset_id", "bucket_id", "server_url", "private", "webhook_url", "webhook_min_level"),
        *("auto_log_gpu", "gpu_log_interval", "auto_log_cpu", "cpu_log_interval"),
    }
)
"""Arguments of `wandb.init` and `trackio.init` that mean nothing here and are taken without effect."""
AGGREGATES: dict[str, Callable[[float, float], float]] = {"max": max, "min": min, "first": lambda old, _: old}

OF_WANDB = {"entity": "", "sweep_id": None, "sweep_url": None, "offline": True, "disabled": False, "starting_step": 0}
"""what else a run of wandb says of itself"""
PAGE = "http://localhost:8501/run?run="
"""where the dashboard shows a run"""
MODES = ("online", "offline", "shared", "dryrun", "disabled")
"""of wandb; all but the last are the same here"""

_current: "Session | NoRun | None" = None


class Config(MutableMapping[str, Any]):
    """Parameters of a run: `run.config["lr"]`, `run.config.lr`, `run.config.update({...})`."""

    def __init__(self, session: "Session | NoRun", values: Mapping[str, Any]) -> None:
        self.__dict__["_session"] = session
        self.__dict__["_values"] = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        raise StoreError(f"the parameter {name!r} is stored and cannot be taken back; set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"the run has no parameter {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def as_dict(self) -> dict[str, Any]:
        """All parameters."""
        return dict(self._values)

    def setdefaults(self, values: Any) -> dict[str, Any]:
        """Set the parameters that are not set yet, and return all."""
        self.update({name: value for name, value in flat(values).items() if name not in self._values})
        return self.as_dict()

    def update(self, *values: Any, allow_val_change: bool = True, **more: Any) -> None:
        """Set parameters; those of a mapping, a dataclass or a namespace, and those given by name."""
        new: dict[str, Any] = {}
        for value in values:
            new |= flat(value)
        new |= more
        self._values.update(new)
        self._session._store_config(new, dict(self._values))


class Summary(MutableMapping[str, float]):
    """What the run says of itself: `run.summary["dev/accuracy"] = 0.73`."""

    def __init__(self, run: runs.Run) -> None:
        self._run = run
        self._values: dict[str, float] = {}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __setitem__(self, name: str, value: float) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        raise StoreError(f"the summary {name!r} is stored and cannot be taken back; set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def update(self, values: Mapping[str, float] | None = None, **more: float) -> None:  # type: ignore[override]
        """Set several at once."""
        new = {**(values or {}), **more}
        self._run.summary(new)
        self._values.update(new)


class Session:
    """A run of a script of one's own; made by `store.init`."""

    def __init__(
        self,
        run: runs.Run,
        config: Mapping[str, Any],
        *,
        name: str | None,
        experiment: str,
        tags: Iterable[str] = (),
        note: str = "",
    ) -> None:
        self.run = run
        self._name = name
        self._tags, self._notes = tuple(tags), note
        self.experiment = self.project = experiment
        self.config = Config(self, config)
        self.summary = Summary(run)
        self.resumed = run.step > 0
        self._pid = os.getpid()
        self.__dict__["log"] = run.log
        self._defined: dict[str, str] = {}
        self._higher_is_better: dict[str, bool] = {}
        self._best: dict[str, float] = {}
        self._watchers: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if name in ("group", "job_type"):
            return self.config.get(name)
        if name in OF_WANDB:
            return OF_WANDB[name]
        return missing.answer(name, "a run")

    @property
    def name(self) -> str | None:
        """What people call the run; setting it renames the run."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self.run.describe(name=name)
        self._name = name

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find the run by; setting them replaces all."""
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._tags = tuple(tags)
        self.run.describe(tags=self._tags)

    @property
    def notes(self) -> str:
        """A sentence about the run."""
        return self._notes

    @notes.setter
    def notes(self, text: str) -> None:
        self.run.describe(note=text)
        self._notes = text

    @property
    def id(self) -> str:
        """The run's id in the store."""
        return self.run.run_id

    @property
    def url(self) -> str:
        """Page of the run, while the dashboard is open on this machine."""
        return PAGE + self.run.run_id

    def get_url(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def path(self) -> str:
        """Experiment and id."""
        return f"{self.experiment}/{self.run.run_id}"

    @property
    def step(self) -> int:
        """Step of the last call of `log`."""
        return self.run.step

    @property
    def dir(self) -> str:
        """Folder for files of the run; `run.artifact(name, kind, path)` registers one."""
        return str(self.run.folder)

    def log(
        self,
        values: Mapping[str, Any] | None = None,
        step: int | None = None,
        commit: bool | None = None,
        *,
        epoch: float | None = None,
        **others: Any,
    ) -> None:
        """Log numbers of a step, see `store.runs.Run.log`.

        As long as no metric is defined, a session's `log` is its run's: a call costs no more then.
        """
        waited = self.run.pending
        self.run.log(values, step, commit, epoch=epoch, **others)
        if commit is None or commit:
            given = values or others.get("data") or others.get("metrics") or {}
            self._remember({**waited, **given})

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: Any = None,
        hidden: Any = None,
        summary: str | None = None,
        *,
        goal: Literal["maximize", "minimize"] | None = None,
        **_: Any,
    ) -> None:
        """Say what a metric is.

        Args:
            name: with its split (`dev/distance`), or without it for every split.
            step_metric: without effect: curves are drawn over the step of `log`, and over its epoch.
            step_sync: without effect.
            hidden: without effect.
            summary: which value stands for the run: its largest, smallest, first or last (the default); "best" is
                the one of these that the goal asks for.
            goal: which value is better; without it the name decides, and a word like `loss` or `error` means smaller.

        Raises:
            StoreError: if summary or goal is something else.
        """
        if step_metric is not None:
            say_once("step_metric", "curves are drawn over the step and the epoch of log")
        summary = _one_rule(summary)
        if summary == "best" and goal in ("maximize", "minimize"):
            summary = "max" if goal == "maximize" else "min"
        if summary == "best" and goal is None:
            raise StoreError(f"summary 'best' of {name} needs a goal: maximize or minimize")
        if summary not in (None, "last", *AGGREGATES):
            raise StoreError(f"summary of {name} must be max, min, first or last, got {summary!r}")
        if goal not in (None, "maximize", "minimize"):
            raise StoreError(f"goal of {name} must be maximize or minimize, got {goal!r}")
        if summary in AGGREGATES:
            self._defined[name] = str(summary)
            self.__dict__.pop("log", None)
        if goal:
            self._higher_is_better[name] = goal == "maximize"
            self.run.configure({"higher_is_better": self._higher_is_better})

    def predictions(
        self,
        split: str,
        examples: Sequence[Any],
        labels: Sequence[Any] | None,
        predictions: Sequence[Any],
        probabilities: Any = None,
        *,
        classes: Sequence[str] | None = None,
        ids: Sequence[Any] | None = None,
        dataset: str | None = None,
    ) -> None:
        """Store the answers on a split, so that two runs can be compared example by example.

        Args:
            split: dev or test.
            examples: n texts, or n mappings of what a person needs to see.
            labels: n gold labels; None, or None for a row, where unknown.
            predictions: n answers.
            probabilities: (n, c) class probabilities, or None.
            classes: c names of the classes, in the order of the columns.
            ids: n ids; None numbers the rows.
            dataset: name of the data; None takes the experiment's name.

        Raises:
            StoreError: if the lengths differ.
        """
        from store.tracking.answers import store_answers

        store_answers(
            self.run, split, examples, labels, predictions, probabilities,
            classes=classes, ids=ids, dataset=dataset or self.experiment,
        )  # fmt: skip

    def save(self, glob_str: Any, base_path: Any = None, policy: Any = None, **_: Any) -> list[str]:
        """Copy the files that a path or a pattern names into `run.dir`, as they are now, and register them."""
        from store.tracking.files import save

        return save(self.run, glob_str, base_path)

    def log_artifact(
        self, artifact_or_path: Any, name: str | None = None, type: str | None = None, **_: Any
    ) -> "Artifact":
        """Copy the files of an `Artifact`, or of a path, into `run.dir`, and register them."""
        from store.tracking.files import log_artifact

        return log_artifact(self.run, artifact_or_path, name, type)

    def log_model(self, path: Any, name: str | None = None, **_: Any) -> "Artifact":
        """Copy the files of a model into `run.dir`, and register them."""
        return self.log_artifact(path, name, "model")

    def artifact(self, name: str, kind: str, path: Path | str) -> None:
        """Register a file below `run.dir`."""
        self.run.artifact(name, kind, path)

    def finish(
        self, exit_code: int | None = 0, quiet: Any = None, *, status: str | None = None, error: str | None = None
    ) -> None:
        """End the run; a script that ends does this by itself."""
        global _current
        if os.getpid() != self._pid:
            return
        self.config.update(_set_on_the_module())
        for watcher in self._watchers:
            watcher.stop()
        if self.run.pending:
            self.log({})
        if self._best:
            self.run.summary(self._best)
        self.run.finish(status or ("failed" if exit_code else "finished"), error=error)
        if _current is self:
            _current = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finish(**_ending(error))

    def _remember(self, values: Mapping[str, Any]) -> None:
        for name, value in flat(values).items():
            rule = self._defined.get(name) or self._rule(name)
            if rule and value is not None and value == value:
                choose = AGGREGATES[rule]
                self._best[name] = choose(self._best[name], float(value)) if name in self._best else float(value)

    def _rule(self, name: str) -> str | None:
        """The rule of a pattern such as `dev/*` that the name fits."""
        return next((rule for known, rule in self._defined.items() if "*" in known and fnmatchcase(name, known)), None)

    def _store_config(self, new: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
        self.run.configure(new)
        self.run.describe(config_hash=config_hash(self.experiment, whole))


class NoRun:
    """Takes every call and stores nothing: `mode="disabled"`, and every process but the first of a training."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = Config(self, config)
        self.summary: dict[str, Any] = {}
        self.id = self.name = self.dir = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return LeftOut()

    def finish(self, *_: Any, **__: Any) -> None:
        """From now on no run is open."""
        global _current
        if _current is self:
            _current = None

    def __enter__(self) -> "NoRun":
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


def init(
    project: str | None = None,
    name: str | None = None,
    *,
    experiment: str | None = None,
    config: Any = None,
    group: str | None = None,
    tags: Iterable[str] | str | None = (),
    note: str | None = None,
    notes: str | None = None,
    job_type: str | None = None,
    resume: bool | str | None = None,
    id: str | None = None,
    mode: str | None = "online",
    system_metrics: float = 15.0,
    console: bool = True,
    db: Path | str | None = None,
    **fields: Any,
) -> Session | NoRun:
    """Start a run of a script of one's own, or go on with one.

    Args:
        project: another word for `experiment`.
        name: what people call the run.
        experiment: what the run belongs to; None takes the script's name.
        config: its parameters: a mapping, a dataclass, an argparse namespace. Names of nested ones are joined by `/`.
        group: runs that belong together; stored as the parameter `group`.
        tags: words to find it by.
        job_type: what kind of run it is; stored as the parameter `job_type`.
        note: a sentence about it.
        notes: another word for `note`.
        resume: True or "must" goes on with the newest run of that name (or `id`); "allow" starts one where there is
            none.
        id: run to go on with: a part of its id, or its name. A new run without a name gets it as its name.
        mode: "disabled" stores nothing; "online" and "offline" are the same.
        system_metrics: seconds between two looks at processor, memory and GPU; 0 never looks.
        console: keep what the script prints, its last megabyte.
        db: the store's database; None takes CLUEBOARD_DB, else `results.duckdb` of the checkout.
        fields: columns of `runs`: task, model, dataset, recipe, seed, device, train_fingerprint, dev_fingerprint,
            parent_run_id.

    Raises:
        StoreError: if the store cannot be written, an argument is not understood, or there is no run to go on with.
    """
    global _current
    parameters = _set_on_the_module() | flat(config)
    mode, tags = mode or "online", tags or ()
    parameters |= {key: value for key, value in (("group", group), ("job_type", job_type)) if value is not None}
    if mode not in MODES:
        raise StoreError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode == "disabled" or environment.rank() > 0:
        finish()
        _current = NoRun(parameters)
        return _current
    fields = {key: value for key, value in fields.items() if key not in IGNORED}
    if _current is not None:
        _current.finish()
    name = name or id
    script = environment.script()
    called = experiment or project or (script.stem if script else "notebook")
    where = None if db is None else Path(db)
    run = _resumed(called, name, id, resume, where) if resume not in (None, False, "never") else None
    if run is None:
        known = {**_surroundings(script, parameters), "name": name, "note": note or notes}
        run = runs.start(
            called,
            config=parameters,
            command=environment.command(),
            config_hash=config_hash(called, parameters),
            db=where,
            tags=tags,
            **{**known, **fields},
        )
    words = (tags,) if isinstance(tags, str) else tuple(tags or ())
    session = Session(run, parameters, name=name, experiment=called, tags=words, note=note or notes or "")
    _current = session
    _watch(session, system_metrics, console)
    _end_with_the_script()
    return session


def _surroundings(script: Path | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a run knows of itself without being told."""
    commit, dirty = environment.git_state(script.parent if script else Path.cwd())
    seed = parameters.get("seed")
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "versions": environment.versions(),
        "device": environment.device(),
        "seed": seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
    }


def current() -> Session | NoRun:
    """The run that `init` started.

    Raises:
        StoreError: if there is none.
    """
    if _current is None:
        raise StoreError("no run is open: call store.init() first")
    return _current


def log(
    values: Mapping[str, Any] | None = None,
    step: int | None = None,
    commit: bool | None = None,
    *,
    epoch: float | None = None,
    **others: Any,
) -> None:
    """Log numbers of a step to the open run."""
    if _current is not None or environment.rank() == 0:
        current().log(values, step, commit, epoch=epoch, **others)


def define_metric(name: str, *arguments: Any, **options: Any) -> None:
    """Say of the open run what a metric is (arguments as in `Session.define_metric`)."""
    if _current is not None or environment.rank() == 0:
        current().define_metric(name, *arguments, **options)


def finish(exit_code: int | None = 0, quiet: Any = None) -> None:
    """End the open run, if there is one."""
    if _current is not None:
        _current.finish(exit_code)


def of_another_tracker(name: str) -> Any:
    """What a name of wandb or trackio stands for in this module; the calls of a run are those of the open one."""
    if name == "join":
        return finish
    if name in missing.OF_A_RUN:

        def call(*arguments: Any, **options: Any) -> Any:
            """Call the open run; processes that store none do nothing."""
            if _current is None and environment.rank() > 0:
                return LeftOut()
            return getattr(current(), name)(*arguments, **options)

        return call
    return missing.answer(name, "module 'store'")


def _set_on_the_module() -> dict[str, Any]:
    """Parameters that a script has written as `wandb.config = {...}`, taken from the module that it imported."""
    return flat(vars(sys.modules["store"]).pop("config", None))


def _one_rule(summary: str | None) -> str | None:
    """The rule of a summary, of which wandb takes several joined by commas; what cannot be kept is said."""
    words = [word.strip() for word in str(summary or "").split(",")]
    words = [word for word in words if word not in ("", "last", "copy", "none")]
    if "mean" in words:
        say_once("summary='mean'", "the last value stands for the run")
    kept = [word for word in words if word != "mean"]
    if len(kept) > 1:
        say_once(f"summary={summary!r}", f"one value stands for the run, here {kept[0]}")
    return kept[0] if kept else None


def flat(config: Any) -> dict[str, Any]:
    """Parameters of a mapping, dataclass or namespace, nested names joined by `/`.

    Raises:
        StoreError: if it is none of these, or contains itself.
    """
    if config is None:
        return {}
    found: dict[str, Any] = {}
    _flatten("", config, found, ())
    return found


def config_hash(experiment: str, parameters: Mapping[str, Any]) -> str:
    """Sha256 of experiment and parameters without seed, device and folders; same hash: same but for the seed."""
    identity = {name: value for name, value in parameters.items() if name.split("/")[-1] not in UNHASHED}
    return hashlib.sha256(canonical([experiment, identity]).encode("utf-8", "surrogatepass")).hexdigest()


def _flatten(prefix: str, value: Any, found: dict[str, Any], above: tuple[int, ...]) -> None:
    if id(value) in above:
        raise StoreError(f"the config contains itself at {prefix or 'its top'}: it cannot be stored")
    if hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        value = {field: getattr(value, field) for field in type(value).__dataclass_fields__}
    elif not isinstance(value, Mapping) and not prefix:
        try:
            value = vars(value)
        except TypeError:
            raise StoreError(f"config must be a mapping, a dataclass or a namespace, got {value!r:.200}") from None
    if isinstance(value, Mapping) and (value or not prefix):
        for key, item in value.items():
            _flatten(f"{prefix}/{key}" if prefix else str(key), item, found, (*above, id(value)))
    else:
        found[prefix] = value


def _resumed(
    experiment: str, name: str | None, part: str | None, resume: bool | str, db: Path | None
) -> runs.Run | None:
    if resume not in (True, "must", "allow", "auto"):
        raise StoreError(f"resume must be True, 'must', 'allow' or 'never', got {resume!r}")
    if not name and not part and resume in ("allow", "auto"):
        return None
    if not name and not part:
        raise StoreError("resume needs the name (or the id) of the run to go on with")
    from store.tracking.resuming import last_step, newest

    found = newest(experiment, name, part, db)
    if found is None:
        if resume in (True, "must"):
            raise StoreError(f"no run of {experiment} is called {name or part!r}; resume='allow' starts one")
        return None
    return runs.resume(found, last_step(found, db), db)


def _watch(session: Session, seconds: float, console: bool) -> None:
    if seconds and seconds > 0:
        from store.tracking.system_metrics import SystemMetrics

        session._watchers.append(SystemMetrics(session.run, seconds))
    if console:
        from store.tracking.console import Console

        session._watchers.append(Console(session.run))


def _ending(error: BaseException | None) -> dict[str, Any]:
    """Status and error of a run that ends with an exception, or without one."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return {}
    if isinstance(error, KeyboardInterrupt):
        return {"status": "interrupted"}
    import traceback

    return {"status": "failed", "error": "".join(traceback.format_exception(error))[-20_000:]}


_watching_the_end = False


def _end_with_the_script() -> None:
    """Let the run end with the script: at exit, with its error, or by a signal."""
    global _watching_the_end
    if _watching_the_end:
        return
    _watching_the_end = True
    atexit.register(_at_exit)
    earlier = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if _current is not None:
            with contextlib.suppress(StoreError):
                _current.finish(**_ending(error))
        earlier(kind, error, traceback)

    sys.excepthook = hook
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _on_signal)


def _at_exit() -> None:
    if _current is not None:
        with contextlib.suppress(StoreError):
            _current.finish()


def _on_signal(number: int, _: FrameType | None) -> None:
    if _current is not None:
        _current.finish(status="interrupted")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
