"""What people write from habit, and what does not fit in training, is refused with what to write here."""

import numpy as np
import pytest

import microgradnd
import nn
from microgradnd import Tensor
from microgradnd.habits import HABITS
from tests.misuse import explained
from tests.nn.runs import HELD_OUT, MOONS, small, trained

T = Tensor([[1.0, 2.0]], requires_grad=True)
MODEL = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
NAMES = {name: getattr(nn, name) for name in nn.__all__} | {
    "nn": nn, "np": np, "microgradnd": microgradnd, "Tensor": Tensor, "T": T, "MODEL": MODEL, "MOONS": MOONS,
    "NORMED": nn.utils.weight_norm(nn.Linear(2, 2)), "HELD_OUT": HELD_OUT,
    "PACKED": nn.utils.rnn.pack_padded_sequence(np.ones((1, 2, 4)), [1, 1]),
    "JUMPS": nn.StepOrJump(nn.optim.SGD(small().parameters(), lr=0.1)),
    "SGD": nn.optim.SGD(MODEL.parameters(), lr=0.1), "ones": lambda *shape: np.ones(shape),
    "SCORES": np.eye(4).repeat(2, 0), "LABELS": np.arange(8) % 4, "Dataset": nn.data.TensorDataset,
    "W": Tensor([2.0], requires_grad=True, name="w"),
}  # fmt: skip


