"""The house rules: who may import whom, what every public name owes its reader, how tiny is tiny."""

import ast
import inspect
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from cases import CASES

import microgradnd
from microgradnd.table import table

ROOT = pathlib.Path(microgradnd.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# From the ground floor up; a file imports only from floors below its own.
FLOORS = [
    "chain_rule", "arrays", "recording", "table", "pull_back", "operators", "tensor", "primitive",
    "derivatives", "transforms", "checking", "local_derivatives", "story", "paths", "__init__",
]  # fmt: skip
ROOMS = {
    "derivatives": [
        "elementwise", "choices", "reductions", "shapes", "indexing", "sorting", "differences",
        "products", "linear_algebra", "values", "__init__",
    ],
    "checking": [
        "__init__", "slopes", "repetition", "comparison", "rules", "subject", "mistakes",
        "culprits", "report", "by_hand", "trials", "gradcheck",
    ],
}  # fmt: skip
TOOLS = ["checking", "local_derivatives", "story", "paths"]  # what explains and checks the engine


def imported(path):
    """The modules of this package that a file imports, as paths relative to its root."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module != "nn", f"{path.name} imports nn"
            if node.level:
                base = path.parent if node.level == 1 else path.parent.parent
                folder = base / (node.module or "").replace(".", "/")
                names = [alias.name for alias in node.names] if folder.is_dir() else []
                yield from ([folder / name for name in names] or [folder])
        elif isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] != "nn" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_floors_below(path):
    for other in imported(path):
        mine, theirs = path.relative_to(ROOT).with_suffix("").parts, other.relative_to(ROOT).parts
        assert FLOORS.index(theirs[0]) <= FLOORS.index(mine[0])
        if theirs[0] == mine[0] in ROOMS:
            assert ROOMS[mine[0]].index(theirs[1]) < ROOMS[mine[0]].index(mine[1])
        else:
            assert FLOORS.index(theirs[0]) < FLOORS.index(mine[0])


def lines_of_code(path):
    """The lines that are neither blank nor comments nor docstrings."""
    text = path.read_text()
    documents = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(
            node
        ):
            documents |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#") and number not in documents:
            yield line


def test_the_engine_is_tiny():
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert max(lengths.values()) < 450
    engine = [
        path for path in FILES if path.relative_to(ROOT).with_suffix("").parts[0] not in TOOLS
    ]
    assert sum(len(list(lines_of_code(path))) for path in engine) < 2310


def test_importing_the_engine_does_not_import_nn():
    code = "import sys, microgradnd; assert 'nn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", microgradnd.__all__)
def test_every_public_name_has_an_example_and_hints(name):
    thing = getattr(microgradnd, name)
    assert ">>>" in (thing.__doc__ or "")
    function = thing.__init__ if inspect.isclass(thing) else thing
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.name == "self" or parameter.annotation is not parameter.empty


PROMISED = """
add subtract multiply divide power float_power negative positive absolute fabs sign exp exp2 expm1
log log2 log10 log1p sqrt cbrt square reciprocal sin cos tan arcsin arccos arctan arctan2 hypot sinh
cosh tanh arcsinh arccosh arctanh deg2rad rad2deg degrees radians maximum minimum fmax fmin logaddexp
logaddexp2 mod remainder fmod copysign matmul vecdot sign floor ceil rint round trunc floor_divide
heaviside clip where select nan_to_num sinc sum prod mean average var std max min amax amin ptp median
quantile percentile nansum nanmean nanmax nanmin cumsum cumprod diff gradient trapezoid trace
linalg.norm reshape ravel transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis squeeze
expand_dims atleast_1d atleast_2d atleast_3d broadcast_to broadcast_arrays flip fliplr flipud rot90 roll
concatenate concat stack unstack vstack hstack dstack column_stack block split array_split hsplit vsplit
dsplit tile repeat pad diag diagonal diagflat tril triu append meshgrid kron outer
lib.stride_tricks.sliding_window_view take take_along_axis compress extract sort partition dot vdot
inner tensordot einsum cross convolve correlate linalg.inv linalg.pinv linalg.det linalg.slogdet
linalg.solve linalg.eigh linalg.eigvalsh linalg.svd linalg.cholesky linalg.qr linalg.matrix_power
linalg.multi_dot interp
"""


def promised():
    for name in PROMISED.split():
        thing = np
        for part in name.split("."):
            thing = getattr(thing, part, None)
        if thing is not None:  # an older NumPy has no unstack, for example
            yield pytest.param(thing, id=name)


@pytest.mark.parametrize("function", list(promised()))
def test_what_is_promised_is_there_and_tested(function):
    assert function in table
    assert any(case.function is function for case in CASES)
