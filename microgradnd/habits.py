"""Error messages: requirements, and what people write from habit with other libraries."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from numbers import Integral
from types import ModuleType
from typing import Any, NoReturn, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# Names of PyTorch, TensorFlow and the like; a function of NumPy's needs no entry.
OF_ARRAYS = {
    "view": "t.reshape(shape)", "unsqueeze": "np.expand_dims(t, axis)", "numel": "t.size",
    "permute": "t.transpose(axes)", "expand": "np.broadcast_to(t, shape)", "cat": "np.concatenate",
    "to": "t.astype(dtype)", "type": "t.astype(dtype)", "float": "t.astype(np.float32)", "double":
    "t.astype(float)", "half": "t.astype(np.float16)", "long": "t.astype(int)", "int":
    "t.astype(int)", "bool": "t.astype(bool)", "clone": "t.copy()", "contiguous": "t", "cpu":
    "t.numpy()", "device": "CuPy's arrays in Tensors for a GPU", "sub": "a - b", "mul": "a * b",
    "div": "a / b", "mm": "a @ b", "bmm": "a @ b", "mv": "a @ b", "masked_fill":
    "np.where(mask, value, t)", "gather": "np.take_along_axis(t, index, axis)", "index_select":
    "t[index]", "clamp": "np.clip", "chunk": "np.array_split(t, n)", "unbind": "list(t)", "norm":
    "np.linalg.norm(t)", "is_leaf": "t.operation is None", "grad_fn": "t.operation", "retain_grad":
    "loss.backward(retain_grads=True)", "requires_grad_": "t.requires_grad = True", "t": "t.T",
    "add_": "t.data += value", "copy_": "t.data = value", "relu": "nn.functional.relu(t)",
    "sigmoid": "nn.functional.sigmoid(t)", "softmax": "nn.functional.softmax(t)", "dim": "t.ndim",
    "eq": "t == other", "gt": "t > other", "lt": "t < other", "zero_": "t.data[...] = 0", "fill_":
    "t.data[...] = value", "unfold": "np.lib.stride_tricks.sliding_window_view", "register_hook":
    "loss.backward(retain_grads=True) to see gradients, primitive(...) to change them",
    "multinomial": "rng.choice(n, p=probabilities)", "scatter_": "t.at[index].set(values)",
    "scatter": "t.at[index].set(values)", "scatter_add": "t.at[index].add(values)", "index_add":
    "t.at[index].add(values)", "topk": "np.sort(t)[..., -k:]", "repeat_interleave": "np.repeat",
    "tril": "np.tril(t)", "triu": "np.triu(t)", "stride": "t.numpy().strides", "new_zeros":
    "np.zeros", "zeros_like": "np.zeros_like", "logsumexp": "np.logaddexp.reduce(t, axis=axis)",
    "log_softmax": "nn.functional.log_softmax(t, dim)", "sort": "np.sort(t)", "split":
    "np.split(t, n)", "flip": "np.flip(t, axis)", "roll": "np.roll(t, shift, axis)", "outer":
    "np.outer", "amax": "np.max", "amin": "np.min", "median": "np.median(t)", "is_cuda":
    "CuPy's arrays in Tensors for a GPU", "mul_": "t.data *= value", "sub_": "t.data -= value",
    "div_": "t.data /= value", "clamp_": "np.clip(t.data, low, high, out=t.data)", "normal_":
    "nn.init.normal_(t)", "uniform_": "nn.init.uniform_(t)", "detach_": "t = t.detach()",
    "unflatten": "t.reshape(shape)", "reshape_as": "t.reshape(other.shape)", "view_as":
    "t.reshape(other.shape)", "expand_as": "np.broadcast_to(t, other.shape)", "type_as":
    "t.astype(other.dtype)", "masked_select": "t[mask]", "nelement": "t.size", "ndimension":
    "t.ndim", "ge": "t >= other", "le": "t <= other", "ne": "t != other", "pin_memory": "t",
}  # fmt: skip
NAMES = {
    "val_loss": "history.validation_loss", "val_accuracy": "history.validation_accuracy",
    "tensor": "microgradnd.Tensor", "from_numpy": "microgradnd.Tensor(array)", "autograd":
    "microgradnd.grad", "enable_grad": "recording is on by itself, outside of no_grad()", "no_grad":
    "microgradnd.no_grad", "Tensor": "microgradnd.Tensor", "Variable": "microgradnd.Tensor",
    "optim": "nn.optim", "nn": "import nn", "randn":
    "np.random.default_rng(seed).normal(size=shape)", "rand":
    "np.random.default_rng(seed).uniform(size=shape)", "set_default_tensor_type":
    "microgradnd.set_default_dtype", "Dense": "nn.Linear(inputs, outputs)", "Adam": "nn.optim.Adam",
    "SGD": "nn.optim.SGD", "RMSprop": "nn.optim.RMSprop", "DataLoader": "nn.data.DataLoader",
    "compile": "nn.fit(model, data, loss=..., optimizer=...)", "fit":
    "nn.fit(model, data, loss=..., optimizer=...)", "predict": "nn.predict(model, x)", "save":
    "nn.save(model, path)", "summary": "nn.summary(model, input_shape)", "train_test_split":
    "data.split", "ImageFolder": "nn.data.images(folder)", "read_csv": "nn.data.csv(path)",
    "StandardScaler": "nn.data.Standardise", "MLPClassifier": "nn.Classifier", "MLPRegressor":
    "nn.Regressor", "SummaryWriter": "nn.TensorBoard(folder)", "jit": "microgradnd.replay",
    "optimizers": "nn.optim", "accuracy_score": "nn.accuracy", "f1_score": "nn.f1", "metrics":
    "nn.accuracy, nn.f1 and the like", "Unfold": "np.lib.stride_tricks.sliding_window_view",
    "LazyLinear": "nn.Linear(inputs, outputs)", "LazyConv2d": "nn.Conv2d(inputs, outputs, size)",
    "DataParallel": "the model itself, or nn.Together for many processes", "SyncBatchNorm":
    "nn.BatchNorm2d", "UpsamplingNearest2d": "nn.Upsample(scale_factor=2)", "UpsamplingBilinear2d":
    "nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)", "upsample":
    "nn.functional.interpolate", "gumbel_softmax":
    "F.softmax((logits + rng.gumbel(size=logits.shape)) / tau, dim)", "Buffer":
    "self.register_buffer(name, array)", "SparseAdam": "nn.optim.Adam", "CyclicLR":
    "OneCycleLR, or LambdaLR with a formula of your own", "MultiplicativeLR":
    "LambdaLR with the product as its formula", "SWALR": "LinearLR", "ConstantLR":
    "LambdaLR with a formula of your own", "PolynomialLR": "LambdaLR with a formula of your own",
    "CosineAnnealingWarmRestarts": "LambdaLR with a formula of your own", "WeightedRandomSampler":
    "Subset(data, rng.choice(n, n, p=weights))", "SubsetRandomSampler": "Subset(data, indices)",
    "ConcatDataset": "TensorDataset of np.concatenate(arrays)", "Restarts": "nn.random_restarts",
    "Independent": "Normal, and log_prob(x).sum(-1)", "MultivariateNormal":
    "Normal, and log_prob(x).sum(-1)", "register_module": "add_module", "bfloat16": "model.float()",
    "minimize": "loss.backward(), then optimizer.step()", "apply_gradients":
    "loss.backward(), then optimizer.step()", "shape": "a parameter's, such as layer.weight.shape",
    "get_weights": "model.state_dict()", "set_weights": "model.load_state_dict(arrays)", "weights":
    "model.parameters()", "trainable_variables": "list(model.parameters())", "layers":
    "list(model.children())", "num_parameters": "sum(p.size for p in model.parameters())",
    "count_params": "sum(p.size for p in model.parameters())", "share_memory":
    "nn.Together for many processes", "Rprop": "nn.optim.RMSprop, which does it for batches",
    "update_bn": "AveragedModel(model, use_buffers=True)", "ASGD":
    "nn.optim.SGD, and nn.optim.swa_utils.AveragedModel", "Adafactor": "nn.optim.Adam",
    "cuda": "model.to(cupy.asarray), and Tensor(cupy.asarray(array)), for a GPU",
    "pack_sequence": "pack_padded_sequence(pad_sequence(parts), list(map(len, parts)))",
    "unpack_sequence": "pad_packed_sequence, and its lengths", "remove_weight_norm":
    "a new layer: layer.weight.data = normed.weight.numpy()", "remove_spectral_norm":
    "a new layer: layer.weight.data = normed.weight.numpy()", "unpad_sequence":
    "[padded[:n, i] for i, n in enumerate(lengths)]", "reset_running_stats":
    "reset_parameters(), which also begins its weights anew", "param_groups":
    "an optimiser, such as nn.optim.SGD(model.parameters(), lr=0.1)", "Value": "microgradnd.Tensor",
    "vmap": "an axis for the batch, as NumPy's functions do, or nn.per_example_gradients", "jacrev":
    "microgradnd.jacobian", "jacfwd": "microgradnd.jacobian", "elementwise_grad":
    "microgradnd.grad(lambda x: np.sum(f(x)))", "checkpoint":
    "nn.Recomputed(block), or fit(checkpoint=path)", "history": "history.loss, or history(t)",
}  # fmt: skip
HABITS = OF_ARRAYS | NAMES
OPTIONS = {
    "hidden_layer_sizes": "model",
    "dim": "axis", "dims": "axis", "keepdim": "keepdims", "axis": "dim", "keepdims": "keepdim",
    "learning_rate": "lr", "axes": "axis",
    "beta1": "betas", "beta_1": "betas", "epsilon": "eps", "in_channels": "in_features",
    "batchsize": "batch_size", "n_epochs": "epochs", "num_epochs": "epochs", "criterion": "loss",
    "optimiser": "optimizer", "regularizer": "regulariser", "val_data": "validation",
    "validation_data": "validation", "verbose": "progress",
    "size_average": "reduction", "reduce": "reduction", "rate": "p", "alpha": "negative_slope",
    "max_iter": "epochs", "filters": "out_channels", "units": "out_features hidden_size",
    "strides": "stride", "monitor": "measure", "min_delta": "minimum", "argnums": "argnum",
    "restore_best_weights": "restore", "unbiased": "correction", "rankdir": "direction",
    "random_state": "seed", "target": "label", "sep": "delimiter", "stratify": "stratified",
}  # fmt: skip
NO_OPTIONS = {  # of any function, or of one alone
    "class_weight": "give it to the loss, such as nn.CrossEntropyLoss(weight=[1.0, 2.0])",
    "where": "use np.where on the result, as entries left out would have no value",  # of a ufunc
    "retain_graph": "leave it out, as a graph lives as long as its head",
    "return_sequences": "leave it out: all outputs come first, then the last state",
    "shuffle": "leave it out, as each epoch goes through the examples in a new order",
    "lr": "give it to the optimiser, such as nn.optim.SGD(model.parameters(), lr=0.1)",
    "activation": "put an activation such as nn.ReLU() behind the layer",
    "input_shape": "leave it out, as a layer is given its number of inputs",
    "go_backwards": "use np.flip(x, axis), or bidirectional=True",
    "from_logits": "leave it out: cross_entropy takes scores, nll_loss logarithms of probabilities",
    "verbose": "leave it out: optimizer.param_groups[0]['lr'] is the rate",
    "decay": "use a schedule, such as nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)",
    "sampler": "use nn.data.Subset(dataset, indices)",
    "create_graph": "use gradients(loss, w), which can be differentiated again",
    "device": "leave it out: a Tensor is where its array is, such as CuPy's",
    "gradcheck.eps": "leave it out, as gradcheck measures how far off its differences are",
    "gradcheck.atol": "leave it out, as gradcheck measures how far off its differences are",
    "gradcheck.rtol": "leave it out, as gradcheck measures how far off its differences are",
    "draw.format": "use draw(...).save('graph.png'), which goes by the suffix",
    "draw.filename": "use draw(...).save('graph.png'), which goes by the suffix",
    "draw.params": "leave it out, as a Tensor is drawn with its name",
    "validation_split": "use train, held_out = data.split(0.8), and validation=held_out",
    "test_size": "use train, test = data.split(0.8)",
    "train_size": "use train, test = data.split(0.8)",
    "evaluate.loss": "use metrics=['accuracy', nn.CrossEntropyLoss()]",
}


def require(right: object, message: str, error: type[Exception] = ValueError) -> None:
    """Raises an error with this message, unless something is right."""
    if not right:
        raise error(message)


def at_least(least: float, *left_out: None, **numbers: float | None) -> None:
    """Raises an error that names the first argument that is less, or nan. Where the least is 0.0,
    and not 0, other numbers than whole ones will do; `at_least(1, None, ...)` lets None pass.

    >>> at_least(1, None, steps=None)
    >>> at_least(1, patience=5, every=0)
    Traceback (most recent call last):
    ValueError: every must be 1 or more, got 0
    """
    whole = isinstance(least, int)
    kind = "a whole number" if whole else "a number"
    for name, number in numbers.items():
        if not (left_out and number is None):
            right = isinstance(number, Integral) if whole else not isinstance(number, str | None)
            right = right and not isinstance(number, bool | np.bool_ | complex | np.complexfloating)
            require(right, f"{name} must be {kind}, got {number!r}", TypeError)
            require(cast(Any, number) >= least, f"{name} must be {least:g} or more, got {number}")


def check_choice(name: str, value: object, *choices: object) -> None:
    """Raises an error that lists the choices, unless the value of an argument is one of them."""
    if getattr(value, "ndim", 0) or value not in choices:  # arrays compare entry by entry
        *others, last = map(repr, choices)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {value!r}")


def instead(name: str, known: Iterable[str] = (), others: Any = np) -> str:
    """Returns what to write for a name that is not here, to end an error with, or nothing.

    What is neither a habit nor nearly a known name may be a function of NumPy. Without `others`
    what is meant is neither an array's nor NumPy's.

    >>> instead("unsqueeze"), instead("logsumexpp", ["log", "Linear"]), instead("Liner", ["Linear"])
    ('; use np.expand_dims(t, axis)', '', '; did you mean Linear?')
    """
    import difflib  # only an error needs it

    habits = HABITS if others else NAMES
    if name in habits:
        return f"; use {habits[name]}"
    public = [each for each in known if each[0] != "_"]
    if close := difflib.get_close_matches(name, public, n=1, cutoff=0.75):
        return f"; did you mean {close[0]}?"
    return f"; use np.{name}" if callable(getattr(others, name, None)) else ""


def option_instead(name: str, known: Iterable[str], function: str = "") -> str:
    """Returns the option of a function that is meant, to end an error with, or nothing.

    >>> option_instead("dim", ["axis", "keepdims"]), option_instead("weight", [])
    ('; use axis=', '')
    """
    import difflib

    known = list(known)
    found = [meant for meant in OPTIONS.get(name, "").split() if meant in known]
    without = NO_OPTIONS.get(f"{function}.{name}") or NO_OPTIONS.get(name)
    if not found and without:
        return f"; {without}"
    found = found or difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; use {found[0]}=" if found else ""


def explain_options(function: F) -> F:
    """Returns the function, with errors for unknown options, which name the one that is meant, and
    for too many arguments by position.

    >>> explain_options(lambda lr=0.1: lr)(learning_rate=1.0)
    Traceback (most recent call last):
    TypeError: <lambda> has no argument 'learning_rate'; use lr=
    """

    @functools.wraps(function)
    def explained(*given: Any, **options: Any) -> Any:
        try:
            return function(*given, **options)
        except TypeError as error:
            known = inspect.signature(function).parameters
            of_class = next(iter(known), "") == "self"
            named = function.__name__ != "__init__"
            title = function.__qualname__ if named else type(given[0]).__name__
            kinds = [parameter.kind for parameter in known.values()]
            count = sum(kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
            if len(given) > count and inspect.Parameter.VAR_POSITIONAL not in kinds:
                names = ", ".join(list(known)[of_class:count])
                found = f"got {len(given) - of_class} by position"
                if not named and hasattr(given[0], "__len__"):
                    found += f"; use {title}([...])"
                elif not named and any(hasattr(x, "__array_function__") for x in given):
                    found += f"; it is made first, then called: {title}()(...)"
                options_by_name = f"{title} takes by position {names}, and other options by name"
                raise TypeError(f"{options_by_name}, {found}") from None
            for name in options.keys() - known.keys():
                if f"unexpected keyword argument {name!r}" in str(error):  # Python may add a guess
                    meant = option_instead(name, known, title)
                    raise TypeError(f"{title} has no argument {name!r}{meant}") from None
            said = str(error).replace(f"{function.__qualname__}() ", f"{title} ")
            error.args = (said, *error.args[1:])
            raise

    return cast(F, explained)


class Absent:
    """An attribute that people expect from habit: reading it raises an error that says so.

    A subclass may have it, as a method or as an attribute.
    """

    def __init__(self, name: str, use: str) -> None:
        self.name, self.use, self.__doc__ = name, use, f"Not here; use {use}."

    def __get__(self, thing: object, kind: type) -> Absent:
        if thing is None:
            return self
        raise AttributeError(f"a {kind.__name__} has no attribute {self.name!r}; use {self.use}")

    def __call__(self, *_: Any, **__: Any) -> NoReturn:  # of the class, such as Tensor.randn(2, 3)
        raise AttributeError(f"no attribute {self.name!r}; use {self.use}")


def explain_attributes(kind: type) -> None:
    """Enters what an array has elsewhere as a method or attribute, and `kind` has not.

    A `__getattr__` would make Python 3.11 read every attribute in six times the time.
    """
    ufuncs = {name for name, function in vars(np).items() if isinstance(function, np.ufunc)}
    for name in ufuncs | HABITS.keys():
        if not hasattr(kind, name):
            setattr(kind, name, Absent(name, HABITS.get(name, f"np.{name}")))
    kind.__torch_function__ = classmethod(_not_of_torch)  # type: ignore[attr-defined]


def _not_of_torch(kind: type, function: Any, *_: Any) -> NoReturn:
    """Where PyTorch's functions and layers, `from torch import nn`, are handed one of ours."""
    found = f"expected a Tensor of PyTorch in {function.__name__}, got microgradnd's"
    raise TypeError(f"{found}; use NumPy's functions and this project's nn, or t.numpy()")


def explain_names(*modules: ModuleType) -> None:
    """Ends the error for a name that a module does not have with the one that is meant."""

    def missing(module: ModuleType, name: str) -> NoReturn:
        meant = "" if name[0] == "_" else instead(name, dir(module))  # also what is imported late
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}{meant}")

    for module in modules:
        names = object.__getattribute__(module, "__dict__")  # which loads no late module
        names.setdefault("__getattr__", functools.partial(missing, module))
