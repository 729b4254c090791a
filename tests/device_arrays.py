"""A stand-in for CuPy on the processor, for tests: NumPy's kernels behind NumPy's two protocols, as
strict as CuPy is. Nothing is converted implicitly, plain arrays may not stand beside its arrays,
ufuncs have no methods, reductions neither `where` nor `initial`, and a single number is an array.
There is neither np.vecdot nor ravel("K")."""

import operator

import numpy as np

_MAKERS = {np.asarray, np.array, np.zeros, np.ones, np.full, np.empty, np.arange, np.eye, np.tri}
_METHODS = """all any argmax argmin argsort astype clip copy cumprod cumsum diagonal dot flatten max mean
    min nonzero prod ravel repeat reshape round squeeze std sum swapaxes take trace transpose var view"""
_NOT_OF_A_REDUCTION = {"where", "initial"}


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is on the device, as it were."""

    fetched = 0  # the entries that were copied back, by all of them
    sent = ()  # the sizes of those that were copied there for them

    def __init__(self, host):
        self._host = host

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def get(self):
        DeviceArray.fetched += self.size
        return self._host.copy(order="K")

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        if method != "__call__" or ufunc is np.vecdot:
            return NotImplemented
        found = ufunc(*_inside(inputs), **_inside(keywords))
        out = keywords.get("out")
        return out[0] if out else _outside(found)

    def __array_function__(self, function, types, args, keywords):
        if function in _MAKERS:
            inside = args[0]._host if isinstance(args[0], DeviceArray) else args[0]
            DeviceArray.sent += (np.size(inside),)
            return DeviceArray(np.array(function(inside, *args[1:], **keywords)))
        if not all(issubclass(kind, DeviceArray | np.ndarray) for kind in types):
            return NotImplemented
        _check(keywords)
        return _outside(function(*_inside(args), **_inside(keywords)))

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size", "nbytes", "strides", "itemsize", "flags"):
            return getattr(self._host, name)
        if name in ("T", "mT", "real"):
            return _outside(getattr(self._host, name))
        if name not in _METHODS.split():
            raise AttributeError(name)

        def method(*args, **keywords):
            _check(keywords)
            if name == "ravel" and "K" in args:
                raise NotImplementedError("ravel with order='K' not yet implemented.")
            return _outside(getattr(self._host, name)(*_inside(args), **_inside(keywords)))

        return method

    def __getitem__(self, index):
        return _outside(self._host[_inside(index)])

    def __setitem__(self, index, value):
        self._host[_inside(index)] = _inside(value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __len__(self):
        return len(self._host)

    def item(self, *index):
        DeviceArray.fetched += 1
        return self._host.item(*index)

    def tolist(self):
        return self.get().tolist()

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return operator.index(self.item())

    def __reduce__(self):
        return DeviceArray, (self._host.copy(),)

    def __repr__(self):
        return f"device {self._host!r}"


def asarray(a, dtype=None):
    """The stand-in for cupy.asarray."""
    return a if isinstance(a, DeviceArray) else DeviceArray(np.array(a, dtype))


def _check(keywords):
    if unknown := _NOT_OF_A_REDUCTION & keywords.keys():
        raise TypeError(f"got an unexpected keyword argument {unknown}")


def _inside(value):
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, dict):
        return {key: _inside(part) for key, part in value.items()}
    return type(value)(map(_inside, value)) if type(value) in (list, tuple) else value


def _outside(value):
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    if isinstance(value, list | tuple):
        parts = list(map(_outside, value))
        return parts if isinstance(value, list) else tuple(parts)
    return value
