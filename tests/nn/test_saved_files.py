"""Files that version 0.1 saved: today's version loads them, and goes on with the run in one."""

import pathlib
import shutil

import numpy as np
import pytest

import nn
from tests.nn.saved import FORMS, mixed, same

HERE = pathlib.Path(__file__).parent


def filled(model):
    """The model with parameters and buffers that are simple sequences: 0, 1/8, 2/8, …, then 1, …"""
    state = model.state_dict()
    for start, (name, array) in enumerate(state.items()):
        sequence = start + np.arange(array.size) / 8
        state[name] = sequence.reshape(array.shape).astype(array.dtype)
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("form", FORMS)
def test_a_model_saved_by_version_0_1(form):
    expected = filled(mixed()).state_dict()
    assert same(nn.load(mixed(), HERE / f"saved_by_0.1{form}").state_dict(), expected)


def trained(path=None, callbacks=()):
    """A run of three epochs of three steps; version 0.1 was killed after step 5, in the second."""
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.25), nn.Linear(4, 2)))
    optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    x, y = np.sin(np.arange(30.0)).reshape(10, 3), np.arange(10) % 2
    history = nn.fit(
        model, (x, y), loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=3, batch_size=4,
        schedule=nn.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5), seed=0, progress=False,
        checkpoint=path, resume=path is not None, callbacks=callbacks,
    )  # fmt: skip
    return model, optimizer, history


def test_a_run_that_version_0_1_began_goes_on_and_its_file_is_also_a_saved_model(tmp_path):
    path, after_5 = shutil.copy(HERE / "checkpoint_by_0.1.npz", tmp_path / "run.npz"), {}

    class Look(nn.Callback):
        def after_step(self, run):
            if run.step == 5:
                after_5.update(run.model.state_dict())

    (other, _, expected), (model, optimizer, history) = trained(callbacks=[Look()]), trained(path)
    for name, array in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], array, rtol=1e-9)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-9)
    np.testing.assert_array_equal(history.accuracy, expected.accuracy)
    assert optimizer.param_groups[0]["lr"] == 0.1 * 0.5**3
    for name, array in nn.load(model, HERE / "checkpoint_by_0.1.npz").state_dict().items():
        np.testing.assert_allclose(array, after_5[name], rtol=1e-9)
