"""Tasks of one's own: every format and encoding, every kind, the split, and what is refused in which words."""

import csv
import gzip
import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.text.tasks import TaskSpec, get_task
from jobs import predict
from jobs.cli import InputError
from jobs.clue import start
from jobs.clue.config import Config
from jobs.clue.data import sources as clue_data
from jobs.clue.data.own import encodings, tables
from jobs.clue.tasks import new_task, task_file
from store import queries

WORDS = {"物流": "快递迟迟没有送到", "质量": "用了两天屏幕就坏了", "退款": "退款一直没有到账"}
ROWS = [{"投诉": f"{text}，订单{i}号，请处理", "类别": label} for i in range(40) for label, text in WORDS.items()]


def as_csv(rows, delimiter=","):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def task(folder, data="data.csv", *lines, kind="classification", fields='["投诉"]', label="类别"):
    path = folder / "mine.toml"
    head = [f'name = "mine"\nkind = "{kind}"\nfields = {fields}\nlabel = "{label}"\ntrain = "{data}"', *lines]
    path.write_text("\n".join(head), encoding="utf-8")
    return path


def load(path, **flags) -> clue_data.Data:
    return clue_data.load(task_file.read(path), **flags)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "big5"]
)
@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl", "d.json", "d.csv.gz", "d.jsonl.gz"])
def test_every_text_format_and_encoding_reads_the_same_rows(tmp_path, name, encoding):
    rows = ROWS
    if encoding == "big5":
        rows = [{"投诉": f"快遞一直沒有送到，訂單{i}號，請處理", "类别": "ab"[i % 2]} for i in range(40)]
        rows = [{("投訴" if key == "投诉" else "類別"): value for key, value in row.items()} for row in rows]
    text = {
        "csv": as_csv(rows),
        "tsv": as_csv(rows, "\t"),
        "jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        "json": json.dumps(rows, ensure_ascii=False, indent=1),
    }[name.split(".")[1]]
    content = text.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert [row for _, row in tables.rows(tmp_path / name)] == rows


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_from_a_table(text):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.csv"
        path.write_text(as_csv([{"text": text, "other": "x"}]), encoding="utf-8", newline="")
        ((_, row),) = tables.rows(path)
        assert row == {"text": text, "other": "x"}


def test_parquet_is_read_whole_and_packed(tmp_path):
    pl.DataFrame(ROWS).write_parquet(tmp_path / "d.parquet")
    (tmp_path / "d.parquet.gz").write_bytes(gzip.compress((tmp_path / "d.parquet").read_bytes()))
    for name in ("d.parquet", "d.parquet.gz"):
        assert [row for _, row in tables.rows(tmp_path / name)] == ROWS


def test_a_dev_split_is_stratified_grouped_and_always_the_same(tmp_path):
    rows = ROWS + ROWS[:30] + [{"投诉": f"只有一种投诉{i}", "类别": "少见"} for i in range(10)]
    (tmp_path / "data.csv").write_text(as_csv(rows), encoding="gbk")
    data = load(task(tmp_path))
    assert data.spec.labels == tuple(sorted({"物流", "质量", "退款", "少见"}))
    assert len(data.train) + len(data.dev) == len(rows)
    texts = [{example.fields["投诉"] for example in side} for side in (data.train, data.dev)]
    assert not texts[0] & texts[1]
    dev = [data.spec.labels[example.label] for example in data.dev]
    assert dev.count("少见") == 1
    assert all(3 <= dev.count(label) <= 8 for label in WORDS)
    assert load(task(tmp_path)).fingerprints == data.fingerprints
    assert any("held out" in note for note in data.notes)
    assert any("classes: " in note for note in data.notes)
    assert any("GB18030" in note for note in data.notes)


def test_a_dev_and_a_test_file_are_taken_where_they_are_named(tmp_path):
    for name, part in (("data.csv", ROWS[:90]), ("dev.csv", ROWS[90:]), ("test.csv", ROWS[:5])):
        (tmp_path / name).write_text(as_csv(part), encoding="utf-8")
    data = load(task(tmp_path, "data.csv", 'dev = "dev.csv"', 'test = "test.csv"'))
    assert (len(data.train), len(data.dev), len(data.tests["own"])) == (90, 30, 5)
    assert data.spec.sizes == {"train": 90, "dev": 30, "test": 5}
    assert "sizes" not in task_file.describe(data.spec)
    assert len(load(task(tmp_path, "data.csv", 'dev = "dev.csv"'), limit=12).dev) == 12


