"""Misuse of layers is explained: which layer it is, what was expected and what was found."""

import numpy as np
import pytest

import nn
from nn.layers.embedding import embedding

NAMES = {name: getattr(nn, name) for name in nn.__all__} | {"F": nn.functional, "np": np}
NAMES |= {"embedding": embedding, "ones": lambda *shape: np.ones(shape)}
MISUSE = r"""
Sequential(Linear(2, 3), Sequential(Identity(), Linear(4, 1)))(ones(5, 2)) ; ^1.1 \(Linear\): linear expects an input of shape \(..., 4\), got \(5, 3\)
Linear(2, 3)(1.0) ; ^Linear: linear expects .* \(..., 2\), got \(\)
F.linear(ones(5, 2), ones(3, 4)) ; linear expects .* \(..., 4\), got
F.linear(ones(2), ones(2)) ; a weight of shape \(outputs, inputs\), got \(2,
Sequential(Flatten())(ones(3)) ; ^0 \(Flatten\): .* no axes from 1 to -1
DropConnect(Flatten()) ; Flatten has none
Sequential(Embedding(5, 2))([0, 7, 9]) ; ^0 \(Embedding\): .* numbers from 0 to 4, got 7
Embedding(5, 2)([[0, -1]]) ; embedding expects numbers from 0 to 4, got -1
Embedding(5, 2)([0.0, 1.0]) ; ^Embedding: .* whole numbers, got dtype float64
Embedding(5, 2, padding_idx=5) ; padding_idx must be from -5 to 4, got 5
embedding([0], ones(2, 2), -3) ; padding_idx must be from -2 to 1, got -3
one_hot([0, 2], 2) ; one_hot expects numbers from 0 to 1, got 2
one_hot([0, -1]) ; one_hot expects numbers from 0 to inf, got -1
one_hot([0.0]) ; one_hot expects an array of whole numbers, got dtype float64
one_hot([]) ; needs num_classes
BatchNorm1d(3)(ones(4, 2)) ; ^BatchNorm1d: .* \(N, 3\) or \(N, 3, L\), got \(4, 2
BatchNorm1d(3)(ones(4)) ; got \(4,\)
BatchNorm1d(3)(ones(4, 3, 2, 1)) ; got \(4, 3, 2, 1\)
BatchNorm2d(3)(ones(4, 3)) ; ^BatchNorm2d: .* shape \(N, 3, H, W\), got \(4, 3\)
BatchNorm1d(3)(ones(1, 3)) ; ^BatchNorm1d: .* more than one value per channel
F.batch_norm([[1.0]], None, None) ; needs running_mean and running_var, except in
LayerNorm((4, 3))(ones(4, 2)) ; ^LayerNorm: .* shape \(4, 3\), got \(4, 2\)
F.layer_norm(ones(4, 2), 3) ; layer_norm expects .* in shape \(3,\), got
F.layer_norm(ones(4, 2), ()) ; layer_norm expects .* in shape \(\), got
Sequential(Conv2d(3, 4, 5))(ones(2, 1, 9, 9)) ; ^0 \(Conv2d\): expected an input of shape \(N, 3, height, width\).*\(2, 1, 9, 9\)
Conv2d(3, 4, 5)(ones(9, 9)) ; ^Conv2d: .* got \(9, 9\)
Conv2d(3, 4, 5)(ones(1, 2, 3, 9, 9)) ; got \(1, 2, 3, 9, 9\)
Conv2d(3, 4, 5)(ones(2, 3, 4, 9)) ; ^Conv2d: a kernel of 5 by 5 does not fit an input of 4 by 9$
Conv1d(1, 1, 4, padding=1, dilation=2)(ones(1, 3)) ; ^Conv1d: a kernel of length 4 with dilation \(2,\) does not fit an input of length 3 with padding \(\(1, 1\),\)
F.conv1d(ones(1, 2, 5), ones(3, 2, 2, 2)) ; expected a weight.*got \(3, 2, 2, 2\)
F.conv1d(ones(1, 2, 5), ones(3, 1, 2), groups=2) ; divisible by groups
F.conv1d(ones(1, 2, 5), ones(4, 2, 2), groups=0) ; groups=0
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), ones(2)) ; bias of shape \(3,\), got \(2,\)
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), stride=0) ; stride must be .* 1 or more, got 0
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), stride=True) ; stride must be .*, got True
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), padding=-1) ; padding must be .* 0 or more, got -1
F.conv2d(ones(1, 2, 5, 5), ones(3, 2, 2, 2), padding=[1, 2, 3]) ; 2 of them.*\(1, 2, 3\)
F.conv2d(ones(1, 2, 5, 5), ones(3, 2, 2, 2), dilation=1.5) ; dilation .* got 1.5
Conv2d(3, 4, 2, padding="some") ; 'same' or 'valid', got 'some'
Conv2d(3, 4, 2, stride=2, padding="same") ; is for stride 1, got \(2, 2\)
Conv2d(3, 4, 2, groups=2) ; in_channels=3 and out_channels=4 must be div.*groups=2
Conv2d(4, 3, 2, groups=2) ; must be divisible by groups=2
Conv2d(4, 4, 2, groups=0) ; must be divisible by groups=0
Conv2d(3, 4, 2, padding_mode="mirror") ; one of zeros, reflect, replicate, circular, got 'mirror'
Conv1d(1, 1, 2, padding=1, padding_mode="reflect")(ones(5)) ; ^Conv1d: expected an input.*\(5,\)
Sequential(MaxPool2d(3))(ones(2, 2)) ; ^0 \(MaxPool2d\): expected .* \(N, channels, height, width\).*, got \(2, 2\)
MaxPool2d(3)(ones(1, 2, 5)) ; kernel of 3 by 3 does not fit an input of 2 by 5
AvgPool1d(4)(ones(1, 3)) ; ^AvgPool1d: a kernel of length 4 .* length 3
MaxPool1d(2, 1, 2)(ones(1, 9)) ; padding by 2 is more than half of the kernel
F.max_pool2d(ones(1, 9, 9), (1, 2, 3)) ; kernel_size .* got \(1, 2, 3\)
F.max_pool1d(ones(1, 9), 2, dilation=0) ; dilation must be .* 1 or more, got 0
F.avg_pool1d(ones(1, 9), 2, stride=0) ; stride must be .* 1 or more, got 0
F.avg_pool1d(ones(1, 9), 2, padding=-1) ; padding must be .* 0 or more, got -1
Sequential(LSTM(3, 4, batch_first=True))(ones(2, 5, 4)) ; ^0 \(LSTM\): expected an input of shape \(N, steps, 3\), or \(steps, 3\) of one example, got \(2, 5, 4\)
GRU(3, 4)(ones(3)) ; ^GRU: expected .* \(steps, N, 3\).* got \(3,\)
GRU(3, 4)(ones(0, 2, 3)) ; ^GRU: expected at least one step
GRU(3, 4)(ones(5, 2, 3), ones(2, 4)) ; ^GRU: expected a first state of shape \(1, 2, 4\), got \(2, 4\)
LSTM(3, 4)(ones(5, 2, 3), ones(1, 2, 4)) ; ^LSTM: expected a pair of states \(h, c\), got 1
RNN(3, 4, nonlinearity="sigmoid") ; 'tanh' or 'relu', got 'sigmoid'
RNN(3, 0) ; hidden_size must be a whole number, 1 or more, got 0
GRU(3, 4, num_layers=0) ; num_layers must be a whole number, 1 or more, got 0
GRU(3, 4, 2, dropout=2) ; dropout must be a probability, between 0 and 1, got 2
Dropout(-0.1) ; p must be a probability, between 0 and 1, got -0.1
ClassicDropout(1.1) ; p must be a probability, between 0 and 1, got 1.1
DropConnect(Linear(3, 2), np.nan) ; p must be a probability, between 0 and 1, got nan
"""


@pytest.mark.parametrize("line", MISUSE.strip().splitlines())
def test_misuse_is_explained(line):
    call, message = line.split(" ; ")
    with pytest.raises((TypeError, ValueError, IndexError), match=message):
        eval(call, NAMES)
