"""What is special about the layers for images; what all layers hold is in `tests/contracts/test_layers.py`."""

import numpy as np
import pytest

from tinytorch.core import autograd, ops, spatial
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import AvgPool2d, BatchNorm2d, Conv2d, Flatten, LeNet, MaxPool2d, SimpleCNN
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import CosineSchedule, manual_seed
from tinytorch.datasets import load_digits
from tinytorch.errors import RangeError, ShapeError


@pytest.fixture(autouse=True)
def _seed():
    manual_seed(0)


def grid(*shape):
    """Give 1, 2, 3, ... in a shape."""
    return Tensor(np.arange(1.0, np.prod(shape) + 1).reshape(shape), requires_grad=True)


def images(*shape, seed=0, dtype="float32"):
    return Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, dtype=dtype)


def train(model, x, y, steps, lr=0.01):
    """Train on one batch and give the losses."""
    optimizer, loss_fn, losses = Adam(model.parameters(), lr=lr), CrossEntropyLoss(), []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


class TestConv2d:
    """`Conv2d`."""

    def test_it_keeps_what_it_was_made_with(self):
        """`kernel_size` is a pair even of one number; stride and padding are numbers."""
        conv = Conv2d(3, 8, 5, stride=2, padding=1)
        assert isinstance(conv, Layer)
        assert (conv.kernel_size, conv.stride, conv.padding) == ((5, 5), 2, 1)
        assert (conv.in_channels, conv.out_channels, conv.weight.shape) == (3, 8, (8, 3, 5, 5))
        assert Conv2d(1, 1, (2, 3)).kernel_size == (2, 3)

    def test_the_defaults_are_the_named_ones(self):
        """3 x 3, every window, no padding."""
        conv = Conv2d(1, 1)
        constants = (spatial.DEFAULT_KERNEL_SIZE, spatial.DEFAULT_STRIDE, spatial.DEFAULT_PADDING)
        assert (conv.kernel_size[0], conv.stride, conv.padding) == constants == (3, 1, 0)

    def test_weights_are_drawn_for_rectifiers_and_biases_are_zero(self):
        """N(0, 2 / (in * kh * kw))."""
        conv = Conv2d(16, 64, (3, 5))
        assert float(conv.weight.data.std()) == pytest.approx(np.sqrt(2 / (16 * 3 * 5)), rel=0.02)
        assert float(conv.weight.data.mean()) == pytest.approx(0, abs=0.002)
        assert conv.bias.tolist() == [0.0] * 64

    def test_without_a_bias_it_has_none(self):
        """And one parameter."""
        conv = Conv2d(1, 2, bias=False)
        assert (conv.bias, conv.parameters()) == (None, [conv.weight])

    def test_the_kernel_is_not_flipped(self):
        """Cross-correlation: the kernel's first element meets the window's first."""
        conv = Conv2d(1, 1, 2, bias=False)
        conv.weight.data[...] = [[[[1, 2], [3, 4]]]]
        assert conv(grid(1, 1, 2, 2)).tolist() == [[[[1.0 + 4 + 9 + 16]]]]

    @pytest.mark.parametrize(
        ("size", "kernel", "stride", "padding", "expected"),
        [(28, 3, 1, 1, 28), (28, 5, 1, 0, 24), (7, 3, 2, 0, 3), (8, 3, 2, 0, 3), (8, 3, 2, 1, 4), (5, 2, 3, 2, 3)],
    )
    def test_the_size_is_the_known_formula(self, size, kernel, stride, padding, expected):
        """`floor((H + 2p - k) / s) + 1`."""
        out = Conv2d(1, 2, kernel, stride, padding)(grid(1, 1, size, size))
        assert out.shape == (1, 2, expected, expected)

    @pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 8), (1, 2, 3, 8, 8), (2, 4, 8, 8)])
    def test_what_is_no_batch_of_its_images_is_refused(self, shape):
        """By rank and by channels; both say what is wanted."""
        with pytest.raises(ShapeError, match=r"of shape \(N, 3, H, W\)"):
            Conv2d(3, 2)(grid(*shape))
        assert issubclass(ShapeError, ValueError)

    def test_a_kernel_larger_than_the_padded_image_is_refused(self):
        """With both sizes in the message."""
        message = r"at most the padded image's size \(4, 3\); got \(5, 5\)"
        with pytest.raises(ShapeError, match=message):
            Conv2d(1, 1, 5, padding=1)(grid(1, 1, 2, 1))

    @pytest.mark.parametrize(
        ("arguments", "what"),
        [
            ({"in_channels": 0}, "in_channels"),
            ({"out_channels": 1.5}, "out_channels"),
            ({"kernel_size": (3, 0)}, "kernel_size"),
            ({"kernel_size": (3, 3, 3)}, "kernel_size"),
            ({"stride": 0}, "stride"),
            ({"stride": True}, "stride"),
            ({"padding": -1}, "padding"),
            ({"padding": float("nan")}, "padding"),
        ],
    )
    def test_what_is_no_size_is_refused(self, arguments, what):
        """When the layer is made."""
        with pytest.raises(RangeError, match=f"^{what} must be"):
            Conv2d(**({"in_channels": 1, "out_channels": 1} | arguments))

    @pytest.mark.parametrize("shape", [(2, 1, 3), (0, 1, 2, 2), (2, 0, 2, 2), (2, 1, 0, 2)])
    def test_the_op_refuses_what_are_no_kernels(self, shape):
        """None of them, or of no size."""
        with pytest.raises(ShapeError, match="kernels must be of shape"):
            ops.conv2d(grid(1, shape[1], 4, 4), Tensor(np.ones(shape)))

    @pytest.mark.parametrize("size", [0, 1.5, (2, 0), (2, 2, 2), [2, 2]])
    def test_the_op_refuses_what_is_no_kernel_size(self, size):
        """And says that it is the kernel's."""
        for op in (ops.max_pool2d, ops.avg_pool2d):
            with pytest.raises(RangeError, match="a kernel's size must be a whole number above 0"):
                op(grid(1, 1, 4, 4), kernel_size=size, stride=1)

    def test_images_may_lie_in_memory_in_any_order(self):
        """Channels last, every second image, upside down."""
        conv, x = Conv2d(3, 2, padding=1), images(4, 3, 5, 6)
        expected = conv(Tensor(x.data[::2, :, ::-1])).data
        channels_last = np.ascontiguousarray(x.data.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        strided = Tensor(0.0)
        strided.data = channels_last[::2, :, ::-1]
        assert not strided.data.flags.c_contiguous
        np.testing.assert_array_equal(conv(strided).data, expected)

    def test_float64_images_give_float64_and_float32_gradients_of_float32_weights(self):
        """The wider kind computes; each gradient is of its own tensor's kind."""
        conv, x = Conv2d(2, 3), images(1, 2, 4, 4, dtype="float64")
        out = conv(x)
        out.sum().backward()
        assert [str(kind) for kind in (out.dtype, x.grad.dtype, conv.weight.grad.dtype)] == [
            "float64",
            "float64",
            "float32",
        ]

    def test_images_need_no_gradient(self):
        """A first layer computes none."""
        conv, x = Conv2d(1, 2), Tensor(images(1, 1, 4, 4).data)
        conv(x).sum().backward()
        assert (x.grad, conv.weight.grad.shape) == (None, conv.weight.shape)

    def test_its_node_can_be_made_by_hand(self):
        """With a bias, with None, and without one."""
        x, w, b = np.ones((1, 1, 3, 3)), np.ones((2, 1, 2, 2)), np.zeros(2)
        g = np.ones((1, 2, 2, 2))
        with_bias = autograd.Conv2dBackward(x, w, b, 1, 0).apply(g)
        assert [part.shape for part in with_bias] == [x.shape, w.shape, b.shape]
        for node in (autograd.Conv2dBackward(x, w, None, 1, 0), autograd.Conv2dBackward(x, w)):
            assert [part.tolist() for part in node.apply(g)] == [part.tolist() for part in with_bias[:2]]

    def test_a_large_image_is_worked_on_in_pieces(self):
        """As one that fits: the sum of both halves' gradients is the whole's."""
        conv, x = Conv2d(16, 8, padding=1), images(1, 16, 128, 128)
        whole = conv(x)
        whole.backward(np.ones(whole.shape))
        top, bottom = Tensor(x.data[:, :, :65]), Tensor(x.data[:, :, 63:])
        joined = np.concatenate([conv(top).data[:, :, :64], conv(bottom).data[:, :, 1:]], axis=2)
        np.testing.assert_allclose(whole.data, joined, rtol=1e-5, atol=1e-5)


class TestPooling:
    """`MaxPool2d` and `AvgPool2d`."""

    @pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
    def test_the_stride_is_the_kernel_unless_told_otherwise(self, kind):
        """Windows side by side."""
        assert (kind(3).kernel_size, kind(3).stride, kind(3, 2).stride) == ((3, 3), 3, 2)
        assert kind((2, 3)).stride == (2, 3)

    def test_the_padding_of_a_max_pool_is_minus_infinity(self):
        """Not zeros: those would win over negative elements."""
        pool = MaxPool2d(2, stride=2, padding=1)
        assert pool(Tensor([[[[-1.0, -2.0], [-3.0, -4.0]]]])).tolist() == [[[[-1.0, -2.0], [-3.0, -4.0]]]]

    def test_the_padding_of_an_average_pool_counts(self):
        """Each corner window has one element and three zeros."""
        pool = AvgPool2d(2, stride=2, padding=1)
        assert pool(Tensor([[[[4.0, 8.0], [12.0, 16.0]]]])).tolist() == [[[[1.0, 2.0], [3.0, 4.0]]]]

    def test_the_gradient_of_a_max_pool_goes_to_the_first_maximum(self):
        """Row by row, and whole: equal elements do not share it."""
        x = Tensor([[[[1.0, 3.0], [3.0, 3.0]]]], requires_grad=True)
        MaxPool2d(2)(x).sum().backward()
        assert x.grad.tolist() == [[[[0.0, 1.0], [0.0, 0.0]]]]

    def test_the_gradient_of_overlapping_windows_adds_up(self):
        """The largest of four windows gets all four."""
        x = Tensor([[[[1.0, 2.0, 1.0], [2.0, 9.0, 2.0], [1.0, 2.0, 1.0]]]], requires_grad=True)
        MaxPool2d(2, stride=1)(x).sum().backward()
        assert x.grad.tolist() == [[[[0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]]]]

    def test_an_average_pool_has_a_gradient(self):
        """A quarter for each of four."""
        x = grid(1, 1, 2, 2)
        AvgPool2d(2)(x).sum().backward()
        assert x.grad.tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]

    def test_minus_infinity_is_an_element_like_any(self):
        """A window of nothing else has it as its largest, and its first element gets the gradient."""
        x = Tensor(np.full((1, 1, 2, 2), -np.inf), requires_grad=True)
        out = MaxPool2d(2)(x)
        out.sum().backward()
        assert (out.item(), x.grad.tolist()) == (-np.inf, [[[[1.0, 0.0], [0.0, 0.0]]]])

    @pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
    def test_a_window_wholly_in_the_padding_is_refused(self, kind):
        """There is no largest of nothing."""
        with pytest.raises(RangeError, match="at most half of the kernel"):
            kind(2, padding=2)(grid(1, 1, 4, 4))

    def test_images_of_whole_numbers_can_be_pooled(self):
        """As they come from a file."""
        x = Tensor(np.arange(4).reshape(1, 1, 2, 2), dtype="int64")
        assert (MaxPool2d(2)(x).tolist(), AvgPool2d(2)(x).tolist()) == ([[[[3]]]], [[[[1.5]]]])

    @pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
    def test_a_kernel_larger_than_the_image_is_refused(self, kind):
        """With both sizes in the message."""
        with pytest.raises(ShapeError, match=r"size \(2, 2\); got \(3, 3\)"):
            kind(3)(grid(1, 1, 2, 2))