KINDS = {
    "pair": ('["a", "b"]', "same", [{"a": f"问题{i}", "b": f"提问{i}", "same": i % 2} for i in range(40)]),
    "choice": (
        '{passage = "材料", question = "问题", choice = ["A", "B"]}',
        "答案",
        [{"材料": f"他叫小{i}", "问题": "他叫什么？", "A": f"小{i}", "B": "小明", "答案": "A"} for i in range(40)],
    ),
    "span": (
        '{context = "原文", question = "问题"}',
        "答案",
        [{"原文": f"小明{i}在北京工作。", "问题": "在哪里？", "答案": "北京"} for i in range(40)],
    ),
    "entities": ('["text"]', "tags", [{"text": f"{i}王明来了", "tags": [[len(str(i)), len(str(i)) + 2, "人"]]}
                                      for i in range(40)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(tmp_path, kind):
    fields, label, rows = KINDS[kind]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    data = load(task(tmp_path, "d.jsonl", kind=kind, fields=fields, label=label))
    assert len(data.train) == 36
    first = data.train[0]
    expected = {"pair": {0, 1}, "choice": {0}}
    if kind in expected:
        assert {example.label for example in data.train} == expected[kind]
    if kind == "choice":
        assert data.spec.n_choices == 2
        assert isinstance(first.fields["passage"], list)
    if kind == "span":
        text, start_at = first.label[0]
        assert first.fields["context"][start_at:].startswith(text)
    if kind == "entities":
        assert data.spec.labels == ("人",)
        assert first.fields["text"][first.label[0][1] : first.label[0][2] + 1] == "王明"
    assert TaskSpec.from_dict(json.loads(json.dumps(data.spec.to_dict()))) == data.spec


@pytest.mark.parametrize(("answers", "indices"), [(["1", "2"], [0, 1]), (["0", "1"], [0, 1]), (["A", "b"], [0, 1])])
def test_choices_are_numbered_from_0_or_1_or_lettered(tmp_path, answers, indices):
    rows = [{"m": f"材料{i}", "q": "问？", "o": ["甲", "乙"], "y": answers[i % 2]} for i in range(40)]
    (tmp_path / "d.json").write_text(json.dumps(rows, ensure_ascii=False))
    data = load(
        task(tmp_path, "d.json", kind="choice", fields='{passage = "m", question = "q", choice = "o"}', label="y")
    )
    assert {example.label for example in data.train} == set(indices)


def bad(rows, **change):
    return as_csv([{**row, **{key: value(i) for key, value in change.items()}} for i, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("content", "lines", "said"),
    [
        (as_csv(ROWS).replace("类别", "类别别", 1), [], r"no label column '类别'; did you mean '类别别'"),
        (as_csv(ROWS).replace("投诉", "投诉内容", 1), [], r"no column '投诉'; did you mean '投诉内容'"),
        ("", [], "is empty"),
        ("投诉,类别\r\n", [], "no labelled rows"),
        (bad(ROWS, 类别=lambda i: "同一类"), [], "only one class, '同一类'"),
        (bad(ROWS, 类别=lambda i: f"类{i}"), [], "120 values in 120 rows: they are no classes"),
        (as_csv(ROWS) + "一行,太,多\r\n", [], r"data.csv:122: 3 values, but the first row names 2 columns"),
        (as_csv(ROWS) + '"没有结束的引号\r\n', [], r"data.csv:122: not a row of a table"),
        (as_csv(ROWS), ['dev = "dev.csv"'], "no such file"),
        (as_csv(ROWS), ["kindd = 1"], "unknown key 'kindd'; did you mean 'kind'"),
        (as_csv(ROWS), ['metric = "acuracy"'], "did you mean 'accuracy'"),
        (as_csv(ROWS), ['labels = ["物流", "质量"]'], "label '退款' is not a class of mine"),
        (as_csv(ROWS), ['encoding = "gbq"'], "encoding 'gbq' is not known"),
        (as_csv(ROWS), ["dev_share = 1.5"], "dev_share must lie between 0 and 1"),
        (as_csv(ROWS), ['max_length = "long"'], "max_length must be a whole number"),
        ("投诉,投诉\r\na,b\r\n", [], "two columns are called '投诉'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, content, lines, said):
    (tmp_path / "data.csv").write_text(content, encoding="utf-8", newline="")
    with pytest.raises(InputError, match=said) as error:
        load(task(tmp_path, "data.csv", *lines))
    assert "\n" not in str(error.value)


def test_classes_that_only_dev_has_are_refused(tmp_path):
    (tmp_path / "data.csv").write_text(as_csv(ROWS), encoding="utf-8")
    (tmp_path / "dev.csv").write_text(as_csv([*ROWS[:6], {"投诉": "新的", "类别": "新类"}]), encoding="utf-8")
    with pytest.raises(InputError, match=r"classes only in dev, not in train: 新类 \(1 rows\)"):
        load(task(tmp_path, "data.csv", 'dev = "dev.csv"'))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "一"], "labels of mixed types: number in row 1, str in row 2"),
        ([1.5, 2.0], "label 1.5 is a number with decimals"),
        ([[1], [2]], "a label must be a text or a whole number, got list"),
    ],
)
def test_labels_of_mixed_or_wrong_types_are_refused(tmp_path, values, said):
    rows = [{"投诉": f"文本{i}", "类别": values[i % 2]} for i in range(40)]
    (tmp_path / "d.json").write_text(json.dumps(rows, ensure_ascii=False))
    with pytest.raises(InputError, match=said):
        load(task(tmp_path, "d.json"))


@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff\xfe\xfd" * 50, "Größe über früher".encode("latin-1") * 9])
def test_bytes_that_are_no_known_text_are_refused(tmp_path, content):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"d\.csv"):
        list(tables.rows(tmp_path / "d.csv"))


def test_traditional_text_in_big5_is_not_taken_for_gb18030(tmp_path):
    (tmp_path / "d.csv").write_bytes("客戶投訴內容,類別\r\n快遞一直沒有送到請處理,物流\r\n".encode("big5"))
    assert encodings.detect(tmp_path / "d.csv") == ("big5", True)


def test_rows_without_text_or_label_are_left_out_and_counted(tmp_path):
    rows = [*ROWS, {"投诉": "  ", "类别": "物流"}, {"投诉": "没有标签", "类别": ""}]
    (tmp_path / "data.csv").write_text(as_csv(rows), encoding="utf-8")
    data = load(task(tmp_path))
    assert len(data.train) + len(data.dev) == len(ROWS)
    assert any("2 rows with an empty text or label" in note for note in data.notes)


@pytest.mark.parametrize("name", ["tnews", "bustm", "all", "fewclue"])
def test_a_name_of_clue_is_taken(tmp_path, name):
    (tmp_path / "data.csv").write_text(as_csv(ROWS), encoding="utf-8")
    path = task(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('"mine"', f'"{name}"'), encoding="utf-8")
    with pytest.raises(InputError, match="the name of a task here"):
        task_file.read(path)


def test_a_first_task_file_is_written_from_a_data_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [{"编号": i, **row} for i, row in enumerate(ROWS)]
    (tmp_path / "投诉.csv").write_text(as_csv(rows), encoding="gbk")
    path = new_task.write(tmp_path / "投诉.csv")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 10
    assert "classes: 物流 40" in capsys.readouterr().out
    spec = task_file.read(path)
    assert (spec.kind, spec.fields, spec.label_column) == ("classification", ("投诉",), "类别")
    assert len(clue_data.load(spec).dev) == 12
    with pytest.raises(InputError, match="already there"):
        new_task.write(tmp_path / "投诉.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_a_task_is_told_from_its_columns(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    _, _, rows = KINDS[kind]
    names = {"a": "sentence1", "b": "sentence2", "same": "label"}
    (tmp_path / "d.json").write_text(json.dumps([{names.get(k, k): v for k, v in row.items()} for row in rows]))
    spec = task_file.read(new_task.write(tmp_path / "d.json"))
    assert spec.kind == kind
    assert clue_data.load(spec).train


def test_a_run_stores_its_task_and_has_the_same_hash_from_anywhere(tmp_path):
    hashes = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "data.csv").write_text(as_csv(ROWS), encoding="gbk")
        start.run(Config(task=(str(task(folder)),), model="ngram", db=tmp_path / "x.duckdb"))
    queries.refresh(db=tmp_path / "x.duckdb")
    runs = queries.runs(db=tmp_path / "x.duckdb")
    hashes = set(runs["config_hash"])
    assert len(hashes) == 1
    assert set(runs["task"]) == {"mine"}
    stored = queries.params(list(runs["run_id"]), db=tmp_path / "x.duckdb").filter(name="task_spec")
    assert TaskSpec.from_dict(json.loads(stored["value"][0])).labels == ("物流", "质量", "退款")


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("tnews", ["一个标题", "另一个"], [{"sentence": "一个标题"}, {"sentence": "另一个"}]),
        ("afqmc", ["甲", "乙"], [{"sentence1": "甲", "sentence2": "乙"}]),
        ("cmrc2018", ["原文", "问题"], [{"context": "原文", "question": "问题"}]),
        ("c3", ["材料", "问", "甲", "乙"], [{"passage": ["材料"], "question": "问", "choice": ["甲", "乙"]}]),
    ],
)
def test_typed_texts_become_rows(name, texts, expected):
    assert [example.fields for example in predict.typed(get_task(name), texts)] == expected


