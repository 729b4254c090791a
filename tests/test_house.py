"""The house rules: who may import whom, what every public name owes its reader, how tiny is tiny."""

import ast
import graphlib
import inspect
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import microgradnd
import nn
from microgradnd.table import table
from tests.engine.cases import CASES

HOUSE = pathlib.Path(microgradnd.__file__).parent.parent
FILES = sorted(path for wing in ("microgradnd", "nn") for path in (HOUSE / wing).rglob("*.py"))

# From the ground floor up; a file imports only from floors below its own, or from its own folder.
FLOORS = {
    "microgradnd": [
        "chain_rule", "tree", "random_state", "arrays", "context", "table", "backward", "operators", "tensor", "primitive",
        "derivatives", "transforms", "check", "paths", "draw", "replay", "__init__",
    ],
    "nn": [
        "optim", "hooks", "init", "module", "containers",
        "files", "functions", "loss_functions", "losses", "layers", "functional", "data",
        "classics", "train", "look", "__init__", "command_line", "__main__",
    ],
}  # fmt: skip


def name_of(path):
    return str(path.relative_to(HOUSE))


def imported(path):
    """The files and folders of the same wing that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1] / (node.module or "").replace(".", "/")
            if base.is_dir():
                yield from (base / alias.name for alias in node.names)
            else:
                yield base.with_suffix(".py")


def wings_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)


def floor(path):
    """The wing, and the number of the floor in it."""
    wing, first, *_ = path.relative_to(HOUSE).with_suffix("").parts
    return wing, FLOORS[wing].index(first)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_from_floors_below(path):
    for other in imported(path):
        if other.exists() or other.with_suffix(".py").exists():  # else a name of the folder's own
            same_folder = path.parent == other.parent != HOUSE / path.relative_to(HOUSE).parts[0]
            inside = path.parent in other.parents or other.parent in path.parents
            mine, theirs = floor(path), floor(other)
            assert theirs < mine or (theirs == mine and (same_folder or inside)), other


def test_no_imports_in_circles():
    graph = {path: {other.with_suffix(".py") for other in imported(path)} for path in FILES}
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_engine_does_not_know_nn_and_the_closed_form_no_engine(path):
    wings = set(wings_imported(path))
    if "equations" in name_of(path):
        assert "microgradnd" not in wings
    assert "nn" not in wings or floor(path)[0] == "nn"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_short_enough_to_be_one_idea(path):
    assert len(path.read_text().splitlines()) < 460


def test_importing_the_engine_does_not_import_nn():
    code = "import sys, microgradnd; assert 'nn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


PUBLIC = [(wing, name) for wing in (microgradnd, nn, nn.optim) for name in wing.__all__]


@pytest.mark.parametrize(("wing", "name"), PUBLIC, ids=lambda part: getattr(part, "__name__", part))
def test_every_public_name_has_an_example_and_hints(wing, name):
    thing = getattr(wing, name)
    if inspect.ismodule(thing):
        assert thing.__doc__
        return
    assert ">>>" in (thing.__doc__ or "")
    function = thing.__init__ if inspect.isclass(thing) else thing
    if function is object.__init__ or (inspect.isclass(thing) and issubclass(thing, Warning)):
        return
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
