"""A first task file fits data as people write them; where none can be written, it says what is missing."""

import datetime
import gzip
import io
import json
import zipfile
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.evidence.overlap import overlap
from engine.text.encode import encode
from engine.text.tasks import Example
from engine.text.tokenizer import WordPiece, build_vocabulary
from jobs.cli import InputError
from jobs.clue.data import sources
from jobs.clue.data.own import load, tables, tags
from jobs.clue.data.parsing import Place
from jobs.clue.tasks import new_task, task_file
from jobs.predict import typed
from jobs.typed_fields import examples as from_fields

PEOPLE, CITIES = ("王明", "李小红", "张伟"), ("北京", "上海", "广州")


def rows(make, count=60):
    return [make(i, PEOPLE[i % 3], CITIES[i % 2]) for i in range(count)]


def said(i, who, where):
    return f"昨天{i}号{who}去了{where}出差"


def marked(i, who, where):
    text = said(i, who, where)
    return [[text.index(who), text.index(who) + len(who), "PER"], [text.index(where), text.index(where) + 2, "LOC"]]


def tagged(i, who, where):
    found = ["O"] * len(said(i, who, where))
    for start, end, kind in marked(i, who, where):
        found[start:end] = ["B-" + kind, *["I-" + kind] * (end - start - 1)]
    return found


SHAPES = {
    "classes": ("classification", lambda i, who, where: {"文本": said(i, who, where), "城市": where}),
    "numbers": ("classification", lambda i, who, where: {"id": i, "review": said(i, who, where), "stars": i % 3 + 1}),
    "pair": ("pair", lambda i, who, where: {"premise": said(i, who, where), "hypothesis": f"{who}{i}在家",
                                            "gold_label": "是否"[i % 2]}),
    "choices": ("choice", lambda i, who, where: {"context": said(i, who, where), "question": "谁？",
                                                 "options": list(PEOPLE), "answer": who}),
    "letters": ("choice", lambda i, who, where: {"question": f"{said(i, who, where)}，谁？",
                                                 **dict(zip("ABC", PEOPLE, strict=True)), "answer": "ABC"[i % 3]}),
    "numbered": ("choice", lambda i, who, where: {"问题": f"{said(i, who, where)}，谁？", "选项1": PEOPLE[0],
                                                  "选项2": PEOPLE[1], "答案": i % 2 + 1}),
    "by letter": ("choice", lambda i, who, where: {"question": f"{said(i, who, where)}，谁？",
                                                   "options": dict(zip("ABC", PEOPLE, strict=True)),
                                                   "answer": "ABC"[i % 3]}),
    "span": ("span", lambda i, who, where: {"原文": said(i, who, where), "问题": "谁？", "答案": who}),
    "squad": ("span", lambda i, who, where: {"id": f"q{i}", "context": said(i, who, where), "question": "谁？",
              "answers": {"text": [who], "answer_start": [said(i, who, where).index(who)]}}),
    "entities": ("entities", lambda i, who, where: {"text": said(i, who, where), "label": [
        {"start": a, "end": b, "label": kind} for a, b, kind in marked(i, who, where)]}),
    "nested": ("entities", lambda i, who, where: {"text": said(i, who, where), "label": {
        kind: {said(i, who, where)[a:b]: [[a, b - 1]]} for a, b, kind in marked(i, who, where)}}),
    "tags": ("entities", lambda i, who, where: {"tokens": list(said(i, who, where)),
                                                "ner_tags": tagged(i, who, where)}),
}  # fmt: skip


def cells(row):
    """A row as a table has it: lists and objects as JSON."""
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for k, v in row.items()}


