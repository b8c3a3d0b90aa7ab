"""The rooms of the dashboard: its pages, its labs with their chapters, and where addresses of earlier versions went.

Only data: `Home.py` makes the navigation of it, `parts/links.py` the links, and the tests walk through it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A page: the script `app_pages/<script>.py`, at the address `/<script's last part>`."""

    script: str
    title: str
    icon: str
    hidden: bool = False
    """Reached by links only, not named in the navigation."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of a lab: the module `dashboard/chapters/<lab>/<key>.py`, at the address `/<lab>?chapter=<key>`."""

    key: str
    name: str
    """Two or three words for the list of chapters."""
    was: str = ""
    """Address of the page that the chapter was in earlier versions; its widgets' keys begin with it."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab: the script `app_pages/labs/<key>.py` and its chapters, in the order in which they are read."""

    key: str
    title: str
    chinese: str
    icon: str
    question: str
    """What the lab answers, in one sentence for its card."""
    chapters: tuple[Chapter, ...]
    """The lab's story: four to six, read in ten minutes."""
    further: tuple[Chapter, ...] = ()
    """Beyond the story: instruments and details that some readers come back for."""

    @property
    def all_chapters(self) -> tuple[Chapter, ...]:
        """Those of the story, then the further ones."""
        return (*self.chapters, *self.further)

    @property
    def script(self) -> str:
        """The lab's page below `app_pages`."""
        return f"labs/{self.key}"


ROOMS = (
    Room("home", "Home", ":material/home:"),
    Room("runs", "Runs", ":material/list:"),
    Room("run", "Run", ":material/monitoring:", hidden=True),
    Room("compare", "Compare", ":material/compare_arrows:"),
    Room("examples", "Examples", ":material/lists:"),
    Room("leaderboard", "Leaderboard", ":material/leaderboard:"),
    Room("explore", "Explore", ":material/scatter_plot:"),
    Room("sql", "SQL", ":material/database:"),
    Room("new_run", "New run", ":material/add_circle:"),
)

LABS = (
    Lab(
        "can",
        "CAN",
        "交替归一化",
        ":material/balance:",
        "Can the known mix of classes correct the predictions that a classifier is unsure of?",
        (
            Chapter("steps", "One correction", "can_steps"),
            Chapter("simulation", "When it helps", "can_simulation"),
            Chapter("correct", "On a run", "can"),
            Chapter("sweep", "Every setting", "can_sweep"),
            Chapter("labels", "Several labels"),
        ),
    ),
    Lab(
        "whitening",
        "Whitening",
        "句向量白化",
        ":material/blur_on:",
        "Why does a linear map make the cosines of sentence vectors agree with people?",
        (
            Chapter("circle", "Ellipse to circle"),
            Chapter("derivation", "Derivation"),
            Chapter("few", "Too few sentences"),
            Chapter("scores", "Scores", "whitening"),
            Chapter("vectors", "Live vectors", "whitening_vectors"),
        ),
        (
            Chapter("sentences", "Two sentences", "whitening_sentences"),
            Chapter("layers", "Layers and search", "whitening_layers"),
        ),
    ),
    Lab(
        "initialization",
        "Initialization",
        "非方阵的初始化",
        ":material/casino:",
        "Which variance keeps both signals and gradients alive when a matrix is not square?",
        (
            Chapter("layers", "Layer by layer", "initialization"),
            Chapter("objective", "Which mean"),
            Chapter("shapes", "Shapes and spectra", "initialization_shapes"),
            Chapter("isometry", "Spectrum and depth"),
            Chapter("depth", "Depth", "initialization_depth"),
            Chapter("training", "Training", "initialization_training"),
        ),
    ),
    Lab(
        "smoothing",
        "Smoothing",
        "光滑近似",
        ":material/airwave:",
        "How does a function with kinks and jumps become smooth, and what does that cost?",
        (
            Chapter("slide", "The sliding kernel"),
            Chapter("errors", "Errors and gates", "smoothing_errors"),
            Chapter("fits", "Best fits"),
            Chapter("maximum", "Smooth maximum"),
            Chapter("floor", "Floor", "smoothing_floor"),
            Chapter("staircase", "Staircase descent", "smoothing_staircase"),
        ),
        (
            Chapter("kernels", "Any function", "smoothing"),
            Chapter("training", "Training", "smoothing_training"),
        ),
    ),
    Lab(
        "johnson_lindenstrauss",
        "Johnson-Lindenstrauss",
        "JL 引理",
        ":material/straighten:",
        "How few dimensions keep the distances of many points, and why does a random matrix do?",
        (
            Chapter("projected", "Points projected"),
            Chapter("angles", "Random angles", "johnson_lindenstrauss_angles"),
            Chapter("proof", "The proof", "johnson_lindenstrauss_proof"),
            Chapter("bounds", "Bounds", "johnson_lindenstrauss"),
            Chapter("cost", "Error and cost"),
            Chapter("hashing", "Sign hashes", "johnson_lindenstrauss_hashing"),
        ),
        (
            Chapter("distances", "Distances", "johnson_lindenstrauss_distances"),
            Chapter("svd", "Randomized SVD", "johnson_lindenstrauss_svd"),
        ),
    ),
    Lab(
        "dimension",
        "Dimension",
        "词向量的维度",
        ":material/expand:",
        "How many dimensions do N words need, and where does n > 8.33 ln N come from?",
        (
            Chapter("law", "n > 8.33 ln N", "dimension"),
            Chapter("laplace", "Where 8.33 comes from"),
            Chapter("skipgram", "Skip-gram", "dimension_skipgram"),
            Chapter("scaled", "Scaled attention"),
            Chapter("attention", "Attention heads", "dimension_attention"),
        ),
    ),
)

MOVED: dict[str, tuple[str, dict[str, str]]] = {
    "overview": ("home", {}),
    "tasks": ("leaderboard", {"leaderboard_view": "Tasks"}),
    **{
        chapter.was: (lab.script, {"chapter": chapter.key})
        for lab in LABS
        for chapter in lab.all_chapters
        if chapter.was and chapter.was != lab.key
    },
}
"""Address of an earlier version -> the script that shows it now, and what its query needs besides its own."""


def lab_of(key: str) -> Lab:
    """The lab of this key."""
    return next(lab for lab in LABS if lab.key == key)


def chapter_of(lab: Lab, query: dict[str, str]) -> Chapter:
    """The chapter that a query asks for: by `chapter`, else by the keys of its widgets (earlier links), else the first.

    An earlier link to the page whose address the lab took over names no chapter; the keys of its widgets begin with
    that address, and no other chapter's do.
    """
    wanted = query.get("chapter", "").casefold()
    for chapter in lab.all_chapters:
        if chapter.key == wanted:
            return chapter
    others = tuple(chapter.was for chapter in lab.all_chapters if chapter.was and chapter.was != lab.key)
    own = [name for name in query if name.startswith(f"{lab.key}_") and not name.startswith(others)]
    return next((chapter for chapter in lab.all_chapters if own and chapter.was == lab.key), lab.chapters[0])


def addresses() -> list[str]:
    """Address of every page and chapter."""
    pages = ["" if room is ROOMS[0] else room.script for room in ROOMS]
    return pages + [f"{lab.key}?chapter={chapter.key}" for lab in LABS for chapter in lab.all_chapters]
