"""Tables: sound ones are read as they were written, the others are refused with their line."""

import csv as standard
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from microgradnd import set_default_dtype
from nn.data import Columns, Data, Standardise, csv
from nn.data.own_data import guess_columns
from nn.files.named_arrays import write


@pytest.fixture
def written(tmp_path):
    numbers = itertools.count()

    def write(content):
        path = tmp_path / f"{next(numbers)}table"
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
        found = csv(path, column)
        np.testing.assert_array_equal(found.inputs, rows)
        np.testing.assert_array_equal(found.labels, np.arange(len(rows)))


def test_labels_are_whole_numbers_other_numbers_or_words(written):
    def labels(*cells):
        return csv(written("".join(f"1.0,{cell}\n" for cell in cells)))

    assert labels("3", " -1").labels.tolist() == [3, -1]
    assert labels("3", "-1").labels.dtype == np.int64
    assert labels("3", "-1.5").labels.tolist() == [3, -1.5]
    for words in (("7", "no"), ("big", "none"), ("1_0", "1_1")):
        assert labels(*words).classes == words
    train = labels("cat", "ant", "bee")
    assert train.labels.tolist() == [2, 0, 1]
    test = csv(written("5,cat\n6,bee\n"), classes=train.classes)
    assert test.labels.tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"table: the label 'emu' is not among the classes"):
        csv(written("5,emu\n"), classes=train.classes)


def test_files_as_other_programs_write_them(written):
    quoted = '\ufeff"width, mm";"kind"\r\n\r\n" 1.5";"a; ""b"""\r\n2;"c\r\nd"\r\n'
    found = csv(written(quoted), label="kind", delimiter=";")
    assert found.inputs.tolist() == [[1.5], [2]]
    assert found.classes == ('a; "b"', "c\r\nd")
    assert csv(written("\ufeffkind,width\n5,1.5\n"), label="kind").labels.tolist() == [5]
    assert csv(written("1e308,1e308,2")).inputs.tolist() == [[1e308, 1e308]]
    assert len(csv(written("1,2\n3,4"))) == 2
    assert len(csv(written("width;y\n" + 20_000 * "1;2\n"))) == 20_000  # the start ends in a row
    assert len(csv(written("1990,1991\n3,4"), header=True)) == 1
    assert list(csv(written("_1,_2,_3\n1,2,3\n")).columns.kinds) == ["_1", "_2"]
    with set_default_dtype(np.float32):
        assert csv(written("1,2.5\n")).inputs.dtype == np.float32
        assert csv(written("1,2.5\n")).labels.dtype == np.float32