def write(path, found):
    if "parquet" in path.name:
        pl.DataFrame(found).write_parquet(path)
    elif "csv" in path.name or "tsv" in path.name:
        pl.DataFrame([cells(row) for row in found]).write_csv(path, separator="\t" if "tsv" in path.name else ",")
    elif "jsonl" in path.name:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")
    else:
        path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_written_reads_its_file_in_every_format(tmp_path, monkeypatch, shape, ending):
    monkeypatch.chdir(tmp_path)
    kind, make = SHAPES[shape]
    data = sources.load(task_file.read(new_task.write(write(tmp_path / f"数据.{ending}", rows(make)))))
    assert data.spec.kind == kind
    assert len(data.train) + len(data.dev) == 60
    if kind == "entities":
        assert data.spec.labels == ("LOC", "PER")
        example = data.train[0]
        assert {example.fields["text"][a : b + 1] for _, a, b in example.label} <= {*PEOPLE, *CITIES}
        assert len(example.label) == 2
    if kind == "choice":
        assert {example.fields["choice"][example.label] for example in data.train} <= set(PEOPLE)
        assert len({example.label for example in data.train}) > 1


def test_a_choice_without_a_passage_is_encoded_asked_and_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = sources.load(task_file.read(new_task.write(write(tmp_path / "d.json", rows(SHAPES["letters"][1])))))
    spec = data.spec
    tokenizer = WordPiece(build_vocabulary(json.dumps(e.fields, ensure_ascii=False) for e in data.train))
    encoded = encode(spec, data.train, tokenizer, max_length=64)
    seps = [list(encoded.tokens[a:b]).count(tokenizer.sep_id) for a, b in pairwise(encoded.offsets)]
    assert set(seps) == {2}
    (one,) = typed(spec, ["谁？", "甲", "乙"])
    assert one.fields == {"question": "谁？", "choice": ["甲", "乙"]}
    assert from_fields(spec, one.fields)[0].fields == one.fields
    found = overlap(spec, data.train, [data.train[0], Example("x", one.fields, 0, "x")])
    assert found.seen.tolist() == [True, False]
    assert found.parts == {}


@pytest.mark.parametrize(
    ("tokens", "found", "text", "entities"),
    [
        ("王 明 来 了", "B-PER I-PER O O", "王明来了", [[0, 2, "PER"]]),
        ("王 明 李 红", "B-PER E-PER S-PER O", "王明李红", [[0, 2, "PER"], [2, 3, "PER"]]),
        ("王 北 京", "B-PER I-LOC I-LOC", "王北京", [[0, 1, "PER"], [1, 3, "LOC"]]),
        ("用 Face ID 付", "O B-P I-P O", "用Face ID付", [[1, 8, "P"]]),
        ("1 2 号 王", "O O O B-PER", "12号王", [[3, 4, "PER"]]),
    ],
)
def test_tagged_tokens_become_a_text_with_entities(tokens, found, text, entities):
    assert tags.join(tokens.split())[0] == text
    assert tags.entities(tokens.split(), found.split(), Place(None, 1)) == entities


@pytest.mark.parametrize(("found", "words"), [("O O", "3 tokens, but 2 tags"), ("O PER O", "tag 'PER' is none of O")])
def test_tags_that_do_not_fit_are_refused(found, words):
    with pytest.raises(InputError, match=words):
        tags.entities(list("王明来"), found.split(), Place(None, 1))


def test_one_text_may_begin_like_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = SHAPES["choices"][1]
    found = rows(lambda *parts: {**make(*parts), "context": f"[注] {said(*parts)}"})
    data = sources.load(task_file.read(new_task.write(write(tmp_path / "d.csv", found))))
    assert data.train[0].fields["passage"][0].startswith("[注] 昨天")


def test_files_beside_train_become_dev_and_test_and_the_folder_names_the_task(tmp_path, monkeypatch):
    folder = tmp_path / "出差"
    folder.mkdir()
    monkeypatch.chdir(folder)
    found = rows(SHAPES["classes"][1])
    for name, part in (("train", found[:40]), ("valid", found[40:]), ("test", found[:5])):
        write(folder / f"{name}.csv", part)
    path = new_task.write(folder / "train.csv")
    assert path.name == "出差.toml"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 10
    data = sources.load(task_file.read(path))
    assert (len(data.train), len(data.dev), len(data.tests["own"])) == (40, 20, 5)


