"""What is installed: the package needs NumPy alone, but for renderings and bars."""

import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import pytest

import microgradnd
import nn
from tests import stubs

HOUSE = pathlib.Path(microgradnd.__file__).parents[1]

NUMPY_ALONE = """
import os, sys
os.environ["MICROGRADND_DATA"] = sys.argv[1]
for name in ("graphviz", "tqdm", "matplotlib", "scipy", "IPython"):
    sys.modules[name] = None  # an import of it fails

import numpy as np
from microgradnd import Tensor, derive, draw, gradcheck, paths, why_zero
import nn

w, x = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="w"), np.array([2.0, 5.0])
f = lambda w: np.sum(np.tanh(w @ x) ** 2)
loss = f(w)
assert gradcheck(f, w)
assert abs(paths(loss, w, (0, 1)).total - derive(loss, [w])(w=w.numpy())["dw"][0, 1]) < 1e-12
assert "nowhere 0" in str(why_zero(loss, w))
draw(loss).save(sys.argv[1])
assert "<iframe" in draw(loss)._repr_html_()
model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
data = nn.data.Data(np.ones((4, 2)), np.ones((4, 1)))
sgd = nn.optim.SGD(model.parameters(), lr=0.1)
options = {"loss": nn.MSELoss(), "optimizer": sgd, "epochs": 3, "batch_size": 2}
try:
    nn.fit(model, data, **options)
    assert False
except ModuleNotFoundError as error:
    assert "progress=False" in str(error)
for call, needed in (
    (lambda: nn.draw_network(model), "graphviz"),
    (lambda: draw(loss).save("loss.svg"), "graphviz"),
    (nn.data.mnist, "tqdm"),
):
    try:
        call()
        assert False
    except (ModuleNotFoundError, RuntimeError) as error:
        assert f"pip install {needed}" in str(error), error
history = nn.fit(model, data, **options, progress=False)
assert history.loss[-1] < history.loss[0]
"""


def test_everything_but_renderings_and_bars_works_with_numpy_alone(tmp_path):
    command = [sys.executable, "-c", NUMPY_ALONE, str(tmp_path / "loss.html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "loss.html").stat().st_size > 1_000


ANOTHER_NN = """
import sys
import numpy as np
import nn, copied.nn
assert nn.__file__.startswith(sys.argv[1])
try:
    import checks
    assert False
except ImportError as error:
    assert nn.__file__ in str(error) and "rename" in str(error)
from copied.nn.utils.rnn import pad_sequence
assert "copied.nn" in copied.nn.networks.lenet5.__module__ + repr(copied.nn.equations)
model, data = copied.nn.Linear(2, 1), copied.nn.data.Data(np.ones((4, 2)), np.ones((4, 1)))
sgd = copied.nn.optim.SGD(model.parameters(), lr=0.1)
copied.nn.fit(model, data, loss=copied.nn.MSELoss(), optimizer=sgd, epochs=3, progress=False)
assert copied.nn.check_backprop(model, copied.nn.QuadraticLoss(), np.ones((2, 2)), np.ones((2, 1)))
assert "Linear" in copied.nn.__all__ and "nn.module" not in sys.modules
"""


def test_where_nn_is_another_file_a_copy_works_and_the_exercises_say_so(tmp_path):
    (tmp_path / "nn.py").touch()
    (tmp_path / "script.py").write_text(ANOTHER_NN, encoding="utf-8")
    data = shutil.ignore_patterns("part_of_mnist", "shakespeare", "__pycache__")
    shutil.copytree(HOUSE / "nn", tmp_path / "copied" / "nn", ignore=data)
    exercises = pathlib.Path(__file__).parents[1] / "notebooks" / "exercises"
    path = os.pathsep.join(map(str, (HOUSE, exercises)))
    command = [sys.executable, "script.py", str(tmp_path)]
    options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": path}}
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not (shutil.which("git") and (HOUSE / ".git").exists()), reason="no repository")
def test_no_file_of_the_packages_is_ignored_as_the_wheel_would_lack_it():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    command += ["microgradnd", "nn"]
    assert subprocess.run(command, cwd=HOUSE, capture_output=True, check=True).stdout == b""


@pytest.mark.parametrize(("package", "file"), stubs.FILES.items())
def test_stubs_say_what_is_there(package, file):
    assert (HOUSE / file).read_text(encoding="utf-8") == stubs.stub(package), (
        "run python -m tests.stubs"
    )


@pytest.mark.parametrize("package", [microgradnd, nn, nn.optim, nn.data], ids=lambda p: p.__name__)
def test_a_function_that_names_a_package_can_be_sent_to_another_process(package):
    assert pickle.loads(pickle.dumps(package)) is package