PEOPLE = """age;city;born;pay
31.5;Ulm;1990-05-01;3
NA;Bonn;31.12.1987;4
44;;2000-01-01T12:00;5
"""
PAY, SKIP_CITY = {"label": "pay"}, {"columns": {"city": "skip"}}
DATED = {"columns": {"city": "skip", "born": "date"}}
WRONG_TABLES = [
    ("", {}, r"line \d: expected two columns or more, got \[\]"),
    ("a,b\n", {}, r"line \d: there are no examples below the header"),
    ("1\n2\n", {}, r"line 1: expected two columns or more, got \['1'\]"),
    ("a,b\n1,2\n\n3\n", {}, "line 4: expected 2 cells, got 1"),
    ("a,b,c\n1,2,3\n4,x,6\n", {}, "line 3: column 'b': expected a number, got 'x' .*columns={'b': 'cat"),
    ("1,2,3\n4,,6\n", {}, "line 2: column 2: expected a number, got ''"),
    ("1,2,b\n4,5,6\n", {"label": 1}, "line 1: column 3: .* got 'b' .*use header=True"),
    ("a,b,c\n1,2,3\n2,-inf,3\n", {}, "line 3: column 'b': expected a number, got '-inf'"),
    ("a,b\n1,2\n2, \n", {}, "line 3: column 'b': expected a label, got ''"),
    *((f"a,b\n2,3\n{label},3\n", {"label": 0}, f"line 3: column 'a': .* label, got '{label}'")
      for label in ("NaN", "-Infinity", "1e999", "1" + "0" * 400)),
    ("a,b\n1,2\n", {"label": "c"}, r"line \d: expected one column 'c', got 0 among 2: a, b"),
    ("a,a\n1,2\n", {"label": "a"}, r"line \d: expected one column 'a', got 2"),
    ("1,2\n", {"label": "a", "header": False}, "line 1: without a header .* position, got 'a'"),
    ("a,b\n1,2\n" + '"' + "x" * 200_000 + '",2\n', {}, "line 3: field larger"),
    ('a,b\n1,"up\n2,down\n3,up\n', {}, "line 4: unexpected end of data .*quote"),
    ('a,b\n"5" pipe",2\n', {}, "line 2: ',' expected after '\"' .*inside twice"),
    ("1e308,1e308,1e309,2", {}, "line 1: column 3: .* got '1e309'"),
    ("nan,nan,3", {}, "line 1: column 1: .* got 'nan'"),  # which names no columns
    (b"\xe9,b\n1,2\n", {}, "expected UTF-8, got byte 0xe9; save it"),
    ("a,y\nx,1\n,2\n", {"columns": {"a": "category"}}, "line 3: column 'a': expected a word, got '' .*keep"),
    ("a,y\n1,1.5\n2,NA\n", {}, "expected a label in each row, got 'NA'"),
    ("a,y\n1_000,1\n", {}, "line 2: column 'a': expected a number, got '1_000' .*words"),  # Python reads it
    ("a;y\n2,5;1\n", {}, "line 2: column 'a': expected a number, got '2,5' .*with a point"),
    ("1_000,1\n3,2\n", {}, "line 1: column 1: expected a number, got '1_000'"),  # no names
    ("2,5;1\n3;2\n", {}, "line 1: column 1: expected a number, got '2,5' .*with a point"),  # no names
    ("a,y\n5,1\n", {"columns": {"a": "date"}}, "line 2: column 'a': expected a date .*, got '5' .*words"),
    (PEOPLE, PAY, r"line 2: column 'city': .*columns=\{'city': 'category'\}"),
    (PEOPLE, PAY | SKIP_CITY, "line 2: column 'born': .* got '1990-05-01'"),
    (PEOPLE, PAY | DATED, "line 3: column 'age': .* got 'NA' .*keep"),
    (PEOPLE, PAY | DATED | {"missing": "keep"}, "line 3: .* a date such as 2024-12-31, got '31.12.1987'"),
    (PEOPLE, PAY | {"columns": {"city": "skip", "born": "%d.%m.%Y"}}, "line 2: .* such as %d.%m.%Y, got '1990-05-01'"),
    (PEOPLE, PAY | {"columns": {"town": "skip"}}, r"line \d: columns= names 'town', but there are"),
    (PEOPLE, PAY | {"columns": {"city": "words"}}, r"line \d: .*expected number, category"),
    (PEOPLE, PAY | {"missing": "mean"}, r"line \d: .*'refuse' or 'keep', got 'mean'"),
    (PEOPLE, {"columns": Columns({"age": "number"}, "pay")}, r"line \d: expected the columns"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "message"), WRONG_TABLES)
def test_a_wrong_table_is_refused_with_its_line(written, text, options, message):
    with pytest.raises(ValueError, match=f"table(, |: ){message}"):
        csv(written(text), **options)


# ---- words, dates and missing cells --------------------------------------------------------------