@pytest.mark.parametrize(
    ("name", "texts", "said"),
    [
        ("afqmc", ["只有一句"], r"a pair task needs 2 texts \(sentence1, sentence2\), got 1"),
        ("cluewsc2020", ["句子"], "more than texts; give --input"),
        ("chid", ["句子"], "more than texts; give --input"),
        ("tnews", [" "], "a text is empty"),
    ],
)
def test_typed_texts_that_are_no_rows_are_refused(name, texts, said):
    with pytest.raises(InputError, match=said):
        predict.typed(get_task(name), texts)


def test_a_model_of_ones_own_task_answers_from_everywhere(tmp_path, monkeypatch, capsys):
    (tmp_path / "data.csv").write_text(as_csv(ROWS), encoding="gbk")
    db = tmp_path / "x.duckdb"
    start.run(Config(task=(str(task(tmp_path)),), epochs=1, batch_size=16, max_length=32, db=db))
    (tmp_path / "mine.toml").unlink()  # the run is enough
    capsys.readouterr()
    predict.predict(predict.Config(run="latest", text=("快递迟迟没有送到",), db=db))
    assert capsys.readouterr().out.count("%") == 3
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("退款没有到账\n屏幕坏了\n".encode())))
    predict.predict(predict.Config(run="latest", db=db))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == ["0", "1"]
    assert sum(lines[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    predict.predict(predict.Config(run="latest", input=tmp_path / "data.csv", output=tmp_path / "out.jsonl", db=db))
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == len(ROWS)
    assert "the rows have labels: accuracy" in capsys.readouterr().out


JAPANESE = (
    "日本語の文章です。東京は日本の首都であり、人口は千万人を超えている。今日はとても天気が良いので散歩に行きました。"
)
KOREAN = "한국어 문장입니다. 서울은 대한민국의 수도이고 오늘은 날씨가 아주 좋아서 산책을 했습니다."
RUSSIAN = "".join(map(chr, range(0x430, 0x450)))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((JAPANESE, name) for name in ("euc_jp", "cp932")),
        *((KOREAN, name) for name in ("euc_kr", "utf-16-be")),
        *((RUSSIAN, name) for name in ("koi8-r", "cp1251")),
        ("한국어,서울", "euc_kr"),
    ],
)
def test_bytes_of_another_language_are_never_read_as_other_characters(tmp_path, text, encoding):
    path = tmp_path / "d.csv"
    path.write_bytes(f"text,label\n{text * 5}".encode(encoding))
    try:
        found, _ = encodings.detect(path)
    except InputError as error:
        said = str(error)
    else:
        said = path.read_text(encoding=found)
    assert text in said or "name its encoding" in said