class TestBatchNorm2d:
    """`BatchNorm2d`."""

    def test_a_fresh_one_has_ones_zeros_and_arrays(self):
        """`gamma` and `beta` are the parameters; the running statistics are plain arrays."""
        norm = BatchNorm2d(2)
        assert norm.parameters() == [norm.gamma, norm.beta]
        assert (norm.gamma.tolist(), norm.beta.tolist(), norm.training) == ([1.0, 1.0], [0.0, 0.0], True)
        assert (type(norm.running_mean), type(norm.running_var)) == (np.ndarray, np.ndarray)
        assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0.0, 0.0], [1.0, 1.0])

    def test_each_channel_gets_mean_0_and_variance_1(self):
        """Over the batch and the image."""
        out = BatchNorm2d(3)(Tensor(images(8, 3, 4, 4).data * 5 + 2)).data
        np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), 0, atol=1e-6)
        np.testing.assert_allclose(out.var(axis=(0, 2, 3)), 1, rtol=1e-4)

    def test_the_running_statistics_follow_the_batch_s(self):
        """`momentum` weighs the new one, and both variances are the biased one."""
        norm, x = BatchNorm2d(2, momentum=0.3), images(4, 2, 3, 3).data * 2 + 1
        norm(Tensor(x))
        np.testing.assert_allclose(norm.running_mean, 0.3 * x.mean(axis=(0, 2, 3)), rtol=1e-5)
        np.testing.assert_allclose(norm.running_var, 0.7 + 0.3 * x.var(axis=(0, 2, 3)), rtol=1e-5)

    def test_after_eval_the_running_ones_are_used_and_stay(self):
        """An image alone gives what it gives in a batch."""
        norm, x = BatchNorm2d(2), images(4, 2, 3, 3)
        assert norm.train() is norm
        for _ in range(3):
            norm(x)
        assert norm.eval() is norm
        before = norm.running_mean.copy(), norm.running_var.copy()
        whole = norm(x).data
        expected = (x.data - before[0][:, None, None]) / np.sqrt(before[1] + norm.eps)[:, None, None]
        np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(norm(Tensor(x.data[:1])).data, whole[:1], rtol=1e-6)
        np.testing.assert_array_equal([norm.running_mean, norm.running_var], before)

    def test_after_eval_there_is_a_gradient_too(self):
        """To the input, gamma and beta, the running statistics being constants."""
        norm, x = BatchNorm2d(2).eval(), images(3, 2, 2, 2)
        norm(x).sum().backward()
        np.testing.assert_allclose(x.grad, 1 / np.sqrt(1 + norm.eps), rtol=1e-6)
        np.testing.assert_allclose(norm.gamma.grad, x.data.sum(axis=(0, 2, 3)), rtol=1e-4)
        assert norm.beta.grad.tolist() == [12.0, 12.0]

    def test_no_grad_alone_does_not_stop_the_statistics(self):
        """What counts is training or not."""
        norm = BatchNorm2d(1)
        with no_grad():
            norm(Tensor(np.ones((1, 1, 2, 2))))
        assert norm.running_mean.tolist() == pytest.approx([0.1])

    def test_a_large_mean_does_not_spoil_the_variance(self):
        """Sums of squares would lose a variance of 1 beside a mean of 10,000, in float32."""
        x = images(64, 1, 16, 16).data
        norm, expected = BatchNorm2d(1, momentum=1.0), np.float64(x + np.float32(10_000)).var()
        out = norm(Tensor(x + 10_000)).data
        assert norm.running_var[0] == pytest.approx(expected, rel=1e-4)
        assert float(out.std()) == pytest.approx(1, rel=1e-3)

    def test_a_batch_of_several_blocks_is_one_batch(self):
        """Statistics and gradients are those of the whole."""
        x = images(40, 8, 32, 32)
        norm = BatchNorm2d(8, momentum=1.0)
        out = norm(x)
        g = np.random.default_rng(1).normal(size=out.shape)
        out.backward(g)
        exact = x.data.astype("float64")
        mean, spread = exact.mean(axis=(0, 2, 3), keepdims=True), exact.std(axis=(0, 2, 3), keepdims=True)
        normal = (exact - mean) / spread
        np.testing.assert_allclose(norm.running_mean, mean.ravel(), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(norm.running_var, spread.ravel() ** 2, rtol=1e-5)
        to_gamma = (g * normal).sum(axis=(0, 2, 3))
        np.testing.assert_allclose(norm.gamma.grad, to_gamma, rtol=1e-4, atol=1e-2)
        pull = g.mean(axis=(0, 2, 3), keepdims=True) + normal * (g * normal).mean(axis=(0, 2, 3), keepdims=True)
        np.testing.assert_allclose(x.grad, (g - pull) / spread, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("shape", [(2, 3), (2, 4, 5, 5), (3, 5, 5), (1, 2, 3, 4, 5)])
    @pytest.mark.parametrize("training", [True, False])
    def test_other_channels_and_ranks_are_refused(self, shape, training):
        """In both modes."""
        with pytest.raises(ShapeError, match=r"of shape \(N, 3, H, W\)"):
            BatchNorm2d(3).train(mode=training)(grid(*shape))

    def test_nothing_cannot_be_trained_on_but_inferred(self):
        """No mean of no elements."""
        empty = Tensor(np.zeros((0, 2, 3, 3)))
        with pytest.raises(ShapeError, match="Call eval"):
            BatchNorm2d(2)(empty)
        assert BatchNorm2d(2).eval()(empty).shape == (0, 2, 3, 3)

    @pytest.mark.parametrize("wrong", [{"eps": -1e-5}, {"eps": np.nan}, {"eps": np.inf}, {"momentum": 1.5}])
    def test_other_ranges_are_refused(self, wrong):
        """NaN too."""
        with pytest.raises(RangeError):
            BatchNorm2d(2, **wrong)

    def test_the_running_statistics_are_saved_and_loaded(self, tmp_path):
        """A model gives in another process what it gave in this one."""
        x = images(4, 3, 8, 8)
        there = Sequential(Conv2d(3, 2), BatchNorm2d(2))
        there(x)
        there.save(tmp_path / "model.safetensors")
        here = Sequential(Conv2d(3, 2), BatchNorm2d(2))
        here.load(tmp_path / "model.safetensors")
        assert set(there.state_dict()) >= {"layers.1.running_mean", "layers.1.running_var"}
        np.testing.assert_array_equal(here.eval()(x).data, there.eval()(x).data)
        assert here[1].running_mean.any()


class TestNetworks:
    """`Flatten`, `SimpleCNN` and `LeNet`."""

    def test_flatten_keeps_the_batch(self):
        """An empty one too, and the order of elements."""
        assert Flatten()(grid(2, 2, 1, 2)).tolist() == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
        assert Flatten()(Tensor(np.zeros((0, 2, 3, 3)))).shape == (0, 18)

    @pytest.mark.parametrize(("size", "features"), [(32, 2048), (16, 512)])
    def test_the_simple_cnn_gives_flat_features(self, size, features):
        """And has four parameters, whatever the number of classes, which it keeps for the classifier."""
        model = SimpleCNN(num_classes=7)
        assert model(images(2, 3, size, size)).shape == (2, features)
        assert (len(model.parameters()), model.num_classes) == (4, 7)

    def test_the_simple_cnn_can_be_trained(self):
        """Gradients reach the first convolution, and a classifier behind it learns a batch by heart."""
        model = Sequential(SimpleCNN(4), Linear(128, 4))
        before = model[0].conv1.weight.data.copy()
        losses = train(model, images(16, 3, 8, 8), Tensor(np.arange(16) % 4), steps=25)
        assert losses[0] > 1
        assert losses[-1] < 0.1
        assert not np.array_equal(model[0].conv1.weight.data, before)

    def test_lenet_has_the_sizes_of_the_original(self):
        """61,706 numbers, 400 features between convolutions and linear layers."""
        model = LeNet()
        assert sum(parameter.size for parameter in model.parameters()) == 61_706
        assert model.features(images(1, 1, 28, 28)).shape == (1, 400)

    def test_lenet_refuses_images_too_small_for_its_kernels(self):
        """12 is the least."""
        assert LeNet(image_size=12)(images(1, 1, 12, 12)).shape == (1, 10)
        with pytest.raises(RangeError, match="at least 12; got 11"):
            LeNet(image_size=11)

    def test_lenet_learns_to_read_digits(self):
        """At least 95 % of images it has not seen, after six passes."""
        data = load_digits()
        enlarged = [
            np.kron(x.reshape(-1, 1, 8, 8), np.ones((1, 1, 2, 2))) for x in (data.train_images, data.test_images)
        ]
        model, loss_fn = LeNet(image_size=16), CrossEntropyLoss()
        optimizer, schedule = Adam(model.parameters()), CosineSchedule(0.004, 0.0002, 6)
        rng = np.random.default_rng(0)
        for epoch in range(6):
            optimizer.lr = schedule.get_lr(epoch)
            order = rng.permutation(len(enlarged[0]))
            for start in range(0, len(order), 32):
                batch = order[start : start + 32]
                loss = loss_fn(model(Tensor(enlarged[0][batch])), Tensor(data.train_labels[batch]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with no_grad():
            found = model(Tensor(enlarged[1])).data.argmax(axis=1)
        assert float((found == data.test_labels).mean()) >= 0.95