def test_words_dates_and_missing_cells_become_numbers(written):
    text = PEOPLE.replace("31.12.1987", "1987-12-31")
    kinds = {"city": "category", "born": "date"}
    skipped = csv(written(text), "pay", columns={"age": "skip", "city": "skip", "born": "category"})
    np.testing.assert_array_equal(skipped.inputs, np.eye(3)[[1, 0, 2]])
    data = csv(written(text), "pay", columns=kinds, missing="keep")
    dates = np.array(["1990-05-01", "1987-12-31", "2000-01-01"], "datetime64[D]").astype(float)
    expected = [[31.5, 0, 1, dates[0]], [np.nan, 1, 0, dates[1]], [44, 0, 0, dates[2] + 0.5]]
    np.testing.assert_array_equal(data.inputs, expected)
    assert data.columns.inputs == ["age", "city=Bonn", "city=Ulm", "born"]
    again = csv(written("age|city|born|pay\n1|Paris|1970-01-02|7\n"), columns=data.columns)
    assert (again.inputs.tolist(), again.labels.tolist()) == ([[1, 0, 0, 1]], [7])
    assert [part.columns for part in data.split(1)] == [data.columns] * 2


def test_columns_that_were_learnt_keep_to_what_they_know(written):
    train = csv(written("a,y\nx,1\nz,2\n"), "y", columns={"a": "category"})
    with pytest.raises(ValueError, match=r"column 'a': expected one of x, z, got 'y' .*keep"):
        csv(written("a,y\ny,1\n"), columns=train.columns)
    for options in ({"label": "a"}, {"missing": "keep"}):
        with pytest.raises(ValueError, match=r"those of the Columns\(.*label='y'.*\), got "):
            csv(written("a,y\nx,1\n"), columns=train.columns, **options)


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1
)
WORDS = WORDS.filter(lambda word: word.lower() not in ("na", "n/a", "nan", "null", "none", "?"))


@given(st.lists(st.tuples(WORDS, st.integers(), st.dates()), min_size=1), st.sampled_from(",;|\t"))
def test_any_words_come_back_whatever_separates_the_cells(tmp_path_factory, rows, delimiter):
    file = io.StringIO()
    standard.writer(file, delimiter=delimiter).writerows([("word", "when", "y")])
    standard.writer(file, delimiter=delimiter).writerows([(w, d, n) for w, n, d in rows])
    path = tmp_path_factory.mktemp("csv") / "table"
    path.write_text(file.getvalue(), newline="", encoding="utf-8")
    kinds = {"word": "category", "when": "date"}
    data = csv(path, "y", columns=kinds, delimiter=delimiter)
    words = data.columns.words["word"]
    assert words == tuple(sorted({word for word, *_ in rows}))
    assert [words[k] for k in data.inputs[:, :-1].argmax(1)] == [word for word, *_ in rows]
    assert data.inputs[:, :-1].sum(axis=1).tolist() == [1] * len(rows)
    days = np.array([d for *_, d in rows], "datetime64[D]").astype(float)
    np.testing.assert_array_equal(data.inputs[:, -1], days)


def test_kinds_are_guessed(written):
    rows = [f"{k},{'ab'[k % 2]},p{k},2024-01-{k + 1:02},,{k / 3}" for k in range(9)]
    path = written("\n".join(["n,c,id,when,empty,y", *rows]))
    guess = guess_columns(path, "y")
    assert guess == {"n": "number", "c": "category", "id": "skip", "when": "date", "empty": "skip"}
    assert csv(path, "y", columns=guess).inputs.shape == (9, 4)
    assert guess_columns(written("1;2\n2;3\n"), 0) == {2: "number"}
    assert guess_columns(written("x;y\n2,5;1\n2,5;1\n"), 1) == {"x": "number"}  # to be refused
    strange = {"number": ["1.5", "2", "3"], "date": ["2024-01-01", "2024-01-02", "2024-02-01"]}
    for kind, cells in strange.items():  # among which a few others are named, and not all skipped
        path = written("\n".join(["x,y", *(f"{cell},1" for cell in [*cells, "-"])]))
        assert guess_columns(path, "y") == {"x": kind}
        with pytest.raises(ValueError, match=r"line 5: column 'x': expected a .*, got '-'"):
            csv(path, "y", columns=guess_columns(path, "y"))


