"""The tasks of CLUE and FewCLUE as data: formats, classes, settings, sizes and sources.

A task is one `TaskSpec`. Its `kind` chooses the encoder of its input, the head and the metrics, its `layout` the reader
of its files; everything else that differs between tasks is a field or a function named here, so that no other code asks
for a task by its name. Settings are those of Su Jianlin's CLUE baselines (https://kexue.fm/archives/8739 and
https://github.com/bojone/CLUE-bert4keras); sizes are those of the CLUE files (Xu et al., 2020, arXiv 2004.05986, and
https://github.com/CLUEbenchmark/CLUE).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.names import nearest
from engine.text.csl import keywords_and_abstract
from engine.text.wsc import marked_text

Kind = Literal["classification", "pair", "choice", "span", "entities"]
Layout = Literal["rows", "squad", "documents", "blanks", "table"]
"""rows: one example a row of an official file; table: the same in a file of one's own, whose columns are named here;
squad: data, paragraphs, context, qas, answers; documents: [lines, questions, id]; blanks: passages with several blanks
a row, the answers in a second file"""
FieldKind = Literal["text", "texts", "marks"]
"""what a field holds: a text, a list of texts, or two marked spans of the example's text"""


@dataclass(frozen=True, slots=True)
class Example:
    """One item of a task: what the model sees, and the gold answer where it is known."""

    example_id: str
    """identifier within its split, unique"""
    fields: dict[str, Any]
    """input fields named as in the file; the label is not among them"""
    label: Any = None
    """class or choice; span: list of (text, start); entities: list of (type, start, inclusive end); None if hidden"""
    group: str = ""
    """examples of one group are decided together (ChID: the blanks of one input line)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestVersion:
    """One of the released test files of a task, told apart by its number of rows."""

    __test__ = False  # the name starts with Test, pytest need not collect it

    version: str
    rows: int
    """rows of the official file (ChID: input lines; C3 and CMRC: questions)"""
    submission: str
    """name of the file that the CLUE site expects"""
    file: str = "test.json"
    """usual name of the file; it decides only where the number of rows cannot"""
    fingerprint: str = ""
    """16 hex digits of the sha256 of its texts, as `jobs.clue.data.sources.text_fingerprint`; empty if not at hand"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A task: metadata plus the settings it is trained with."""

    name: str
    title: str
    benchmark: str = ""
    """CLUE or FewCLUE, whose averages and submissions are apart; empty for a task of neither"""
    chinese: str = ""
    description: str = ""
    kind: Kind
    fields: tuple[str, ...]
    """input fields an example has"""
    field_kinds: Mapping[str, FieldKind] = field(default_factory=dict)
    """what the fields hold that are not a text"""
    texts: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    """the texts that the model reads of an example's fields; None takes the fields as they are"""
    layout: Layout = "rows"
    """how the files are laid out"""
    labels: tuple[str, ...] = ()
    """classes in the order of their index, as they are spelled in the files; empty for choice and span"""
    label_titles: tuple[str, ...] = ()
    """readable names of the classes, where the files spell them as codes"""
    dropped_labels: tuple[str, ...] = ()
    """labels that mean "no label": such rows are dropped from train and dev"""
    metric: str = "accuracy"
    """metric that selects the checkpoint"""
    max_length: int = 128
    batch_size: int = 32
    accumulation: int = 1
    epochs: int = 10
    stride: int = 0
    """distance of the windows in characters (span)"""
    n_choices: int = 0
    """rows of an example (C3: choices are padded to it); 0 if the data decide"""
    options: str = "choice"
    """field that holds the choices (choice)"""
    first_choice: int = 0
    """number by which the files mean the first choice (choice)"""
    submission: Literal["lines", "object"] = "lines"
    """a submission is one JSON object a row, or one JSON object of all answers by example"""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """examples of the official train and dev files, without dropped rows"""
    sizes_count: Literal["examples", "rows"] = "examples"
    """what `sizes` counts: examples, or rows of the files (ChID, whose rows hold several examples)"""
    tests: tuple[TestVersion, ...] = ()
    train_files: tuple[str, ...] = ("train.json", "train_few_all.json", "train_0.json")
    """the first that exists is read; parts of one set are joined by +"""
    dev_files: tuple[str, ...] = ("dev.json", "dev_few_all.json", "dev_0.json")
    folders: tuple[str, ...] = ()
    """further folder names under which the task is found"""
    hub_config: str = ""
    """configuration in the hub's data set clue/clue; empty if it is not there"""
    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """field -> the column that holds it, or the columns of its parts (table); by default the column of its own name"""
    label_column: str = "label"
    """column of the answers (table)"""
    files: Mapping[str, str] = field(default_factory=dict)
    """train, dev, test -> file of a task of one's own, or data -> a data set of the hub or of a folder"""
    encoding: str = ""
    """of these files; empty finds it out"""
    dev_share: float = 0.1
    """share of the training rows that become dev where there is no dev file"""
    source: str = ""
    """where the task comes from: paper and site"""
    revision: str = ""
    """commit at which the official files were read and compared; empty if no complete copy was at hand"""
    licence: str = ""
    """licence of the data as their source states it; empty if it states none"""
    checked: str = ""
    """what was compared with the task's reference implementation, and how; empty if nothing was"""
    version: int = 1
    """raised when the task's numbers may change"""

    @property
    def fills_blanks(self) -> bool:
        """Whether the choices fill blanks; those of one group get different answers."""
        return self.layout == "blanks"

    def field_kind(self, name: str) -> FieldKind:
        """What a field holds."""
        return self.field_kinds.get(name, "text")

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 where the answer is not a class."""
        return len(self.labels)

    @property
    def own(self) -> bool:
        """Whether it is a task of one's own, from a task file."""
        return bool(self.files)

    def to_dict(self) -> dict[str, Any]:
        """Json-ready fields that differ from their defaults."""
        return {
            item.name: list(value) if isinstance(value, tuple) else value
            for item in dataclasses.fields(self)
            if item.name not in ("texts", "tests")
            and (value := getattr(self, item.name)) not in ((), "", {}, item.default)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TaskSpec":
        """The spec of `to_dict`'s fields; what a newer version has added is left out."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{name: _tuples(value) for name, value in values.items() if name in known})


def _tuples(value: Any) -> Any:
    """Lists, which JSON has, as tuples."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


HUB_DATASET = "clue/clue"
CLUE, FEWCLUE = "CLUE", "FewCLUE"
_CLUE = "Xu et al. 2020, arXiv 2004.05986, https://github.com/CLUEbenchmark/CLUE"
_CHECKED = "{}: equal to the outputs of CLUE-bert4keras's own functions (tests/oracles/clue_io.json)"
_NLI = ("entailment", "neutral", "contradiction")
_TNEWS = {
    "100": "story",
    "101": "culture",
    "102": "entertainment",
    "103": "sports",
    "104": "finance",
    "106": "house",
    "107": "car",
    "108": "education",
    "109": "technology",
    "110": "military",
    "112": "travel",
    "113": "world",
    "114": "stock",
    "115": "agriculture",
    "116": "game",
}
ENTITY_TYPES = (
    "address",
    "book",
    "company",
    "game",
    "government",
    "movie",
    "name",
    "organization",
    "position",
    "scene",
)

_SPECS = (
    TaskSpec(
        name="iflytek",
        title="IFLYTEK",
        benchmark=CLUE,
        chinese="应用描述分类",
        description="Assign the description of an app to one of 119 categories.",
        kind="classification",
        fields=("sentence",),
        labels=tuple(str(i) for i in range(119)),
        sizes={"train": 12_133, "dev": 2_599, "test": 2_600},
        tests=(
            TestVersion(version="1.0", rows=2_600, submission="iflytek_predict.json", fingerprint="74e86b518fae9ead"),
        ),
        hub_config="iflytek",
        source=_CLUE,
    ),
    TaskSpec(
        name="tnews",
        title="TNEWS",
        benchmark=CLUE,
        chinese="今日头条新闻标题分类",
        description="Assign a news title to one of 15 categories; keywords in the files are not used.",
        kind="classification",
        fields=("sentence",),
        labels=tuple(_TNEWS),
        label_titles=tuple(_TNEWS.values()),
        sizes={"train": 53_360, "dev": 10_000, "test": 10_000},
        tests=(
            TestVersion(
                version="1.0",
                rows=10_000,
                submission="tnews10_predict.json",
                fingerprint="7623ed03d627fba2",
                file="test1.0.json",
            ),
            TestVersion(version="1.1", rows=10_000, submission="tnews11_predict.json", fingerprint="5cf713eaa471469b"),
        ),
        hub_config="tnews",
        source=_CLUE,
        revision="https://github.com/zejunwang1/bertorch cd207522",
    ),
    TaskSpec(
        name="cluewsc2020",
        title="CLUEWSC2020",
        benchmark=CLUE,
        chinese="代词消歧",
        description="Decide whether a marked pronoun refers to a marked noun.",
        kind="classification",
        fields=("text", "target"),
        field_kinds={"target": "marks"},
        texts=marked_text,
        labels=("false", "true"),
        epochs=30,
        sizes={"train": 1_244, "dev": 304, "test": 2_574},
        tests=(
            TestVersion(
                version="1.0",
                rows=290,
                submission="cluewsc10_predict.json",
                fingerprint="11bebc46b6ca9cdc",
                file="test1.0.json",
            ),
            TestVersion(version="1.1", rows=2_574, submission="cluewsc11_predict.json"),
        ),
        folders=("wsc", "cluewsc"),
        hub_config="cluewsc2020",
        source="https://github.com/CLUEbenchmark/CLUEWSC2020",
        revision="https://github.com/LowinLi/Transformers4CLUEWSC2020 746b1a1f",
        checked=_CHECKED.format("marking of noun and pronoun"),
    ),
    TaskSpec(
        name="afqmc",
        title="AFQMC",
        benchmark=CLUE,
        chinese="蚂蚁金融语义相似度",
        description="Decide whether two customer questions about loans mean the same.",
        kind="pair",
        fields=("sentence1", "sentence2"),
        labels=("0", "1"),
        label_titles=("different", "same"),
        sizes={"train": 34_334, "dev": 4_316, "test": 3_861},
        tests=(
            TestVersion(version="1.0", rows=3_861, submission="afqmc_predict.json", fingerprint="54f1c19c3a3ef78a"),
        ),
        hub_config="afqmc",
        source=_CLUE,
        revision="https://github.com/LeslieOverfitting/nlp_AFQMC c5ab1362",
    ),
    TaskSpec(
        name="cmnli",
        title="CMNLI",
        benchmark=CLUE,
        chinese="语言推理（翻译）",
        description="Entailment, neutral or contradiction of two sentences, translated from English.",
        kind="pair",
        fields=("sentence1", "sentence2"),
        labels=_NLI,
        dropped_labels=("-",),
        sizes={"train": 391_783, "dev": 12_241, "test": 13_880},
        tests=(
            TestVersion(version="1.0", rows=13_880, submission="cmnli_predict.json", fingerprint="7316d370ef5f700f"),
        ),
        hub_config="cmnli",
        source=_CLUE,
    ),
    TaskSpec(
        name="ocnli",
        title="OCNLI",
        benchmark=CLUE,
        chinese="原生中文自然语言推理",
        description="Entailment, neutral or contradiction, written in Chinese from the start.",
        kind="pair",
        fields=("sentence1", "sentence2"),
        labels=_NLI,
        dropped_labels=("-",),
        sizes={"train": 50_437, "dev": 2_950, "test": 3_000},
        tests=(
            TestVersion(version="1.0", rows=3_000, submission="ocnli_50k_predict.json", fingerprint="8a8b488b4e6ecdd8"),
        ),
        train_files=(
            "train.50k.json",
            "train.30k.json",
            "train.10k.json",
            "train.3k.json",
            "train.json",
            "train_few_all.json",
            "train_0.json",
        ),
        hub_config="ocnli",
        source="Hu et al. 2020, arXiv 2010.05444, https://github.com/CLUEbenchmark/OCNLI",
        revision="https://github.com/CLUEbenchmark/OCNLI b53efdee",
        licence="CC BY-NC 2.0",
    ),
    TaskSpec(
        name="csl",
        title="CSL",
        benchmark=CLUE,
        chinese="论文关键词识别",
        description="Decide whether all given keywords belong to the abstract of a paper.",
        kind="pair",
        fields=("keyword", "abst"),
        field_kinds={"keyword": "texts"},
        texts=keywords_and_abstract,
        labels=("0", "1"),
        label_titles=("some wrong", "all right"),
        sizes={"train": 20_000, "dev": 3_000, "test": 3_000},
        tests=(TestVersion(version="1.0", rows=3_000, submission="csl_predict.json", fingerprint="bcab9c93fbae3d2c"),),
        hub_config="csl",
        source=_CLUE,
        checked=_CHECKED.format("joining of the keywords"),
    ),
    TaskSpec(
        name="cmrc2018",
        title="CMRC2018",
        benchmark=CLUE,
        chinese="抽取式阅读理解",
        description="Answer a question with a span of a Wikipedia passage.",
        kind="span",
        fields=("context", "question"),
        layout="squad",
        submission="object",
        metric="em",
        max_length=512,
        batch_size=16,
        accumulation=2,
        stride=128,
        sizes={"train": 10_142, "dev": 3_219, "test": 2_000},
        tests=(
            TestVersion(version="1.0", rows=2_000, submission="cmrc2018_predict.json", fingerprint="b3ece28b0203015e"),
        ),
        hub_config="cmrc2018",
        version=2,
        source="Cui et al. 2019, arXiv 1810.07366, https://github.com/ymcui/cmrc2018",
        revision="https://github.com/cingtiye/Chinese_question_sentence_judgment 5ba62f37",
        licence="CC BY-SA 4.0",
        checked=_CHECKED.format("windows and features"),
    ),
    TaskSpec(
        name="c3",
        title="C3",
        benchmark=CLUE,
        chinese="中文多选阅读理解",
        description="Choose the answer to a question about a dialogue or a text among up to four.",
        kind="choice",
        fields=("passage", "question", "choice"),
        layout="documents",
        field_kinds={"passage": "texts", "choice": "texts"},
        max_length=512,
        batch_size=4,
        accumulation=4,
        n_choices=4,
        sizes={"train": 11_869, "dev": 3_816, "test": 3_892},
        tests=(
            TestVersion(
                version="1.0",
                rows=3_892,
                submission="c310_predict.json",
                fingerprint="534c36d84defab9f",
                file="test1.0.json",
            ),
            TestVersion(
                version="1.1",
                rows=1_625,
                submission="c311_predict.json",
                fingerprint="ee686ab77f2a2a66",
                file="test1.1.json",
            ),
        ),
        train_files=("m-train.json+d-train.json", "m-train.json", "d-train.json", "train.json"),
        dev_files=("m-dev.json+d-dev.json", "m-dev.json", "d-dev.json", "dev.json"),
        hub_config="c3",
        source="Sun et al. 2020, arXiv 1904.09679, https://github.com/nlpdata/c3",
        revision="https://github.com/cingtiye/Chinese_question_sentence_judgment 5ba62f37",
        licence="non-commercial research only",
        checked=_CHECKED.format("loading, padding of the choices"),
    ),
    TaskSpec(
        name="chid",
        title="ChID",
        benchmark=CLUE,
        chinese="成语完形填空",
        description="Fill the blanks of a text with idioms from one list of candidates, each used once.",
        kind="choice",
        fields=("content", "blank", "candidates"),
        layout="blanks",
        field_kinds={"candidates": "texts"},
        options="candidates",
        submission="object",
        max_length=64,
        batch_size=12,
        accumulation=2,
        epochs=5,
        sizes={"train": 84_709, "dev": 3_218, "test": 3_447},
        sizes_count="rows",
        tests=(
            TestVersion(version="1.0", rows=3_231, submission="chid10_predict.json", file="test1.0.json"),
            TestVersion(version="1.1", rows=3_447, submission="chid11_predict.json", file="test1.1.json"),
        ),
        hub_config="chid",
        source="Zheng et al. 2019, arXiv 1906.01265, https://github.com/chujiezheng/ChID-Dataset",
        checked=_CHECKED.format("cutting around a blank, assignment"),
    ),
    TaskSpec(
        name="cluener",
        title="CLUENER2020",
        benchmark=CLUE,
        chinese="细粒度命名实体识别",
        description="Find the entities of ten types in a sentence.",
        kind="entities",
        fields=("text",),
        labels=ENTITY_TYPES,
        metric="f1",
        max_length=256,
        sizes={"train": 10_748, "dev": 1_343, "test": 1_345},
        tests=(
            TestVersion(version="1.0", rows=1_345, submission="cluener_predict.json", fingerprint="a745c2e2a6938d5a"),
        ),
        folders=("cluener2020",),
        version=2,
        source="Xu et al. 2020, arXiv 2001.04351, https://github.com/CLUEbenchmark/CLUENER2020",
        revision="https://github.com/CLUEbenchmark/LightLM 7762e02f",
        checked=_CHECKED.format("label cells"),
    ),
)

_FEWCLUE: dict[str, Any] = {
    "benchmark": FEWCLUE,
    "batch_size": 16,
    "train_files": ("train_0.json", "train_few_all.json", "train.json"),
    "dev_files": ("dev_0.json", "dev_few_all.json", "dev.json"),
    "source": "Xu et al. 2021, arXiv 2107.07498, https://github.com/CLUEbenchmark/FewCLUE",
}
"""What FewCLUE's own tasks have in common: sizes are those of one of five training sets and of the public test file."""
_DISCIPLINES = (
    "材料科学与工程 作物学 口腔医学 药学 教育学 水利工程 理论经济学 食品科学与工程 畜牧学/兽医学 体育学 "
    "核科学与技术 力学 园艺学 水产 法学 地质学/地质资源与地质工程 石油与天然气工程 农林经济管理 "
    "信息与通信工程 图书馆、情报与档案管理 政治学 电气工程 海洋科学 民族学 航空宇航科学与技术 "
    "化学/化学工程与技术 哲学 公共卫生与预防医学 艺术学 农业工程 船舶与海洋工程 计算机科学与技术 冶金工程 "
    "交通运输工程 动力工程及工程热物理 纺织科学与工程 建筑学 环境科学与工程 公共管理 数学 物理学 "
    "林学/林业工程 心理学 历史学 工商管理 应用经济学 中医学/中药学 天文学 机械工程 土木工程 光学工程 "
    "地理学 农业资源利用 生物学/生物科学与工程 兵器科学与技术 矿业工程 大气科学 基础医学/临床医学 "
    "电子科学与技术 测绘科学与技术 控制科学与工程 军事学 中国语言文学 新闻传播学 社会学 地球物理学 "
    "植物保护"
)

_FEW_SHOT = (
    TaskSpec(
        name="eprstmt",
        title="EPRSTMT",
        chinese="电商评论情感分析",
        description="Decide whether the review of a product is positive or negative, after 32 examples.",
        kind="classification",
        fields=("sentence",),
        labels=("Negative", "Positive"),
        epochs=30,
        sizes={"train": 32, "dev": 32, "test": 610},
        tests=(TestVersion(version="1.0", rows=753, submission="eprstmt_predict.json"),),
        folders=("fewclue/eprstmt",),
        **_FEWCLUE,
    ),
    TaskSpec(
        name="csldcp",
        title="CSLDCP",
        chinese="科学文献学科分类",
        description="Assign the abstract of a paper to one of 67 disciplines, after 536 examples.",
        kind="classification",
        fields=("content",),
        labels=tuple(_DISCIPLINES.split()),
        epochs=20,
        sizes={"train": 536, "dev": 536, "test": 1_784},
        tests=(TestVersion(version="1.0", rows=2_999, submission="csldcp_predict.json"),),
        folders=("fewclue/csldcp",),
        **_FEWCLUE,
    ),
    TaskSpec(
        name="bustm",
        title="BUSTM",
        chinese="对话短文本匹配",
        description="Decide whether two requests to a voice assistant mean the same, after 32 examples.",
        kind="pair",
        fields=("sentence1", "sentence2"),
        labels=("0", "1"),
        label_titles=("different", "same"),
        epochs=30,
        sizes={"train": 32, "dev": 32, "test": 1_772},
        tests=(TestVersion(version="1.0", rows=2_000, submission="bustm_predict.json"),),
        folders=("fewclue/bustm",),
        **_FEWCLUE,
    ),
)

TASKS: dict[str, TaskSpec] = {spec.name: spec for spec in (*_SPECS, *_FEW_SHOT)}


def tasks_of(benchmark: str) -> tuple[str, ...]:
    """Names of the tasks of a benchmark."""
    return tuple(name for name, spec in TASKS.items() if spec.benchmark == benchmark)


def get_task(name: str) -> TaskSpec:
    """Return the task called `name`.

    Raises:
        ValueError: if there is none; the nearest name is suggested.
    """
    if name in TASKS:
        return TASKS[name]
    hint = nearest(name.lower(), TASKS)
    raise ValueError(f"unknown task {name!r}, expected one of {', '.join(TASKS)}{hint}")


def texts_in(value: Any) -> Iterator[str]:
    """Every text in the fields of an example, however deep it lies in mappings and sequences."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


OFFICIAL_DEV: Mapping[str, str] = {
    "cluewsc2020": "645004fcb67e8ae75e22954266d6f445b421c803dcf83adcb60be9c9cb0831e2",
    "cmrc2018": "53820f579d39608e02fde5d9c0eb1d8c6c033531efe75c846fbd3f7a40d23531",
    "c3": "1c5bb48e4da76ae26f464c6a3c56c2586ed9264521ecbb1312bd351719c54ffe",
    "cluener": "452f1f63ec445f558a3234c401eaca86ba930c2c921ea3714f4d59febc64edab",
}
"""Fingerprint (`runs.dev_fingerprint`) of the official dev split of the tasks whose complete files were at hand."""
