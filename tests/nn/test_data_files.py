"""Tables and IDX files: sound ones come back as they were written, the others are refused."""

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradnd import set_default_dtype
from nn import data
from tests.nn.idx_files import CODES, idx


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "table"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


ROWS = st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
                min_size=1, max_size=5)  # fmt: skip


@given(ROWS, st.integers(-4, 3), st.booleans())
def test_numbers_come_back_as_they_were(tmp_path_factory, rows, label, header):
    lines = [[repr(number) for number in row] for row in rows]
    for number, line in enumerate(lines):
        line.insert(label % 4, str(number))
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    path.write_text("\n".join(map(",".join, [["a", "b", "c", "d"]] * header + lines)))
    for column in (label, "abcd"[label])[: 1 + header]:
        found = data.csv(path, column)
        np.testing.assert_array_equal(found.inputs, rows)
        np.testing.assert_array_equal(found.labels, np.arange(len(rows)))


def test_labels_are_whole_numbers_other_numbers_or_words(written):
    def labels(*cells):
        return data.csv(written("".join(f"1.0,{cell}\n" for cell in cells)))

    assert labels("3", " -1").labels.tolist() == [3, -1]
    assert labels("3", "-1").labels.dtype == np.int64
    assert labels("3", "-1.5").labels.tolist() == [3, -1.5]
    assert labels("7", "no").classes == ("7", "no")
    train = labels("cat", "ant", "bee")
    assert train.labels.tolist() == [2, 0, 1]
    test = data.csv(written("5,cat\n6,bee\n"), classes=train.classes)
    assert test.labels.tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"table: the label 'emu' is not among the classes"):
        data.csv(written("5,emu\n"), classes=train.classes)


def test_files_as_other_programs_write_them(written):
    quoted = '\ufeff"width, mm";"kind"\r\n\r\n" 1.5";"a; ""b"""\r\n2;"c\r\nd"\r\n'
    found = data.csv(written(quoted), label="kind", delimiter=";")
    assert found.inputs.tolist() == [[1.5], [2]]
    assert found.classes == ('a; "b"', "c\r\nd")
    assert data.csv(written("\ufeffkind,width\n5,1.5\n"), label="kind").labels.tolist() == [5]
    assert data.csv(written("1e308,1e308,2")).inputs.tolist() == [[1e308, 1e308]]
    assert len(data.csv(written("1,2\n3,4"))) == 2
    assert len(data.csv(written("1990,1991\n3,4"), header=True)) == 1
    assert list(data.csv(written("_1,_2,_3\n1,2,3\n")).columns.kinds) == ["_1", "_2"]
    with set_default_dtype(np.float32):
        assert data.csv(written("1,2.5\n")).inputs.dtype == np.float32
        assert data.csv(written("1,2.5\n")).labels.dtype == np.float32