def test_a_file_called_like_a_task_of_clue_gets_another_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert task_file.read(new_task.write(write(tmp_path / "tnews.csv", rows(SHAPES["classes"][1])))).name == "my-tnews"


@pytest.mark.parametrize("name", ["d.conll", "d.bmes", "d.txt", "d.tsv", "d.conll.gz"])
@pytest.mark.parametrize(
    ("between", "end", "scheme"), [("\t", "\n", "BIO"), (" ", "\r\n", "BMES"), (" NN x ", "\n", "BIOES")]
)
def test_a_token_and_its_tag_a_line_are_read_as_sentences(tmp_path, monkeypatch, name, between, end, scheme):
    said = {"BIO": "B-PER I-PER O O B-LOC", "BMES": "B-PER E-PER O O S-LOC", "BIOES": "B-PER E-PER O O S-LOC"}[scheme]
    sentence = [f"{token}{between}{tag}" for token, tag in zip("王明来#京", said.split(), strict=True)]
    lines = ["-DOCSTART- -X- O" if between != "\t" else "", *([*sentence, ""] * 30), *sentence]
    content = end.join(lines).encode("utf-8-sig")
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    monkeypatch.chdir(tmp_path)
    spec = task_file.read(new_task.write(tmp_path / name))
    assert spec.kind == "entities"
    rows = load.read_file(spec, tmp_path / name)
    assert len(rows) == 31
    assert (rows[0].fields["text"], rows[0].label) == ("王明来#京", [("PER", 0, 1), ("LOC", 4, 4)])


def test_a_saved_data_set_gets_a_task_file_also_with_tags_as_numbers(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    names = ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]
    kinds = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")),
         "ner_tags": datasets.Sequence(datasets.ClassLabel(names=names))}
    )  # fmt: skip
    datasets.Dataset.from_list(rows(SHAPES["tags"][1]), features=kinds).save_to_disk(tmp_path / "saved")
    data = sources.load(task_file.read(new_task.write(tmp_path / "saved")))
    assert (data.spec.kind, data.spec.labels) == ("entities", ("LOC", "PER"))
    assert len(data.train[0].label) == 2


def test_a_data_set_of_the_hub_is_refused_at_once_where_there_is_no_network(monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr("jobs.clue.data.hub.reachable", lambda: False)
    with pytest.raises(InputError, match=r"'nobody/nothing:x' .* the hub cannot be reached, and no earlier download"):
        load.dataset("nobody/nothing:x")
    assert not datasets.config.HF_HUB_OFFLINE


def text_lines(*lines):
    return "".join(f"{line}\n" for line in lines).encode()


def packed(name):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "text,label\na,b\n")
    return out.getvalue()


def parquet(columns, names=None):
    out = io.BytesIO()
    pq.write_table(pa.table(columns) if names is None else pa.Table.from_arrays(columns, names=names), out)
    return out.getvalue()