@pytest.mark.parametrize("text", ["投诉,类别\n快递,物流\n", "编号,城市\n1,北京\n2,上海\n", "花呗\n借呗\n余额宝\n"])
@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-32", "utf-8-sig"])
def test_a_few_chinese_words_are_enough(tmp_path, text, encoding):
    path = tmp_path / "d.csv"
    path.write_text(text, encoding=encoding)
    assert path.read_text(encoding=encodings.detect(path)[0]) == text


QUOTED = [{"text": f'他说"{row["投诉"]}",\n然后走了', "label": row["类别"]} for row in ROWS]
PLAIN = [{"text": row["投诉"], "label": row["类别"]} for row in ROWS]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.csv", as_csv(QUOTED), QUOTED),
        ("d.tsv", as_csv(QUOTED, "\t"), QUOTED),
        ("d.csv", "sep=;\r\n" + as_csv(PLAIN, ";"), PLAIN),
        ("d.csv", "\ufeffsep=|\n" + as_csv(PLAIN, "|"), PLAIN),
        ("d.csv", as_csv(PLAIN).replace("\r\n", "\r"), PLAIN),
        ("d.csv", as_csv(PLAIN).replace("\r\n", ",,\r\n").replace("label,,", "label"), PLAIN),
        ("d.csv", '"a,b";"label"\n"x;y";"z"\n', [{"a,b": "x;y", "label": "z"}]),
        ("d.csv", '"text\nof it",label\nx,y\n', [{"text\nof it": "x", "label": "y"}]),
        ("d.tsv", 'text\tlabel\n"他说\ty\n', [{"text": '"他说', "label": "y"}]),
        ("d.tsv", 'text\tlabel\n他"说"\tz\n', [{"text": '他"说"', "label": "z"}]),
    ],
)  # fmt: skip
def test_tables_of_every_program_are_read(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert [row for _, row in tables.rows(tmp_path / name)] == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv.gz", gzip.compress(as_csv(ROWS * 50).encode(), mtime=0)[:200]),
        ("d.jsonl.gz", b"\x1f\x8b" + bytes(range(256))),
        ("d.parquet", b"PAR1" + bytes(100)),
        ("d.parquet.gz", gzip.compress(b"PAR1" + bytes(100), mtime=0)[:40]),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|not a whole Parquet file") as error:
        list(tables.rows(tmp_path / name))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("names", [("句子A", "句子B"), ("text1", "text2"), ("premise", "hypothesis"), ("甲一", "甲二")])
def test_two_columns_of_a_pair_are_told_by_their_names(tmp_path, monkeypatch, names):
    monkeypatch.chdir(tmp_path)
    rows = [{names[0]: f"问题{i}怎么办", names[1]: f"提问{i}如何做", "是否相同": "是否"[i % 2]} for i in range(40)]
    (tmp_path / "d.csv").write_text(as_csv(rows), encoding="utf-8")
    spec = task_file.read(new_task.write(tmp_path / "d.csv"))
    assert (spec.kind, spec.fields) == ("pair", names)


def test_several_labels_a_row_are_refused(tmp_path):
    rows = [{"投诉": f"文本{i}", "类别": ["a", "b"]} for i in range(40)]
    (tmp_path / "d.json").write_text(json.dumps(rows, ensure_ascii=False))
    with pytest.raises(InputError, match="several labels a row are not supported"):
        load(task(tmp_path, "d.json"))


def test_a_saved_data_set_is_read_with_its_splits_and_class_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features({"投诉": datasets.Value("string"), "类别": datasets.ClassLabel(names=list(WORDS))})
    parts = {"train": ROWS[:90], "validation": ROWS[90:]}
    saved = datasets.DatasetDict(
        {name: datasets.Dataset.from_list(rows, features=kinds) for name, rows in parts.items()}
    )
    saved.save_to_disk(tmp_path / "saved")
    path = task(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('train = "data.csv"', 'data = "saved"'), encoding="utf-8")
    data = load(path)
    assert (len(data.train), len(data.dev), set(data.spec.labels)) == (90, 30, set(WORDS))
