class Value:
    """An array, what it was made of, and how a gradient goes back to that."""

    def __init__(self, data, parents=(), rules=()):
        self.data = data
        self.parents = parents
        self.rules = rules  # for each parent: from the gradient of this to that of the parent
        self.gradient = np.zeros(np.shape(data))

    def receive(self, g):
        """Add a gradient that came by one path, summed over the axes that were repeated."""
        shape = np.shape(self.data)
        g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))
        repeated = tuple(k for k, n in enumerate(shape) if n == 1)
        self.gradient = self.gradient + np.sum(g, axis=repeated, keepdims=True)

    def pull_back(self):
        for parent, rule in zip(self.parents, self.rules, strict=True):
            parent.receive(rule(self.gradient))


def add(a, b):
    return Value(a.data + b.data, (a, b), (lambda g: g, lambda g: g))


def mul(a, b):
    return Value(a.data * b.data, (a, b), (lambda g: g * b.data, lambda g: g * a.data))


def matmul(a, b):
    return Value(a.data @ b.data, (a, b), (lambda g: g @ b.data.T, lambda g: a.data.T @ g))


def tanh(a):
    y = np.tanh(a.data)
    return Value(y, (a,), (lambda g: g * (1 - y**2),))


def total(a):
    return Value(np.sum(a.data), (a,), (lambda g: g * np.ones(a.data.shape),))


OPERATIONS = {"add": add, "mul": mul, "matmul": matmul, "tanh": tanh, "sum": total}


def autograd(program, x, y, z):
    """The gradients of the program's last value with respect to x, y and z."""
    values = [Value(x), Value(y), Value(z)]
    for operation, *places in program:
        values.append(OPERATIONS[operation](*(values[place] for place in places)))
    values[-1].gradient = np.ones(())
    for value in reversed(values):  # every gradient is complete when its turn comes
        value.pull_back()
    return tuple(value.gradient for value in values[:3])
