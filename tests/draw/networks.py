"""Ten networks as one draws them, and what their pictures show as lines of text.

`python -m tests.draw.networks > tests/draw/networks.txt` writes the lines anew, to be read.
"""

import numpy as np

import nn
from microgradnd import draw
from tests.draw import graphs


class Residual(nn.Module):
    def __init__(self, n):
        self.first, self.relu, self.second = nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n)

    def forward(self, x):
        return x + self.second(self.relu(self.first(x)))


def double(inputs, outputs):
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        self.down1, self.down2, self.pool = double(1, 4), double(4, 8), nn.MaxPool2d(2)
        self.up, self.left = nn.ConvTranspose2d(8, 4, 2, stride=2), double(8, 4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, image):
        wide = self.down1(image)
        up = self.up(self.down2(self.pool(wide)))
        return self.head(self.left(np.concatenate([up, wide], axis=1)))


class Attention(nn.Module):
    def __init__(self, n):
        self.q, self.k, self.v = (nn.Linear(n, n, bias=False) for _ in range(3))
        self.out = nn.Linear(n, n)

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
        return self.out(nn.functional.softmax(scores, -1) @ v)


class Block(nn.Module):
    def __init__(self, n):
        self.norm1, self.norm2 = nn.LayerNorm(n), nn.LayerNorm(n)
        self.attention = nn.MultiheadAttention(n, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(n, 4 * n), nn.GELU(), nn.Linear(4 * n, n))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False, is_causal=True)[0]
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, letters=65, n=32, depth=4, context=16):
        self.tokens, self.places = nn.Embedding(letters, n), nn.Embedding(context, n)
        self.blocks = nn.Sequential(*[Block(n) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(n), nn.Linear(n, letters, bias=False)

    def forward(self, text):
        x = self.tokens(text) + self.places(np.arange(text.shape[-1]))
        return self.head(self.norm(self.blocks(x)))


def digits():
    return nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 10),
    )  # fmt: skip


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


TEN = {
    "neuron": lambda: draw(graphs.neuron()),
    "4-4-2": lambda: draw(graphs.network()[0]),
    "784-30-10": lambda: draw(digits(), normal(10, 784)),
    "LeNet": lambda: draw(lenet(), normal(2, 1, 28, 28)),
    "LSTM": lambda: draw(nn.LSTM(3, 4), normal(8, 2, 3)),
    "residual x 8": lambda: draw(nn.Sequential(*[Residual(16) for _ in range(8)]), normal(2, 16)),
    "U-Net": lambda: draw(UNet(), normal(1, 1, 16, 16)),
    "attention": lambda: draw(Attention(8), normal(2, 5, 8)),
    "small GPT": lambda: draw(GPT(), np.arange(32).reshape(2, 16) % 17),
    "5,000 operations": lambda: draw(graphs.scrambled(5_000)),
}


def lines(shown):
    """A line for each item: the frames around it, what it is, and what leads to it; no numbers."""
    frames = {frame.key: frame.heading for frame in shown.frames}
    names = {item.key: item.heading.partition(" = ")[0] for item in shown.items}
    items = {item.key: item for item in shown.items}
    found = []
    for key in shown.order:
        item, around = items[key], [frames[frame] for frame in reversed(shown.around[key])]
        sources = [names[edge.source] for edge in shown.edges if edge.target == key]
        words = [item.heading, *item.about, *["<- " + ", ".join(sources)] * bool(sources)]
        found.append(" | ".join(["/".join(around) or "-", "; ".join(words)]))
    return found


if __name__ == "__main__":
    for name, make in TEN.items():
        print(f"## {name}", *lines(make().shown), "", sep="\n")
