"""A small GPT reads ten plays of Shakespeare letter by letter, and guesses what comes next.

It learns the first 90 % of the text. On the rest it pays log 1/p for each letter, in nats, like the
counted models beside it: those know how often each letter followed the last ones, up to five of
them, and take the rare cases from one letter less (absolute discounting). Its steps are replayed.

A letter of the rest is guessed from those before it, at least half of what the model can look back.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from experiment import Experiment, runs_on

import nn
from microgradnd import no_grad, replay
from nn.data import Text
from nn.functional import softmax
from nn.look.plots.figure import COLOURS, DASHES, FAINT, TEXT, legend, panels


class Size(NamedTuple):
    """How large the model is, and how long it learns: in each step `batch` pieces of the text."""

    length: int = 64
    width: int = 96
    heads: int = 4
    blocks: int = 3
    batch: int = 16
    steps: int = 3000
    rate: float = 3e-3


QUICK = Size(length=32, width=32, heads=2, blocks=1, batch=16, steps=500, rate=1e-2)


class GPT(nn.Module):
    """For each letter the scores of those that may follow, from it and those before it."""

    def __init__(self, letters: int, size: Size) -> None:
        self.letter = nn.Embedding(letters, size.width)
        self.place = nn.Embedding(size.length, size.width)
        block = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(size.width, size.heads, 4 * size.width, **block)
            for _ in range(size.blocks)
        )
        self.norm = nn.LayerNorm(size.width)
        self.next = nn.Linear(size.width, letters)
        for table in (self.letter, self.place):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, numbers: Any) -> Any:
        length = numbers.shape[1]
        past = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.letter(numbers) + self.place(np.arange(length))
        for block in self.blocks:
            x = block(x, src_mask=past)
        return self.next(self.norm(x))


def learn(
    text: Text, first: int, size: Size, seed: int = 0
) -> tuple[GPT, list[float], dict[int, float]]:
    """The model, the cost of each step, and after so many steps the cost on the rest."""
    nn.manual_seed(seed)
    random = np.random.default_rng(seed)
    model = GPT(len(text.letters), size).astype(np.float32)
    optimizer = nn.optim.AdamW(model.parameters(), lr=size.rate, weight_decay=0.1)
    schedule = nn.optim.lr_scheduler.OneCycleLR(
        optimizer, size.rate, total_steps=size.steps, pct_start=0.05, cycle_momentum=False
    )
    cost = nn.CrossEntropyLoss()

    @replay
    def step(numbers: Any, following: Any) -> Any:
        loss = cost(model(numbers).reshape(-1, len(text.letters)), following.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    costs, tested = list[float](), dict[int, float]()
    for number in range(1, size.steps + 1):
        starts = random.integers(0, first - size.length, size.batch)
        piece = text.numbers[starts[:, np.newaxis] + np.arange(size.length + 1)]
        costs.append(step(piece[:, :-1], piece[:, 1:]).item())
        if number < size.steps:
            schedule.step()
        if number % (size.steps // 10) == 0:
            tested[number] = nats(model, text.numbers, first, size.length)
            print(f"step {number}: {tested[number]:.3f} nats a letter on the rest", flush=True)
    return model, costs, tested


def nats(model: nn.Module, numbers: Any, first: int, length: int) -> float:
    """The mean cost of the letters from the first of the rest on, up to half a piece at the end."""
    half = length // 2
    starts = np.arange(first - half - 1, len(numbers) - length, half)
    pieces, paid = numbers[starts[:, np.newaxis] + np.arange(length + 1)], []
    with no_grad():
        for some in np.array_split(pieces, max(1, len(pieces) // 32)):
            p = softmax(model(some[:, :-1]).numpy()[:, half:], dim=-1)
            paid.append(-np.log(np.take_along_axis(p, some[:, half + 1 :, np.newaxis], -1)))
    return float(np.mean(np.concatenate(paid)))


def counted(numbers: Any, first: int, letters: int, most: int = 6) -> Iterator[float]:
    """The cost on the rest of counted models that know 1 to `most` letters, the next included."""
    p, discount = np.full(len(numbers) - first, 1 / letters), 0.75
    codes = np.zeros(len(numbers), np.int64)  # of the last letters up to each place
    for order in range(1, most + 1):
        before = np.concatenate([[0], codes[:-1]])
        codes = before * letters + numbers if order > 1 else numbers.astype(np.int64)
        grams, times = np.unique(codes[order - 1 : first], return_counts=True)
        contexts, begin, kinds = np.unique(grams // letters, return_index=True, return_counts=True)
        asked = codes[first:]
        known = _look_up(contexts, np.add.reduceat(times, begin), asked // letters)
        spared = discount * _look_up(contexts, kinds, asked // letters)
        seen = np.maximum(_look_up(grams, times, asked) - discount, 0)
        p = np.where(known > 0, (seen + spared * p) / np.maximum(known, 1), p)
        yield float(-np.mean(np.log(p)))


def _look_up(keys: Any, values: Any, asked: Any) -> Any:
    """The value of each key that is asked for, and 0 where there is none."""
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[places] == asked, values[places], 0)


def write(model: nn.Module, text: Text, start: str, letters: int, length: int) -> str:
    """The start, and what the model writes after it; the likelier letters a little preferred."""
    numbers, random = list(text.encode(start)), np.random.default_rng(1)
    with no_grad():
        for _ in range(letters):
            scores = model(np.array([numbers[-length:]])).numpy()[0, -1].astype(float)
            numbers.append(random.choice(len(scores), p=softmax(scores / 0.8, dim=0)))
    return text.decode(numbers)


@runs_on("text")
def gpt(experiment: Experiment) -> None:
    """The cost of the model and of those that count, its way there, and what it writes."""
    size, text = QUICK if experiment.quick else Size(), experiment.text()
    first = len(text.numbers) * 9 // 10
    counts = list(counted(text.numbers, first, len(text.letters)))
    for order, cost in enumerate(counts, 1):
        experiment.row(f"counted, {order} in a row", nats_a_letter=cost)
    model, costs, tested = learn(text, first, size)
    experiment.row(
        "GPT",
        parameters=sum(p.size for p in model.parameters()),
        letters_seen=size.steps * size.batch * size.length,
        nats_a_letter=tested[max(tested)],
        goal="" if experiment.quick else "at most 1.80",
    )
    figure, (axes,) = panels(7.5, 3.4, "", ["Nats a letter"], "steps")
    smooth = np.convolve(costs, np.full(50, 1 / 50), "valid")
    axes.plot(np.arange(50, len(costs) + 1), smooth, color=FAINT, label="learnt, mean of 50 steps")
    axes.plot(tested.keys(), tested.values(), color=COLOURS[0], marker="o", label="the rest")
    for number, order in enumerate((3, 1 + int(np.argmin(counts)))):
        look = {"color": COLOURS[number + 1], "linestyle": DASHES[number + 1], "linewidth": 1.0}
        axes.axhline(counts[order - 1], label=f"counted, {order} in a row", **look)
    legend(axes, loc="upper right")
    experiment.figure(figure)
    figure, (axes,) = panels(7.5, 5.0, "", ["It writes"], "")
    axes.axis("off")
    sample = write(model, text, "\n\n", 200 if experiment.quick else 800, size.length)
    look = {"family": "monospace", "fontsize": 8, "color": TEXT}
    axes.text(0, 1, sample.strip(), va="top", in_layout=False, **look)
    experiment.figure(figure, "sample")
