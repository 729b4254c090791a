"""Misuse is explained: where it is, what was expected and what was found."""

import numpy as np

import nn
from microgradnd import Tensor
from nn import losses
from nn.classics import perceptrons
from tests.misuse import explained

NAMES = {
    **{name: getattr(each, name) for each in (nn.data, nn) for name in each.__all__}, **vars(losses), "losses": losses, "nn": nn, "F": nn.functional, "D": nn.distributions, "P": perceptrons,
    "np": np, "rnn": nn.utils.rnn, "draw_network": nn.draw_network, "Tensor": Tensor,
    "ones": lambda *shape: np.ones(shape), "A": np.full((3, 4), 0.5), "SQUARE": np.array([[0, 0], [0, 1], [1, 0], [1, 1]]),
    "embedding": nn.functional.embedding, "plots": nn.plots,
}  # fmt: skip
MISUSE = r"""
Sequential(Linear(2, 3), Sequential(Identity(), Linear(4, 1)))(ones(5, 2)) ; Error: 1.1 \(Linear\): linear expects an input of shape \(..., 4\), got \(5, 3\)
F.linear(ones(2), ones(2)) ; a weight of shape \(outputs, inputs\), got \(2,
Sequential(Flatten())(ones(3)) ; Error: 0 \(Flatten\): .* no axes from 1 to -1
DropConnect(Flatten()) ; Flatten has none
Sequential(Embedding(5, 2))([0, 7, 9]) ; Error: 0 \(Embedding\): .* numbers from 0 to 4, got 7
Embedding(5, 2)([0.0, 1.0]) ; Error: Embedding: .* whole numbers, got float64
Embedding(5, 2, padding_idx=5) ; padding_idx must be from -5 to 4, got 5
embedding([0], Tensor([[1.0]], True) * 2, max_norm=1.0) ; TypeError: max_norm .* expected a leaf, such as a Parameter, got this result of multiply
EmbeddingBag(3, 2, scale_grad_by_freq=True, mode="max")([[0]]) ; for the modes 'sum' and 'mean', got 'max'
Embedding(3, 2, max_norm=-1)([0]) ; max_norm must be 0 or more, got -1
one_hot([0, 2], 2) ; one_hot: expected numbers from 0 to 1, got 2
one_hot([]) ; needs num_classes
BatchNorm1d(3)(ones(4, 2)) ; Error: BatchNorm1d: .* \(N, 3\) or \(N, 3, L\), got \(4, 2
BatchNorm2d(3)(ones(4, 3)) ; Error: BatchNorm2d: .* shape \(N, 3, H, W\), got \(4, 3\)
BatchNorm1d(3)(ones(1, 3)) ; Error: BatchNorm1d: .* more than one value per channel
F.batch_norm([[1.0]], None, None) ; needs running_mean and running_var, except in
LayerNorm((4, 3))(ones(4, 2)) ; Error: LayerNorm: .* shape \(4, 3\), got \(4, 2\)
F.batch_norm(ones(3), None, None, training=True) ; expected an input of shape \(N, C, ...\), got \(3,\)
F.layer_norm(ones(2, 4), 4, ones(2, 2)) ; expected a weight of shape \(4,\), got \(2, 2\)
F.batch_norm(ones(3, 2), ones(2), ones(2), bias=ones(1)) ; expected a bias of shape \(2,\), got \(1,\)
Sequential(Conv2d(3, 4, 5))(ones(2, 1, 9, 9)) ; Error: 0 \(Conv2d\): expected an input of shape \(N, 3, height, width\).*\(2, 1, 9, 9\)
Conv2d(3, 4, 5)(ones(2, 3, 4, 9)) ; Error: Conv2d: a kernel of size \(5, 5\) does not fit an input of size \(4, 9\)
Conv1d(1, 1, 4, padding=1, dilation=2)(ones(1, 3)) ; Error: Conv1d: a kernel of size \(4,\) does not fit an input of size \(3,\) with padding \(\(1, 1\),\) and dilation \(2,\)
Conv1d(2, 1, 3, padding=1, padding_mode="reflect")(ones(1, 1, 4)) ; \(N, 2, length\).*got \(1, 1, 4\)$
F.interpolate(ones(1, 1, 4), scale_factor="2") ; TypeError: scale_factor must be a number, got '2'$
F.conv1d(ones(1, 2, 5), ones(3, 2, 2, 2)) ; expected a weight.*got \(3, 2, 2, 2\)
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), ones(2)) ; bias of shape \(3,\), got \(2,\)
ConvTranspose2d(3, 4, 3, stride=2, padding=1)(ones(1, 3, 5, 4), output_size=(12, 8)) ; output_size must be from \(9, 7\) to \(10, 8\), got \(12, 8\)
ConvTranspose1d(1, 1, 1, padding=1)(ones(1, 2)) ; padding=\(1,\) leaves nothing of an output of size \(0,\)
ConvTranspose1d(1, 1, 3, output_padding=-1) ; output_padding must be .* 0 or more
ConvTranspose1d(1, 1, 3, output_padding=1)(ones(1, 4)) ; output_padding=\(1,\) must be less than stride=\(1,\)
ConvTranspose1d(1, 1, 3, padding_mode="reflect") ; padding_mode must be 'zeros', got 'reflect'
F.conv_transpose1d(ones(1, 3, 5), ones(3, 1, 2), groups=2) ; inputs divisible by groups, got .* groups=2
GroupNorm(2, 3) ; 3 channels are not divisible by 2 groups
F.group_norm(ones(2, 3), 2) ; C divisible by num_groups=2, got \(2, 3\)
InstanceNorm1d(3)(ones(2, 3, 1)) ; more than one entry per channel, got .*\(2, 3, 1\)
InstanceNorm1d(3)(ones(2, 4, 5)) ; \(N, 3, length\).*got \(2, 4, 5\)
F.rms_norm(ones(2, 3), (2,)) ; the last axes in shape \(2,\), got \(2, 3\)
F.pad(ones(2), 1) ; TypeError: pad must be a tuple of numbers, got 1
LSTM(3, 4, return_sequences=True) ; leave it out: all outputs come first
F.pad(ones(2), (1,)) ; expected 2 numbers for each of 1 axes at most, got \(1,\)
F.pad(ones(1, 2), (1, 1), mode="mirror") ; mode must be 'constant', 'reflect', .*got 'mirror'
F.pad(ones(1, 2), (1, 1), mode="reflect", value=1) ; value=1 is for mode='constant'
F.pad(ones(1, 2), (2, 0), mode="reflect") ; repeats the 2 entries once at most
F.interpolate(ones(1, 1, 4), scale_factor=2, mode="bilinear") ; mode 'bilinear' does not fit .*\(1, 1, 4\)
F.interpolate(ones(1, 1, 4), scale_factor=2, align_corners=True) ; align_corners is for modes
F.interpolate(ones(1, 1, 4)) ; expected size or scale_factor, got None and None
F.interpolate(ones(1, 1, 4), size=3, mode="cubic") ; mode must be 'nearest', .* or 'area', got 'cubic'
PixelShuffle(2)(ones(3, 4, 4)) ; C divisible by 4, got \(3, 4, 4\)
RNNCell(2, 3)(ones(4, 3)) ; shape \(N, 2\), or \(2,\) of one example, got \(4, 3\)
RNNCell(2, 3, nonlinearity="sin") ; nonlinearity must be 'tanh' or 'relu', got 'sin'
F.bilinear(ones(2, 3), ones(2, 4), ones(1, 4, 3)) ; inputs for a weight of shape \(1, 4, 3\), got \(2, 3\), \(2, 4\)
MultiMarginLoss()(ones(2, 3), np.array([0, 3])) ; multi_margin_loss: expected numbers from 0 to 2, got 3
GLU()(ones(3)) ; an even length along axis -1, got \(3,\)
GELU("fast")(ones(3)) ; approximate must be 'none' or 'tanh', got 'fast'
F.conv1d(ones(1, 2, 5), ones(3, 2, 2), stride=0) ; stride must be .* 1 or more, got 0
F.conv2d(ones(1, 2, 5, 5), ones(3, 2, 2, 2), padding=[1, 2, 3]) ; 2 of them.*\(1, 2, 3\)
Conv2d(3, 4, 2, padding="some") ; 'same' or 'valid', got 'some'
Conv2d(3, 4, 2, stride=2, padding="same") ; is for stride 1, got \(2, 2\)
Conv2d(3, 4, 2, groups=2) ; in_channels=3 and out_channels=4 must be div.*groups=2
Conv2d(3, 4, 2, padding_mode="mirror") ; 'zeros', 'reflect', 'replicate' or 'circular', got 'mirror'
Sequential(MaxPool2d(3))(ones(2, 2)) ; Error: 0 \(MaxPool2d\): expected .* \(N, channels, height, width\).*, got \(2, 2\)
MaxPool1d(2, 1, 2)(ones(1, 9)) ; padding by 2 is more than half of the kernel
Sequential(LSTM(3, 4, batch_first=True))(ones(2, 5, 4)) ; Error: 0 \(LSTM\): expected an input of shape \(N, steps, 3\), or \(steps, 3\) of one example, got \(2, 5, 4\)
GRU(3, 4)(ones(0, 2, 3)) ; Error: GRU: expected at least one step
GRU(3, 4)(ones(5, 2, 3), ones(2, 4)) ; Error: GRU: expected a first state of shape \(1, 2, 4\), got \(2, 4\)
LSTM(3, 4)(ones(5, 2, 3), ones(1, 2, 4)) ; Error: LSTM: expected a pair of states \(h, c\), got 1
RNN(3, 0) ; hidden_size must be a whole number, 1 or more, got 0
GRU(3, 4, 2, dropout=2) ; dropout must be a probability, between 0 and 1, got 2
DropConnect(Linear(3, 2), np.nan) ; p must be a probability, between 0 and 1, got nan
Module().add_module("a.b", Tanh()) ; ValueError: .* without dots, got 'a.b'
Module().register_buffer("forward", 1) ; ValueError: .* already has an attribute 'forward'
Module()(1.0) ; NotImplementedError: Module needs a method forward
ModuleDict({"keys": Tanh()}) ; ModuleDict already has an attribute 'keys'
DropConnect(Linear(1, 1)).register_parameter("module", Parameter(1.0)) ; has an attribute 'module'
setattr(DropConnect(Linear(1, 1)), "module", 3) ; DropConnect.module: expected a Module, got int$
setattr(Linear(2, 3), "weight", ones(3, 2)) ; TypeError: Linear.weight: expected a Parameter, got ndarray.*weight.data =
Sequential(Tanh()).__setitem__(0, np.tanh) ; TypeError: expected modules in a Sequential, got ufunc.*use its module, such as nn\.ReLU
Linear(2, 2).astype(int) ; a float type for parameters, got int64
functional_call(BatchNorm1d(2), {"wieght": 1, "x": 2}, [[1.0, 2.0]]) ; BatchNorm1d has no 'wieght', 'x'; it has weight, bias, r
functional_call(BatchNorm1d(2), {"weight": ones(3)}, [[1.0, 2.0]]) ; weight: expected shape \(2,\), got \(3,\)
init.xavier_uniform_(ones(3)) ; two axes or more.*\(3,\)
init.eye_(ones(3)) ; expected a matrix, got \(3,\)
init.kaiming_normal_(ones(2, 2), mode="fan") ; mode must be 'fan_in' or 'fan_out', got 'fan'
init.calculate_gain("rleu") ; out of linear, conv1d, .*, got 'rleu'
mse_loss(A, A[0]) ; mse_loss: .*\(3, 4\), got \(4,\)
huber_loss(A, A, delta=0) ; delta must be positive, got 0
cross_entropy(A, A, reduction="average") ; got 'average'
losses.KLDivLoss("median") ; must be 'mean', 'sum', 'none' or 'batchmean', got 'median'
losses.multi_margin_loss(ones(3), np.array([1, 2])) ; labels of shape \(N,\) in multi_margin_loss, got \(1, 3\), \(2,\)
losses.GaussianNLLLoss("sum") ; ValueError: full must be True or False, got 'sum'
quadratic_loss(A, [0, 1, 4]) ; from 0 to 3, got 4
quadratic_loss(A[:, :1], A[:, 0]) ; TypeError: quadratic_loss: expected whole numbers, got float64
CrossEntropyLoss(None, True) ; TypeError: CrossEntropyLoss takes by position weight, and other options by name, got 2 by position$
CrossEntropyLoss(A, A[:, 0]) ; got 2 by position; it is made first, then called: CrossEntropyLoss\(\)\(...\)
BCELoss(A, A) ; TypeError: BCELoss is made first, then called: use BCELoss\(\)\(input, target\)
cross_entropy([0, 1, 2], A) ; got \(3, 4\); the input comes first
Sequential([Tanh()]) ; got list.*; use Sequential\(\*modules\)
Softmax(axis=1) ; TypeError: Softmax has no argument 'axis'; use dim=
Softmax()(A, 1) ; Softmax.forward\(\) takes 2 positional arguments
Linear(2.0, 3) ; TypeError: in_features must be a whole number, got 2.0
Linear(2, 3)(["a", "b"]) ; TypeError: Linear: expected numbers, got <U1
Conv2d(3, 8) ; TypeError: Conv2d missing 1 required positional argument: 'kernel_size'
MSELoss().reductions ; MSELoss has no attribute 'reductions'; did you mean reduction\?
MSELoss(size_average=True) ; MSELoss has no argument 'size_average'; use reduction=
cross_entropy(A, [0.0, 1.0, 2.0]) ; TypeError: cross_entropy: .*float64
cross_entropy(A, [0, -1, 2]) ; from 0 to 3, got -1
cross_entropy(A, A, [1.0, 2.0]) ; weight for each of 4 classes, got \(2,\)
cross_entropy(A, A, Tensor([1.0] * 4, requires_grad=True)) ; TypeError: .*drop the gradient
cross_entropy(A, A, label_smoothing=2) ; from 0 to 1, got 2
cross_entropy(1.0, 0) ; axis of classes
cross_entropy(A, [-100] * 3) ; cross_entropy: there is no example
nll_loss(A, A) ; nll_loss: .*\(3,\).*\(3, 4\)
binary_cross_entropy([0.0, 1.0, 1.5], [0, 0, 0]) ; got 1.5.*with_logits
Data([[1.0], [2.0]], [1]) ; each input .* shapes \(2, 1\) and \(1,\)
Data(1.0, 2.0) ; ValueError: each input needs a label
Data([["a"]], [1]) ; TypeError: expected numbers, got <U1; use .astype\(float\)
Data(np.array([["a"]]), [1]) ; TypeError: inputs must be numbers, got dtype <U1
Data([[1.0]], [1j]) ; TypeError: labels must be numbers or words, got dtype complex128
Data([[1.0]], ["emu"], ["ant"]) ; the label 'emu' is not among the classes
Data(ones(2, 1), [0, 2], ["ant", "bee"]) ; from 0 to 1, got 2
Data(ones(20, 2), range(20)).images ; shape \(20, 2\) are not square images
Data(ones(9, 2), range(9)).one_hot().split(0.5, stratified=True) ; whole .* shape \(9, 9\)
Data(ones(9, 2), range(9)).split() ; leave a part of the 9 .* got \(\)
Data(ones(9, 2), range(9)).batches(0) ; no batches
Data(ones(9, 2), range(9)).batches(2.5) ; TypeError: .*integer
Standardise(ones(0, 3)) ; expected examples to standardise
Standardise(3.0) ; expected examples to standardise, got shape \(\)
Standardise(ones(3, 2, 2))(ones(3, 4)) ; shape \(2, 2\), got \(4,\)
moons(0) ; no shape of 0 points
Augment(scale=1.0) ; scale < 1, got 1\.0
elastic(ones(1, 4), 1, 0) ; must be above 0, got 0
rotate(ones(1, 3, 4, 4), 1) ; shape \(1, 3, 4, 4\) are not square images
rotate(np.zeros((1, 4), np.uint8), 1) ; TypeError: .* float32 or float64, got uint8
rotate(ones(2, 4), [1, 2, 3]) ; one matrix, or 2; .* \(3,\)
translate(ones(2, 4), 1, [1, 2, 3]) ; one shift, or 2; .* \(3,\)
scale(ones(2, 4), 0) ; Singular matrix
margin_ranking_loss(A[0], A[0], A[0, :, None]) ; as many axes in each .*, got \(4,\), \(4,\), \(4, 1\)
binary_cross_entropy(A[0] * 0, A[0], weight=A[0, :, None]) ; weight that fits .*\(4,\), got \(4, 1\)
BCEWithLogitsLoss(pos_weight=A[:, :, None])(A, A) ; pos_weight that fits .*\(3, 4\), got \(3, 4, 1\)
gaussian_nll_loss(A, A, ones(3, 2)) ; var that fits the input's shape \(3, 4\), got \(3, 2\)
F.interpolate(A[None], size=2.7) ; size must be a whole number, 1 or more, got 2.7
F.interpolate(A[None], scale_factor=0.1) ; leaves an entry on each axis, got 0.1 for .*\(1, 3, 4\)
F.pad(A, (-5, 2)) ; cut off 4 entries at most, got \(-5, 2\)
huber_loss(A, A, weight=ones(4)) ; a weight of the input's shape \(3, 4\), got \(4,\)
mse_loss(A, A, weight=ones(4)) ; a weight of the input's shape \(3, 4\), got \(4,\)
F.interpolate(A[None], size=2, mode="linear", antialias=True) ; no antialias=True; use mode='area'
nn.init.normal_(A, generator=0) ; TypeError: expected a generator such as np.random.default_rng\(0\), got 0
mse_loss(A[:0], A[:0]) ; no example to average over
F.max_unpool1d(ones(1, 2), [[0, 4]], 2) ; numbers from 0 to 3, got 4
F.max_unpool1d(ones(1, 2), [[0.0, 1.0]], 2) ; expected whole numbers, got float64
F.max_unpool1d(ones(1, 2), [0, 1], 2) ; expected indices of shape \(1, 2\)
F.max_unpool1d(ones(1, 2), [[0, 1]], 0) ; kernel_size must be a whole number, 1 or more, got 0
F.max_unpool1d(ones(1, 2), [[0, 1]], 2, None, 0, (6,)) ; less than a stride from \(4,\), got \(6,\)
MultiheadAttention(4, 2)(ones(5, 1, 4), ones(6, 1, 4), ones(7, 1, 4)) ; MultiheadAttention: expected a value for each key
AdaptiveAvgPool2d((1, 1, 1))(ones(1, 4, 4)) ; output_size must be 2 numbers, got \(1, 1, 1\)
GroupNorm(0, 4) ; num_groups must be 1 or more, got 0
Unflatten(1, 4)(ones(2, 4)) ; unflattened_size must be a tuple, got 4
one_hot([0], 2.5) ; num_classes must be a whole number, got 2.5
TransformerEncoderLayer(4, 2, activation=ReLU) ; 'relu', 'gelu' or a function, got <class
F.prelu(ones(2, 4), ones(3)) ; ValueError: .*\(N, 3, ...\) for this weight, got \(2, 4\)
MultiheadAttention(5, 2) ; ValueError: embed_dim=5 must be divisible by num_heads=2
MultiheadAttention(4, 2)(*[ones(5, 2, 4)] * 3, attn_mask=np.eye(3, dtype=bool)) ; ValueError: .*\(5, 5\) or \(4, 5, 5\), got \(3, 3\)
MultiheadAttention(4, 2)(*[ones(5, 2, 4)] * 3, ones(2, 4)) ; ValueError: .*key_padding_mask of shape \(2, 5\)
F.scaled_dot_product_attention(ones(5, 2, 4), ones(5, 2, 2), ones(5, 2, 4)) ; got \(5, 2, 4\), \(5, 2, 2\)
F.scaled_dot_product_attention(*[ones(5, 2, 4)] * 3, np.eye(2), is_causal=True) ; ValueError: .*got both
F.scaled_dot_product_attention(*[ones(5, 2, 4)] * 3, np.eye(2, dtype=int)) ; TypeError: .*a mask of booleans, or of floats to be added, got int
F.scaled_dot_product_attention(ones(5, 1, 1, 4), ones(5, 2, 4), ones(5, 2, 4), enable_gqa=True) ; heads of q a multiple
TransformerEncoderLayer(4, 2, activation="tanh") ; 'relu', 'gelu' or a function
EmbeddingBag(3, 2)([0, 1]) ; one row of bags and offsets, got \(2,\)
EmbeddingBag(3, 2)([[0, 1]], [0]) ; one row of bags and offsets, got \(1, 2\)
EmbeddingBag(3, 2)([0, 1], [1]) ; offsets that rise from 0
rnn.pack_padded_sequence(ones(3, 2, 1), [1, 2]) ; use enforce_sorted=False
rnn.pack_padded_sequence(ones(3, 2, 1), [2, 0]) ; lengths from 1 to 3
rnn.pack_padded_sequence(ones(3, 2, 1), [2]) ; a length for each of 2
rnn.pad_packed_sequence(rnn.pack_padded_sequence(ones(3, 2, 1), [3, 1]), total_length=2) ; 3 or more
GRU(4, 2)(rnn.pack_padded_sequence(ones(3, 2, 1), [3, 1])) ; expected an input of shape
F.ctc_loss(ones(4, 1, 3), [[1]], [5], [1]) ; input_lengths up to 4
F.ctc_loss(ones(4, 1, 3), [[4]], [4], [1]) ; numbers from 0 to 2, got 4
F.ctc_loss(ones(4, 1, 3), [[1.0]], [4], [1]) ; whole numbers
F.ctc_loss(ones(4, 1, 3), [1, 2], [4], [1]) ; 1 labels in all, got \(2,\)
F.ctc_loss(ones(4, 1, 3), [[1]], [4], [-1]) ; lengths from 0,
F.ctc_loss(ones(4, 1, 3), [[1]], [4], [1], 3) ; more than 3 classes
D.Normal(0.0, 0.0) ; a scale above 0
D.Uniform(1.0, 1.0) ; low below high
D.Bernoulli() ; probs or logits, and not both
D.Bernoulli(1.5) ; from 0 to 1
D.Bernoulli(0.5).rsample() ; has no rsample: its samples have no slope
D.Bernoulli(0.5).log_prob(2.0) ; values that are 0 or 1
D.Categorical([-1.0, 2.0]) ; of 0 or more
D.Categorical(1.0) ; an axis of classes
D.Categorical([1.0, 2.0]).log_prob(2) ; numbers from 0 to 1, got 2
D.Categorical([1.0, 2.0]).log_prob([0.5]) ; whole numbers, got float64
D.Categorical([1.0, 2.0]).rsample() ; NotImplementedError: .*has no rsample: its samples have no slope
D.kl_divergence(D.Bernoulli(1.0), D.Normal(0.0, 1.0)) ; of one kind, got Bernoulli and Normal
P.Perceptron(low=2) ; must be -1 or 0, got 2
P.Perceptron()(SQUARE) ; no weights yet: call fit
P.Region()(SQUARE) ; no sides yet: call fit
P.Regions()(SQUARE) ; no sides yet: call fit
P.Perceptron().fit(SQUARE, [1, 0]) ; 4 points need as many labels
P.Perceptron().fit(SQUARE, [0, 0, 2, 2]) ; got \[0, 2\]
P.Perceptron().fit([1, 2], [1, 0]) ; rows of an array
P.Perceptron().fit([[np.nan]], [1]) ; must be finite
P.Perceptron(weights=[1, 2, 3])(ones(2, 3)) ; 2 coordinates, got 3
P.Region().fit(SQUARE, [1, 1, 1, 1]) ; inside and points outside
P.Regions().fit(SQUARE, [1, 1, 1, 1]) ; two classes
draw_network(Sequential(Conv2d(1, 1, 3))) ; 0 \(Conv2d\) does not fit in: microgradnd.draw
draw_network(Sequential()) ; needs a Linear layer; Sequential has none
draw_network(Sequential(Sigmoid(), Linear(1, 1))) ; 0 \(Sigmoid\) does not fit in
draw_network(Sequential(Linear(2, 3), Linear(4, 1))) ; 1 \(Linear\) takes 4 inputs, but the layer
draw_network(Linear(3, 2), x=ones(5, 3)) ; example of 3 numbers, got an x of shape \(5, 3\)
draw_network(Linear(3, 2), x=ones(4)) ; \(\.\.\., 3\)
draw_network(Linear(3, 2), loss=np.sum) ; also pass x
draw_network(Linear(3, 2), widest=2) ; widest must be 3 or more, got 2
draw_network(Linear(3, 2), theme="sepia") ; must be 'auto', 'light' or 'dark'
find_learning_rate(Linear(1, 2), ([[np.nan]], [1]), loss=CrossEntropyLoss(), optimizer=optim.SGD(Linear(1, 2).parameters())) ; finite loss at the first step
plots.learning_curves(History()) ; ValueError: .*no epoch
plots.gradient_health(History()) ; ValueError: .*no record of the layers
plots.worst_mistakes(Sequential(), (ones(3, 7), [1, 1, 2])) ; are not square images
plots.worst_mistakes(lambda x: ones(3, 1), (ones(3, 9), [1, 0, 1])) ; do not tell classes apart
plots.worst_mistakes(lambda x: np.eye(2), (ones(2, 9), [0.5, 1.5])) ; TypeError: .*expected whole
plots.first_layer_weights(Sequential(ReLU())) ; no dense
plots.decision_boundaries(Linear(2, 2), (ones(1, 3), [0])) ; \(n, 2\)
plots.decision_boundaries(Linear(2, 2), (ones(1, 2), [0.5])) ; the numbers of classes
plots.decision_boundaries(Linear(2, 2), (ones(0, 2), [])) ; \(n, 2\), got \(0, 2\)
plots.optimizer_paths(np.sum, (2.0, 1.0), {}) ; no optimiser
plots.optimizer_paths(np.sum, (1.0, 2.0, 3.0), {"SGD": lambda w: optim.SGD(w, lr=0.1)}) ; two numbers
plots.optimizer_paths(lambda w: np.inf * w[0], (1.0, 2.0), {"SGD": lambda w: optim.SGD(w, lr=0.1)}) ; not a finite
Dataset()[0] ; Error: Dataset needs a method __getitem__\(self, index\)
len(DataLoader(Dataset())) ; Error: Dataset needs a method __len__\(self\)
Standardise([[1.0], [np.nan]]) ; ValueError: .*finite numbers in each column.*fill=True
Standardise([[np.nan]], fill=True) ; finite numbers in each column
Standardise([[np.inf], [1.0]], fill=True) ; finite numbers in each column
Standardise([[1e300], [-1e300]]) ; numbers below 1e150
Standardise()([[1.0, 2.0]]) ; ValueError: .*empty: load
Columns()([[1.0, 2.0]]) ; ValueError: .*empty: load
Data(ones(2, 3), ["a", None]) ; ValueError: .*a label for each example, got None
Data(ones(2, 3), ["a", np.nan]) ; ValueError: .*a label for each example, got nan
Data(ones(2, 3), np.array(["a", None], object)) ; ValueError: .*a label for each example, got None
Data(ones(2, 3), np.array(["a", np.nan], object)) ; ValueError: .*a label for each example, got nan
"""
test_misuse = explained(MISUSE, NAMES)