def test_standardise_takes_data_and_leaves_missing_numbers_out():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (50, 3))
    x[:, 2] = 7
    data, holes = Data(x, np.zeros(50)), x.copy()
    scaled = Standardise(data)(data)
    np.testing.assert_allclose(scaled.inputs[:, :2], (x - x.mean(0))[:, :2] / x.std(0)[:2])
    assert not scaled.inputs[:, 2].any()
    holes[rng.random((50, 3)) < 0.3] = np.nan
    filled = Standardise(holes, fill=True)
    expected = (holes - np.nanmean(holes, 0)) / np.where([1, 1, 0], np.nanstd(holes, 0), 1)
    np.testing.assert_allclose(filled(holes), np.nan_to_num(expected, nan=0), atol=1e-14)
    np.testing.assert_array_equal(Standardise(x, fill=True)(x), Standardise(x)(x))
    assert filled(holes.astype(np.float32)).dtype == np.float32
    assert Standardise(np.uint8([[1], [3]]))(np.uint8([[5], [1]])).tolist() == [[3.0], [-1.0]]


@pytest.mark.parametrize("form", [".npz", ".safetensors"])
def test_preprocessing_is_saved_and_loaded_with_the_model(written, tmp_path, form):
    text = "a,b,y\n1,x,up\n,z,down\n4,x,up\n"
    train = csv(written(text), "y", columns={"b": "category"}, missing="keep")
    scaler, model = Standardise(train, fill=True), nn.Linear(3, 2)
    path = tmp_path / f"model{form}"
    nn.save(model, path, train.columns, scaler)
    columns, again = Columns(), Standardise()
    other = nn.load(nn.Linear(3, 2), path, columns, again)
    new = [["2", "z"], ["", "y"]]
    answers = nn.predict(other, again(columns(new)))
    np.testing.assert_array_equal(answers, nn.predict(model, scaler(train.columns(new))))
    assert columns.state_dict() == train.columns.state_dict()
    assert (columns.classes, columns.inputs) == (("down", "up"), train.columns.inputs)
    test = csv(written(text), columns=columns)
    np.testing.assert_array_equal(test.inputs, train.inputs)
    other = nn.Linear(3, 2)
    before = other.state_dict()
    for wrong in ((), (again,), (again, columns)):
        words = "expected" if wrong else "Columns, Standardise"
        with pytest.raises(ValueError, match=words):
            nn.load(other, path, *wrong)
        np.testing.assert_equal(other.state_dict(), before)
    nn.save(model, path)
    with pytest.raises(ValueError, match="Standardise"):
        nn.load(model, path, again)
    np.testing.assert_array_equal(again.mean, scaler.mean)


def test_preprocessing_is_loaded_whole_or_not_at_all(tmp_path):
    path, model, scaler = tmp_path / "model.npz", nn.Linear(1, 1), Standardise([[1.0], [3.0]])
    scaler.fill, columns = "yes", Columns({"a": "number"})
    nn.save(model, path, Columns({"b": "number"}), scaler)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"model.npz: .*fill: expected False, got 'yes'"):
        nn.load(model, path, columns, Standardise())
    assert columns.inputs == ["a"]
    np.testing.assert_equal(model.state_dict(), before)


@pytest.mark.parametrize("text", ["5", "[5]", "[[]]", '[{"Columns": 3}]', '[{"Columns": {"kinds": {"a": "x"}}}]',
                                  '[{"Columns": {}, "Standardise": {}}]', "[" * 10_000])  # fmt: skip
def test_made_up_preprocessing_is_refused(tmp_path, text):
    path, model, columns = tmp_path / "model.npz", nn.Linear(1, 1), Columns({"a": "number"})
    write(path, model.state_dict(), f'{{"preprocessing": {text}}}')
    with pytest.raises(ValueError, match=r"model.npz"):
        nn.load(model, path, columns)
    assert columns.inputs == ["a"]