WRONG_TABLES = [
    ("", {}, r"line \d: expected two columns or more, got \[\]"),
    ("a,b\n", {}, r"line \d: there are no examples below the header"),
    ("1\n2\n", {}, r"line 1: expected two columns or more, got \['1'\]"),
    ("a,b\n1,2\n\n3\n", {}, "line 4: expected 2 cells, got 1"),
    ("a,b\n1,2\n3,4,5\n", {}, "line 3: expected 2 cells, got 3"),
    ("a,b,c\n1,2,3\n4,x,6\n", {}, "line 3: column 'b': expected a number, got 'x' .*columns={'b': 'cat"),
    ("1,2,3\n4,,6\n", {}, "line 2: column 2: expected a number, got ''"),
    ("1,2,b\n4,5,6\n", {"label": 1}, "line 1: column 3: .* got 'b' .*use header=True"),
    ("a,b,c\n1,2,3\n2,-inf,3\n", {}, "line 3: column 'b': expected a number, got '-inf'"),
    ("a,b\n1,2\n2, \n", {}, "line 3: column 'b': expected a label, got ''"),
    *((f"a,b\n2,3\n{label},3\n", {"label": 0}, f"line 3: column 'a': .* label, got '{label}'")
      for label in ("nan", "NaN", "inf", "-Infinity", "1e999", "1" + "0" * 400)),
    ("a,b\n1,2\n", {"label": "c"}, r"line \d: expected one column 'c', got 0 among 2: a, b"),
    ("a,a\n1,2\n", {"label": "a"}, r"line \d: expected one column 'a', got 2"),
    ("a,b\n1,2\n", {"label": 2}, r"line \d: expected one column 2, got 0 among 2"),
    ("1,2\n", {"label": "a", "header": False}, "line 1: without a header .* position, got 'a'"),
    ("a,b\n1,2\n" + '"' + "x" * 200_000 + '",2\n', {}, "line 3: field larger"),
    ("1e308,1e308,1e309,2", {}, "line 1: column 3: .* got '1e309'"),
    ("nan,nan,3", {}, "line 1: column 1: .* got 'nan'"),  # which names no columns
    ("inf,-inf,3\n1,2,3\n", {}, "line 1: column 1: .* got 'inf'"),
    (b"\xe9,b\n1,2\n", {}, "expected UTF-8, got byte 0xe9; save it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "message"), WRONG_TABLES)
def test_a_wrong_table_is_refused_with_its_line(written, text, options, message):
    with pytest.raises(ValueError, match=f"table(, |: ){message}"):
        data.csv(written(text), **options)


@pytest.fixture
def reading(written):
    return lambda content: data.read_idx(written(content))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 2, 2), (3, 0, 2)])
def test_every_type_comes_back_as_it_was_written(reading, code, shape):
    values = [number * (1 if code == 0x08 else -1) for number in range(int(np.prod(shape)))]
    for content in (idx(code, shape, values), gzip.compress(idx(code, shape, values))):
        found = reading(content)
        assert (found.dtype, found.shape) == (np.dtype(CODES[code]), shape)
        assert found.ravel().tolist() == values
        assert all((found.dtype.isnative, found.flags.writeable, found.flags.c_contiguous))


UNSOUND = [
    (b"", "the magic number has 4 bytes, got 0"),
    (b"\0\1\x08\1" + b"\0" * 8, "the magic number begins with two zero bytes, got 00 01"),
    (b"\0\0\x0a\1" + b"\0" * 8, "the type code is one of 0x08, .*, got 0x0a"),
    (b"\0\0\x08\xff" + b"\0" * 1020, "maximum supported dimension"),
    (b"\0\0\x08\2\0\0\0\1", "the sizes of 2 dimensions have 8 bytes, got 4"),
    (b"\0\0\x08\3" + b"\xff" * 12, "announce 79228162458924105385300197375 bytes .*, got 0"),
    (b"\0\0\x08\3" + b"\xff" * 8 + b"\0" * 4, "cannot reshape array of size 0"),
    (b"\0\0\x08\2" + b"\0\xff\xff\xff" * 2, "announce 281474943156225 bytes .*, got 0"),
    (idx(0x0B, (2,), [1, 2]) + b"\0", "int16 announce 4 bytes of numbers, got (more|5)"),
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(("content", "field"), UNSOUND)
def test_an_unsound_file_is_refused_by_the_field(reading, pack, content, field):
    with pytest.raises(ValueError, match=field):
        reading(pack(content))


@pytest.mark.parametrize(("announced", "there", "zipped", "most"), [
    (4, 1 << 27, True, 1 << 23), (1 << 31, 1000, True, 1 << 23), (1 << 31, 1000, False, 1 << 21),
    (4, 1 << 25, False, 1 << 20),
])  # fmt: skip
def test_no_memory_is_taken_for_what_is_missing(reading, announced, there, zipped, most):
    content = idx(0x08, (announced,), []) + bytes(there)
    content = gzip.compress(content, 1) if zipped else content
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"announce {announced} bytes"):
            reading(content)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_every_shortened_file_is_refused(reading):
    whole = idx(0x0C, (2, 3), range(6))
    packed = gzip.compress(whole)
    shortened = [pack(whole[:n]) for pack in (bytes, gzip.compress) for n in range(len(whole))]
    for content in [*shortened, *(packed[:n] for n in range(2, len(packed)))]:
        with pytest.raises(ValueError, match=r"table is not a sound IDX file: "):
            reading(content)