class Listed(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = kind([nn.Linear(2, 2)]) if kind is not dict else {"a": nn.Linear(2, 2)}

    def forward(self, x):
        return x


class Mapped(nn.Module):
    def __init__(self, function):
        self.linear, self.function = nn.Linear(2, 2), function

    def forward(self, x):
        return self.function(self.linear(x))


class Forgetful(nn.Linear):
    def __init__(self):
        self.more = 1


@pytest.mark.parametrize("name", [name for name in HABITS if not hasattr(T, name)])
def test_a_tensor_names_what_to_write(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; use "):
        getattr(T, name)
    assert name not in dir(T)


def test_functions_of_pytorch_say_whose_nn_is_meant():
    def linear(input, weight): ...

    with pytest.raises(
        TypeError, match=r"PyTorch in linear, got microgradnd's; use .* this project's nn"
    ):
        Tensor.__torch_function__(linear, (Tensor,), (T, T), {})


def test_layers_of_pytorch_say_whose_nn_is_meant(torch):
    with pytest.raises(TypeError, match="PyTorch in linear, got microgradnd's; use "):
        torch.nn.Linear(2, 3)(T)


def test_a_subclass_of_tensor_may_have_what_a_tensor_has_not():
    class Placed(Tensor):
        def view(self):
            return self.device

    placed = Placed([1.0])
    placed.device = "cpu"
    assert placed.view() == "cpu"


HABITUAL = r"""
T.view(2, 1) ; use t\.reshape\(shape\)
T.exp() ; no attribute 'exp'; use np\.exp
T.sum(dim=1) ; sum\(dim=\) is not supported on Tensors; use axis=
T.mean(keepdim=True) ; use keepdims=
T.relu() ; use nn\.functional\.relu\(t\)
microgradnd.cat ; 'microgradnd' has no attribute 'cat'; use np\.concatenate
microgradnd.zeros ; use np\.zeros
microgradnd.tensor([1.0]) ; 'microgradnd' has no attribute 'tensor'; use microgradnd\.Tensor
T.sum().backward(retain_graph=True) ; Tensor\.backward has no argument 'retain_graph'; leave it out
microgradnd.Tenser ; did you mean Tensor\?
microgradnd.Value ; use microgradnd\.Tensor
microgradnd.vmap ; use an axis for the batch
Tensor.randn(2, 3) ; AttributeError: no attribute 'randn'; use np\.random
nn.History().history ; use history\.loss
nn.no_grad ; use microgradnd\.no_grad
nn.set_default_dtype ; use microgradnd\.set_default_dtype
nn.relu ; use nn\.functional\.relu
nn.BatchNorm2d(3).reset_running_stats() ; use reset_parameters\(\), which also
nn.utils.rnn.unpad_sequence ; use \[padded\[:n, i\] for
nn.BatchNorm2D ; did you mean BatchNorm2d\?
nn.optim.Adam(MODEL.parameters(), learning_rate=0.1) ; Adam has no argument .*; use lr=
nn.optim.Adam(0.1) ; TypeError: expected parameters, got float: use model\.parameters\(\)
nn.optim.Adam(MODEL.parameters, lr=0.1) ; expected parameters, got method: use model\.parameters\(\)
nn.optim.Adam(MODEL.parameters(), betas=0.9) ; betas must be two numbers, at least 0 and below 1, got 0.9
nn.optim.Adam([T]).lr ; AttributeError: Adam has no attribute 'lr'; use optimizer\.param_groups\[0\]\['lr'\]
setattr(nn.optim.Adam([T]), "lr", 0.1) ; AttributeError: .* use optimizer\.param_groups\[0\]\['lr'\] = 0.1
nn.optim.Adam([T]).zero_gradients() ; did you mean zero_grad\?
nn.optim.lr_scheduler.StepLR(SGD, 0) ; ValueError: step_size must be 1 or more, got 0
nn.optim.lr_scheduler.StepLR(SGD, "2") ; TypeError: step_size must be a number, got '2'
nn.optim.lr_scheduler.StepLR(MODEL, 5) ; Sequential has no attribute 'param_groups'; use an optimiser, such as
nn.optim.lr_scheduler.ConstantLR(SGD, 0.5) ; use LambdaLR with a formula of your own
nn.utils.clip_grad_norm_(MODEL, 1.0) ; got Sequential: use model\.parameters\(\)
MODEL.load_state_dict("a.npz") ; TypeError: expected a dict of arrays, got str; use nn\.load\(model, path\)
nn.init.xavier_uniform ; did you mean xavier_uniform_\?
nn.distributions.Normall ; did you mean Normal\?
Linear(in_feature=2, out_features=3) ; Linear has no argument 'in_feature'; use in_features=
nn.Classifier(hidden_layer_sizes=(5,)) ; use model=
nn.Parameter(2, 3) ; ValueError: requires_grad must be True or False, got 3
nn.Linear(2, 2)(None) ; TypeError: Linear: expected numbers, got None; is a return missing\?
nn.optim.SGD(Listed(list).parameters()) ; TypeError: Listed\.layers, a plain list, would not be trained.*nn\.ModuleList
nn.optim.SGD(Listed(lambda x: [np.ones(2), tuple(x)]).parameters()) ; Listed\.layers, a plain list, would not
nn.optim.SGD(Listed(lambda x: x[0].weight.T.copy().detach()).parameters()) ; an empty list
nn.optim.SGD(Listed(lambda x: [Parameter([1.0])]).parameters()) ; Listed\.layers, a plain list, would not
nn.accuracy(LABELS, SCORES * 0.5) ; ValueError: accuracy: got labels as outputs, scores as targets; swap them
evaluate(MODEL, MOONS, loss=nn.MSELoss()) ; TypeError: evaluate has no argument 'loss'; use metrics=
evaluate(MODEL, nn.data.digits()) ; TypeError: .*got TrainAndTest; use its \.train or
MOONS.split(0.8, random_state=0) ; TypeError: Data.split has no argument 'random_state'; use seed=
MOONS.split(test_size=0.2) ; TypeError: .*use train, test = data\.split\(0\.8\)
nn.data.csv("a.csv", target="y") ; TypeError: csv has no argument 'target'; use label=
nn.data.csv("a.csv", columns=["y"]) ; TypeError: expected columns as a dict such as .*, got list
nn.summary(MODEL, SCORES) ; TypeError: expected a shape such as \(784,\), got an array; use x\.shape\[1:\]
nn.Classifier(MODEL).fit(SCORES, LABELS) ; TypeError: expected a function of inputs and outputs, got the model
nn.fit(MODEL, MOONS, class_weight={0: 1.0}) ; give it to the loss, such as nn\.CrossEntropyLoss\(weight=
nn.History().val_loss ; AttributeError: a History has no attribute 'val_loss'; use history\.validation_loss
nn.predict(MODEL, MOONS) ; TypeError: a Data has inputs and labels; use data\.inputs
nn.save(MODEL, "no/a.npz") ; FileNotFoundError: \[Errno 2\] No such folder: '.*no'$
MODEL.fit(MOONS) ; use nn\.fit\(model, data
MODEL.cuda() ; for a GPU
MODEL.paramters() ; did you mean parameters\?
MODEL.save("a.npz") ; use nn\.save\(model, path\)
T.argmax(dim=1) ; argmax\(\) got an unexpected keyword argument 'dim'; use axis=
T.flatten(1) ; order must be 'C', 'F', 'A' or 'K', got 1; use nn\.Flatten
T.std(unbiased=False) ; use correction=
nn.functional.softmax(T, axis=0) ; softmax has no argument 'axis'; use dim=
nn.functional.cross_entropy(T, [0], size_average=False) ; cross_entropy has no argument 'size_average'; use reduction=
microgradnd.grad(np.sum, argnums=1) ; grad has no argument 'argnums'; use argnum=
nn.ModuleList(nn.ReLU(), nn.ReLU()) ; ModuleList takes by position modules, .* got 2 by position; use ModuleList\(\[\.\.\.\]\)
nn.ModuleList(nn.ReLU()) ; expected modules in a list, got ReLU; use ModuleList\(\[
nn.Sequential(nn.ReLU) ; use ReLU\(\.\.\.\)
Forgetful().weight ; Forgetful has no attribute 'weight'; call super\(\)\.__init__\(\.\.\.\) in Forgetful.__init__
Conv2d(3, 4, 3, activation="relu") ; put an activation such as nn\.ReLU\(\) behind
LSTM(units=3) ; use hidden_size=
LSTM(2.0, 3) ; TypeError: sizes must be whole numbers, got 12, 2\.0
Dropout("a") ; p must be a probability, between 0 and 1, got 'a'
nn.CrossEntropyLoss("balanced") ; weight must be numbers, got .*balanced
nn.optim.Adam([{"params": MODEL.parameters(), "learning_rate": 0.1}]) ; a group has no option 'learning_rate'; use lr=
nn.optim.Adam([T]).minimize(T) ; use loss\.backward\(\), then optimizer\.step
nn.optim.Adam([T]).step(T) ; a function that computes the loss, got Tensor; use loss\.backward
nn.optim.Adam([T]).load_state_dict({}) ; TypeError: expected an optimiser's state_dict\(\), got {}
nn.optim.lr_scheduler.StepLR(SGD, 5, verbose=True) ; leave it out: optimizer\.param_groups
MODEL.train(MOONS) ; train\(\) expects True or False, got .*; use nn\.fit
MODEL.get_weights() ; use model\.state_dict
EarlyStopping(monitor="loss") ; EarlyStopping has no argument 'monitor'; use measure=
MODEL.dim ; Sequential has no attribute 'dim'$
nn.optim.ASGD ; use nn\.optim\.SGD, and
MODEL.add(nn.ReLU()) ; Sequential has no attribute 'add'$
MODEL.get_submodule("3") ; AttributeError: .*has no '3'; it has
MODEL.to("cuda") ; got 'cuda'; on a GPU
Linear(2, 3, device="cuda") ; expected 'cpu', a float type or a function, got '.*on a GPU
ParameterList([Linear(1, 1)]) ; TypeError: expected parameters in a ParameterList, got Linear: Linear\(.*\)$
Sequential(LSTM(2, 3), Linear(3, 1))(T) ; got 2 in a tuple, as an LSTM.*pick the one
Linear(4, 2)(PACKED) ; got 4 in a PackedSequence
nn.utils.rnn.pad_packed_sequence(T) ; expected a PackedSequence, got Tensor
nn.utils.parameters_to_vector(MODEL) ; got Sequential: use model\.parameters\(\)
nn.optim.swa_utils.AveragedModel(MODEL.parameters()) ; expected a Module, got generator
setattr(NORMED, "weight", Parameter([[1.0]])) ; Linear\.weight is computed; change what
nn.utils.weight_norm(ReLU()) ; a Parameter 'weight'; ReLU has none
nn.optim.SGD(MODEL, lr=0.1) ; got Sequential: use model\.parameters\(\)
Sequential(Linear(2, 2), nn.functional.relu) ; use its module, such as nn\.ReLU
CrossEntropyLoss()(Tensor(ones(4, 3, 2)), np.ones((4, 3), int)) ; moveaxis
save("a.npz", MODEL) ; a model, then a path, got 'a.npz' first
save(MODEL.state_dict(), "a.npz") ; expected a model, then a path, got \{
load("a.npz", MODEL) ; a model, then a path, got 'a.npz' first
predict(MOONS.inputs, MODEL) ; expected a model, then x, got ndarray first
evaluate(MODEL, MOONS.inputs) ; a pair of inputs and labels, got ndarray
nn.Classifier(epoch=3) ; Classifier has no argument 'epoch'; use epochs=
nn.Regressor((3,), 2) ; Regressor takes by position model, .* got 2 by position
BCELoss()(ones(3, 1), ones(3)) ; \(3, 1\), got \(3,\); use .*\[:, None\]
CrossEntropyLoss()(ones(3, 2), ones(3)) ; use \.astype\(int\)
nn.summary(Embedding(5, 2), 3) ; use dtype=int
nn.summary(Listed(dict), 2) ; a plain dict.*nn\.ModuleDict
nn.Film("film.gif") ; expected a file that ends in \.html, got film\.gif
"""
TRAINING = r"""
fit(MODEL, MOONS.inputs, MOONS.labels, epochs=1) ; fit takes by position model, data, and other options by name, got 3 by position
trained(Listed(list), optimizer=SGD) ; Listed\.layers, a plain list, would not be trained.*nn\.ModuleList
trained(Mapped(lambda y: None)) ; Mapped.forward returned None: end it with a return
trained(Mapped(Tensor.numpy)) ; to be a Tensor, got float64: .* leaves the graph
trained(optimizer=nn.optim.LBFGS(MODEL.parameters())) ; optimizer\.step\(closure\)
trained(optimizer="adam") ; an optimiser, such as nn\.optim\.Adam\(model.parameters\(\)\), got 'adam'
fit(MODEL, MOONS, loss=CrossEntropyLoss(), epochs=1, optimizer=nn.optim.Adam) ; such as nn\.optim\.Adam\(model
trained(loss=CrossEntropyLoss) ; expected a loss, such as nn\.CrossEntropyLoss\(\), got <class 'nn.*CrossEntropyLoss'>
trained(loss="mse") ; such as nn\.CrossEntropyLoss\(\), got 'mse'
trained(shuffle=True) ; fit has no argument 'shuffle'; leave it out
trained(lr=0.1) ; fit has no argument 'lr'; give it to the optimiser
trained(verbose=1) ; fit has no argument 'verbose'; use progress=
trained(epochs=1.5) ; TypeError: epochs must be a whole number, got 1.5
trained(validation=0.2) ; TypeError: expected validation data, such as data.split\(0.8\)\[1\], got 0.2
trained(validation_split=0.2) ; TypeError: .*use train, held_out = data.split\(0.8\)
trained(schedule=0.1) ; TypeError: expected a schedule, such as nn.optim.lr_scheduler.StepLR\(optimizer, 10\), got 0.1
nn.data.DataLoader(MOONS, sampler=[2]) ; TypeError: DataLoader has no argument 'sampler'; use nn.data.Subset\(dataset, ind
nn.data.DataLoader(MOONS, prefetch_factor=2) ; TypeError: DataLoader has no argument 'prefetch_factor'
trained(lambda x: x, optimizer=SGD) ; TypeError: expected a model, such as
trained(regulariser=0.1) ; TypeError: expected a function as regulariser, got 0\.1
trained(batch_size=2.5) ; TypeError: batch_size must be a whole number, got 2\.5
trained(clip_norm="1") ; TypeError: clip_norm must be a number, got '1'
trained(epochs=-1) ; ValueError: .*-1
trained(epochs=True) ; TypeError: epochs must be a whole number, got True
nn.L2(np.complex64(1)) ; TypeError: strength must be a number, got .*1
nn.L2(True) ; TypeError: strength must be a number, got True
trained(optimizer=lambda p: nn.optim.lr_scheduler.StepLR(nn.optim.SGD(p, lr=0.1), 2)) ; TypeError: expected an optimiser, such as .*, got <
trained(callbacks=EarlyStopping) ; TypeError: .*such as nn\.EarlyStopping\(\), got <class
trained(callbacks=[print]) ; such as nn\.EarlyStopping\(\), got <built-in
trained(data=[1, 2, 3]) ; TypeError: .*pairs of inputs and labels
trained(resume=True) ; ValueError: .*checkpoint
trained(checkpoint="run.pickle") ; ValueError: .*run.pickle: .*\.npz or \.safetensors
trained(callbacks=[EarlyStopping()]) ; ValueError: .*validation=
trained(clip_norm=0) ; ValueError: .*above 0
trained(optimizer=JUMPS, clip_norm=1.0) ; ValueError: .*StepOrJump
trained(optimizer=JUMPS, replay=True) ; ValueError: .*StepOrJump
trained(optimizer=JUMPS, at_once=5) ; ValueError: .*StepOrJump
trained(replay="always") ; ValueError: .*True, False or 'auto'
trained(Sequential(Embedding(5, 2, scale_grad_by_freq=True)), optimizer=SGD, at_once=5) ; 0 \(Embedding\): max_norm and scale_grad_by_freq are for whole batches
trained(Sequential(Embedding(5, 2, max_norm=1.0)), optimizer=SGD, callbacks=[TWO]) ; 0 \(Embedding\): max_norm and .*, and not for at_once= and Together
trained(loss=CrossEntropyLoss(reduction="sum"), callbacks=[TWO]) ; a mean over the examples, got one with reduction='sum'
trained(loss=CrossEntropyLoss([1.0, 2.0]), callbacks=[TWO]) ; got one with weights of classes or ignored labels
trained(loss=CrossEntropyLoss(ignore_index=1), callbacks=[TWO]) ; got one with weights of classes or ignored labels
trained(optimizer=JUMPS, callbacks=[TWO]) ; StepOrJump.*replay= and Together
nn.Recomputed(Embedding(5, 2, max_norm=1.0)) ; max_norm changes weights: keep that layer outside
trained(at_once=0) ; ValueError: at_once must be 1 or more, got 0
trained(metrics=["f1"]) ; ValueError: .*validation=
trained(metrics=["f2"], validation=HELD_OUT) ; ValueError: .*got 'f2'
trained(metrics=[confusion_matrix], validation=HELD_OUT) ; ValueError: .*one number, got metrics.confusion_matrix
trained(metrics=[lambda a, t: None], validation=HELD_OUT) ; TypeError: <lambda> returned None: end it with a return
trained(metrics=["f1"], validation=HELD_OUT, callbacks=[EarlyStopping(measure="auc")]) ; finds no auc to judge by
trained(callbacks=[nn.CSVLogger("nowhere/log.csv")]) ; FileNotFoundError
trained(data=Dataset(MOONS.inputs, MOONS.labels)) ; TypeError: .*or a pair of inputs and labels, got TensorDataset
trained(data=[(1.0, 2), (3.0, 4)]) ; TypeError: .*of single examples nn.data.DataLoader makes batches
trained(data=[(MOONS.inputs, MOONS.labels), (MOONS.inputs, MOONS.labels[1:])]) ; TypeError: .*float64 of shape \(90, 2\), int64 of shape \(89,\)
trained(data=[(ones(9, 2), ones(9), 1)]) ; TypeError: .*expected batches as pairs
trained(data=[(ones(9, 2), ["a"] * 9)]) ; TypeError: .*expected batches as pairs
trained(data=[5, 6, 7]) ; TypeError: .*got int of other things
trained(data=ones(9, 2)) ; TypeError: .*expected Data, or a pair of inputs and labels, got ndarray
trained(data=5) ; TypeError: .*expected Data, or a pair of inputs and labels, got int
trained(data=[]) ; ValueError: .*expected batches to train on, got none
trained(steps=3) ; ValueError: .*use batch_size=
trained(data=[*MOONS.batches(9)], steps=0) ; ValueError: steps must be 1 or more
trained(data=[*MOONS.batches(9)], callbacks=[OnlyMistakes()]) ; TypeError: .*not all examples are at hand
EarlyStopping(patience=None) ; TypeError: patience must be a whole number, got None
EarlyStopping(patience=0) ; must be .* or more.*, got
EarlyStopping(minimum=-1) ; must be .* or more.*, got
Checkpoint("run.npz", steps=0) ; must be .* or more.*, got
Checkpoint("run.npz", seconds=-1) ; must be .* or more.*, got
random_restarts(None, None, None, restarts=0) ; must be .* or more.*, got
StepOrJump(None, scale=-1) ; must be .* or more.*, got
Health(every=0) ; must be .* or more.*, got
Health(examples=0) ; must be .* or more.*, got
L1(strength=-1) ; must be .* or more.*, got
L2(0.1)(Tanh()) ; ValueError: L2.* found no weights in Tanh
MaxNorm(0) ; ValueError: .*positive, got 0
History.from_arrays({"append": np.zeros(3)}) ; ValueError: .*append
History.from_arrays({"loss": np.zeros((3, 2))}) ; ValueError: .*loss
History.from_arrays({"loss": np.array(["a"])}) ; ValueError: .*loss
nn.Classifier().fit([[0.0], [1.0]], ["a", np.nan]) ; ValueError: expected a label for each example, got nan
nn.Classifier().fit([[0.0], [1.0]], ["a", None]) ; ValueError: expected a label for each example, got None
nn.Classifier().fit([[0.0], [1.0]], np.array(["a", None], np.dtypes.StringDType(na_object=None))) ; ValueError: expected a label for each example, got None
evaluate(Sequential(), (SCORES, LABELS), ["f2"]) ; got 'f2'
predict(Sequential(), SCORES, batch_size=0) ; must be 1 or more, got 0
f1(ones(0, 3), np.ones(0, int)) ; expected one example or more
precision(SCORES, LABELS, "binary") ; got 'binary' for 4 classes
roc_auc([0.1, np.nan], [1, 1]) ; both cl
roc_auc([0.1, np.nan], [0, 2]) ; both cl
roc_auc([0.1, np.nan], [0, 0.5]) ; both cl
roc_auc([0.1, np.nan, 0.2], [0, 1, 1]) ; both cl
top_k_accuracy(SCORES, LABELS[:1]) ; outputs of shape \(8, 4\) expected labels of shape \(8,\), .* got targets of shape \(1,\)
top_k_accuracy(SCORES, -LABELS) ; numbers from 0 to 3, got -
accuracy(ones(3, 2), [0, 1]) ; ValueError: accuracy: .*\(3,\).*\(2,\)
accuracy(ones(3, 2), [0.0, 1.0, 0.0]) ; TypeError: .*whole .*float64
accuracy(ones(3, 1), [0, 1, 0]) ; ValueError: .*outputs > 0.5
accuracy(np.array([0.9, 0.2, 0.6]), [1, 0, 1]) ; ValueError: .*\(\), or one-hot
accuracy(ones(0, 2), np.ones(0, int)) ; ValueError: .*one example or more
confusion_matrix(ones(2, 2), [0, 5]) ; ValueError: .*from 0 to 1, got 5
confusion_matrix([0, 1], [0, -1]) ; ValueError: .*got -1
misclassified(Sequential(), SCORES, LABELS[:3]) ; ValueError: .*\(8,\), or one-hot, got
next(nn.data.Data(SCORES, LABELS).folds(1)) ; k must be from 2 to 8, got 1
nn.data.random_split(Dataset(ones(7)), [3, 3]) ; expected parts of 7 examples
nn.data.random_split(Dataset(ones(7)), [9, -2]) ; expected parts of 7 examples
nn.data.DataLoader(Dataset(ones(7)), batch_size=None) ; TypeError: batch_size must be a whole number, got None
nn.data.DataLoader(Dataset(ones(7)), batch_size=0) ; must be 1 or more, got 0
Dataset(ones(7), ones(3)) ; arrays of one length
nn.data.Text("to be").encode("box") ; expected letters among ' beot', got 'x'
nn.optim.LBFGS([W]).step() ; needs a function that calls zero_grad
nn.optim.LBFGS([W]).step(lambda: 1.0) ; no parameter has
nn.optim.LBFGS([{"params": [W]}, {"params": [Tensor(1.0, requires_grad=True)]}]) ; one group
nn.optim.LBFGS([W], line_search_fn="wolfe") ; 'strong_wolfe' or None, got 'wolfe'
microgradnd.replay(lambda: nn.optim.LBFGS([W]).step(lambda: np.sum(W) if np.sum(W).backward() is None else 0))() ; no two of its steps are alike
nn.optim.Muon(Linear(2, 3).parameters()) ; matrices, got a parameter of shape \(3,\); use AdamW
nn.optim.Muon([T], adjust_lr_fn="adam") ; 'original' or 'match_rms_adamw', got 'adam'
nn.utils.spectral_norm(Linear(2, 2), "wight") ; TypeError: expected a module with a Parameter 'wight'
nn.utils.weight_norm(Linear(4, 3), dim=5) ; AxisError
nn.utils.vector_to_parameters(ones(8), Linear(2, 3).parameters()) ; ValueError: .*a vector of 9 entries, got \(8,\)
nn.optim.swa_utils.get_ema_avg_fn(2) ; ValueError: decay must be from 0 to 1, got 2
nn.optim.swa_utils.AveragedModel(MODEL, avg_fn=abs, multi_avg_fn=abs) ; ValueError: .*and not both
"""
TWO = nn.Together(None)
TWO.size = 2
NAMES |= {
    "TWO": TWO,
    "Forgetful": Forgetful,
    "Listed": Listed,
    "Mapped": Mapped,
    "trained": trained,
}
test_the_error_says_what_to_write = explained(HABITUAL, NAMES)
test_what_does_not_fit_in_training_is_explained = explained(TRAINING, NAMES)