TEXTS = [f"快递{i}天没有送到" for i in range(40)]
CSV = text_lines("text,label", *(f"{text},{'ab'[i % 2]}" for i, text in enumerate(TEXTS)))
OBJECTS = [{"text": text, "label": i % 2} for i, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("d.xlsx", packed("[Content_Types].xml"), "Excel workbook; save its sheet as CSV"),
        ("d.csv", packed("[Content_Types].xml"), "Excel workbook; save its sheet as CSV"),
        ("d.csv", b"\xd0\xcf\x11\xe0" + bytes(600), "Excel workbook; save its sheet as CSV"),
        ("d.zip", packed("d.csv"), "unpack it"),
        ("d.csv", packed("d.csv"), "unpack it"),
        ("d.csv.bz2", b"BZh9", "unpack it"),
        ("d.conll", "王 B-PER\n明\n来 O\n".encode(), "d.conll:2: expected a token and its tag, got '明'"),
        ("d.conll", "王 B-PER\n明 PER\n来 O\n\n".encode() * 5, "d.conll:2: tag 'PER' is none of O, B-TYPE"),
        ("d.tsv", text_lines("token\ttag", *["王\tB-PER", "明\tI-PER", "来\tO"] * 9),
         "a token and its tag a row are not read"),
        ("d.csv", CSV.partition(b"\n")[2], "first row must name the columns, but its 'a' is also a label"),
        ("d.csv", CSV.replace(b",", "，".encode()), "only one column was found"),
        ("d.csv", text_lines("text,label", *(f"{text},a" for text in TEXTS)), "has only one class, 'a'"),
        ("d.csv", text_lines("text,label", *(f"{text},c{i}" for i, text in enumerate(TEXTS))),
         "has 40 values in 40 rows"),
        ("d.csv", text_lines("text,label", *(f"{text}," for text in TEXTS)), "column 'label' is empty"),
        ("d.csv", json.dumps(OBJECTS).encode(), "looks like JSON; call it .jsonl"),
        ("d.csv", CSV.replace("快".encode(), b"\x00"), "a zero byte at 11"),
        ("d.json", CSV, "expected JSON objects, one a line, .* call it .csv"),
        ("d.json", b"null", "expected JSON objects"),
        ("d.json", json.dumps({"data": OBJECTS}, indent=1).encode(), "one JSON object over several lines is no table"),
        ("d.json", json.dumps({"text": TEXTS, "label": [0, 1] * 20}).encode(), "only one row was found"),
        ("d.jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}\n", "d.jsonl:1: not read"),
        ("d.jsonl", text_lines(*(json.dumps({"text": text, "label": ["a"]}) for text in TEXTS)),
         "column 'label' holds lists or objects"),
        ("d.parquet", parquet([pa.array(["a"]), pa.array(["b"])], ["text", "text"]), "two columns are called 'text'"),
        ("d.parquet", parquet({}), "no column has a name"),
        ("d.parquet", CSV, "not a whole Parquet file"),
    ],
)  # fmt: skip
def test_files_that_make_no_task_are_refused_with_what_to_do(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        new_task.write(tmp_path / name)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*.toml"))


def test_parquet_is_read_whatever_its_file_is_called(tmp_path):
    (tmp_path / "d.csv").write_bytes(gzip.compress(parquet({"text": ["甲"]})))
    (tmp_path / "d.tsv").write_bytes(parquet({"text": ["甲"]}))
    for name in ("d.csv", "d.tsv"):
        assert [row for _, row in tables.rows(tmp_path / name)] == [{"text": "甲"}]


@pytest.mark.parametrize(
    "labels",
    [["0.0", "1.0"], ["0", "1.0"], [0.0, 1.0], [Decimal(0), Decimal(1)], [0, 1]],
)
def test_whole_numbers_are_the_same_classes_however_they_are_spelled(tmp_path, monkeypatch, labels):
    monkeypatch.chdir(tmp_path)
    values = [labels[i % 2] for i in range(40)]
    (tmp_path / "d.parquet").write_bytes(parquet({"text": TEXTS, "label": values}))
    assert sources.load(task_file.read(new_task.write(tmp_path / "d.parquet"))).spec.labels == ("0", "1")


def test_dates_are_no_labels(tmp_path):
    days = [datetime.date(2024, 1, 1 + i % 2) for i in range(40)]
    (tmp_path / "d.parquet").write_bytes(parquet({"text": TEXTS, "label": days}))
    (tmp_path / "m.toml").write_text(
        'name = "m"\nkind = "classification"\nfields = ["text"]\nlabel = "label"\ntrain = "d.parquet"\n'
    )
    with pytest.raises(InputError, match=r"d\.parquet:1: a label must be a text or a whole number, got date"):
        sources.load(task_file.read(tmp_path / "m.toml"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fields": '["label"]'}, "column 'label' is the label, so the model must not read it"),
        ({"kind": '"pair"', "fields": '["text", "text"]'}, "fields names the column 'text' twice"),
        ({"kind": '"span"', "fields": '{context = "text", question = ["a", "b"]}'},
         "question of the fields must be a column"),
        ({"kind": '"choice"', "fields": '{question = "text", choice = []}'},
         "choice of the fields must be a column or a list"),
        ({"label": '""'}, "label is empty"),
        ({"train": '""'}, "train is empty"),
        ({"train": '"."'}, "a folder, not a file"),
        ({"data": '"d.csv"'}, "is a file: name it by train"),
        ({"max_length": "7"}, "max_length must be 8 or more, got 7"),
        ({"labels": '["a", "a"]'}, "labels names 'a' twice"),
        ({"labels": '["a"]'}, "labels names only one class, 'a'"),
        ({"labels": "[0.5, 1]"}, "labels must be texts or whole numbers, got 0.5"),
        ({"encoding": '"base64"'}, "encoding 'base64' is not known"),
        ({"dev_share": "0.0001"}, "40 rows with 40 different texts are too few to hold out 0% of each class"),
    ],
)  # fmt: skip
def test_task_files_that_cannot_be_meant_are_refused(tmp_path, change, words):
    (tmp_path / "d.csv").write_bytes(CSV)
    values = {"name": '"m"', "kind": '"classification"', "fields": '["text"]', "label": '"label"', "train": '"d.csv"'}
    (tmp_path / "m.toml").write_text("".join(f"{key} = {value}\n" for key, value in {**values, **change}.items()))
    with pytest.raises(InputError, match=words):
        sources.load(task_file.read(tmp_path / "m.toml"))


def test_choices_count_from_the_same_number_in_every_file(tmp_path):
    rows_of = [{"question": f"第{i}问？", "A": "甲", "B": "乙", "C": "丙", "answer": i % 3 + 1} for i in range(30)]
    for name, part in (
        ("train", rows_of),
        ("dev", [{**row, "answer": 1} for row in rows_of[:5]]),
        ("new", rows_of[:2]),
    ):
        write(tmp_path / f"{name}.csv", part)
    (tmp_path / "m.toml").write_text(
        'name = "m"\nkind = "choice"\nfields = {question = "question", choice = ["A", "B", "C"]}\nlabel = "answer"\n'
        'train = "train.csv"\ndev = "dev.csv"\n'
    )
    data = sources.load(task_file.read(tmp_path / "m.toml"))
    assert {example.label for example in data.dev} == {0}
    assert [example.label for example in sources.read_rows(data.spec, tmp_path / "new.csv")] == [0, 1]


def test_only_a_whole_number_is_the_class_of_its_digits(tmp_path):
    rows = [f"快递{number},{number % 2}" for number in range(40)]
    (tmp_path / "d.csv").write_bytes(text_lines("text,label", *rows))
    (tmp_path / "test.csv").write_bytes(text_lines("text,label", "快递,1.0", "快递,1.5", "快递,0"))
    (tmp_path / "m.toml").write_text(
        'name = "m"\nkind = "classification"\nfields = ["text"]\nlabel = "label"\ntrain = "d.csv"\ntest = "test.csv"\n'
    )
    data = sources.load(task_file.read(tmp_path / "m.toml"))
    assert [example.label for example in data.tests["own"]] == [1, None, 0]
    assert "test.csv: labels that are no class of m count as missing (1 of '1.5')" in data.notes


def test_labels_of_a_file_to_predict_that_are_no_class_count_as_missing(tmp_path):
    (tmp_path / "d.csv").write_bytes(CSV)
    (tmp_path / "test.csv").write_bytes(text_lines("text,label", "快递,-1", "快递,a", "快递,?", "快递,"))
    (tmp_path / "m.toml").write_text(
        'name = "m"\nkind = "classification"\nfields = ["text"]\nlabel = "label"\ntrain = "d.csv"\ntest = "test.csv"\n'
    )
    data = sources.load(task_file.read(tmp_path / "m.toml"))
    assert [example.label for example in data.tests["own"]] == [None, 0, None, None]
    said = "test.csv: labels that are no class of m count as missing (1 of '-1', 1 of '?')"
    assert said in data.notes
    notes = []
    assert len(sources.read_rows(data.spec, tmp_path / "test.csv", notes)) == 4
    assert notes == [said]
