"""The graph, the walk over it, and what is left of it afterwards."""

import gc
import threading
import weakref

import numpy as np
import pytest

from tinytorch.core import autograd
from tinytorch.core.autograd import Function, enable_autograd, is_recording, no_grad
from tinytorch.core.tensor import Tensor
from tinytorch.errors import ShapeError, StateError

LONG = 100_000


def leaf(data, dtype="float64"):
    return Tensor(data, requires_grad=True, dtype=dtype)


class Double(Function):
    """A node written by a user."""

    def apply(self, grad_output):
        return (grad_output * 2,)


def doubled(x):
    out = Tensor(x.data * 2, requires_grad=True, dtype=x.dtype)
    out._grad_fn = Double(x)
    return out


def test_a_diamond_adds_the_gradients_of_both_ways():
    """A tensor used twice gets the sum, from nodes visited once each."""
    x = leaf([1.0, 2.0])
    shared = x * 3
    (shared * shared + shared).sum().backward()
    assert x.grad.tolist() == [2 * 9 * 1 + 3, 2 * 9 * 2 + 3]


def test_ways_of_different_length_are_all_walked_before_the_shared_node():
    """A node waits for its youngest user and its oldest."""
    x = leaf(2.0)
    shared = x * x
    longer = ((shared + 1) * 2) * shared
    (longer + shared).backward()
    assert x.grad.item() == (4 * 4 + 2 + 1) * 2 * 2


def test_sixty_doublings_take_sixty_visits():
    """`y = y + y` has 2**60 ways through it, and as many nodes as lines."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2**60


def chain(x, length):
    for _ in range(length):
        x = x + 1
    return x


def test_a_chain_of_100000_ops_is_walked_without_recursion():
    """Depth is bounded by memory, not by the stack."""
    x = leaf(1.0)
    end = chain(x, LONG)
    end.backward()
    assert (end.item(), x.grad.item()) == (LONG + 1, 1.0)


def test_a_chain_of_100000_ops_can_be_dropped_without_backward():
    """Letting go of a deep graph does not overflow the stack either, and leaves nothing behind."""
    x = leaf(1.0)
    middle = chain(x, LONG // 2)
    gone = weakref.ref(middle)
    end = chain(middle, LONG // 2)
    del middle, end
    gc.collect()
    assert gone() is None


def test_gradients_add_up_across_backward_calls():
    """Micro-batches accumulate until zero_grad."""
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    x.zero_grad()
    assert x.grad is None


@pytest.mark.parametrize("kind", [Tensor, np.asarray])
def test_a_gradient_that_the_user_assigned_is_added_to(kind):
    """Users assign tensors and arrays to `.grad`; both count."""
    x = leaf([1.0, 2.0], "float32")
    x.grad = kind([10.0, 20.0])
    (x * 2).sum().backward()
    assert (type(x.grad), x.grad.tolist()) == (np.ndarray, [12.0, 22.0])


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize("calls", [1, 2])
def test_grad_is_an_array_whatever_its_shape(shape, calls):
    """A gradient of shape () is an array too, not a NumPy number, after one backward or two."""
    for function in (lambda x: x, lambda x: -x, lambda x: x * x):
        x = leaf(np.ones(shape), "float32")
        for _ in range(calls):
            function(x).backward(np.ones(shape))
        assert (type(x.grad), x.grad.shape, x.grad.dtype) == (np.ndarray, shape, np.float32)


def test_a_leaf_is_its_own_gradient():
    """`backward` on a leaf seeds its `.grad`, and adds to it the next time."""
    x = leaf(3.0)
    x.backward()
    x.backward(np.array(4.0))
    assert x.grad.tolist() == 5.0


def test_a_second_backward_says_that_the_graph_is_freed():
    """The error names what would have kept it."""
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(StateError, match="retain_graph=True"):
        y.backward()


def test_a_second_loss_over_a_freed_part_says_so_too():
    """A shared trunk that was freed gives an error, not a gradient of zero."""
    x = leaf(2.0)
    trunk = x * x
    (trunk * 2).backward()
    with pytest.raises(StateError, match="retain_graph=True"):
        (trunk * 3).backward()


def test_a_freed_node_of_the_users_own_says_so_too():
    """A class that keeps what it needs elsewhere must not pass for a node without inputs."""
    x = leaf([1.0])
    y = doubled(x)
    y.backward()
    with pytest.raises(StateError, match="retain_graph=True"):
        y.backward()


def test_retain_graph_allows_another_backward():
    """The same graph gives the same gradient again."""
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_backward_frees_what_the_graph_held():
    """After backward only the user holds the intermediate arrays."""
    x = leaf(np.ones(5))
    middle = x.exp()
    gone = weakref.ref(middle)
    loss = (middle * middle).sum()
    del middle
    assert gone() is not None
    loss.backward()
    assert gone() is None


@pytest.mark.parametrize("kind", [np.asarray, list, lambda g: Tensor(g, dtype="float64"), Tensor])
def test_backward_takes_an_array_a_list_or_a_tensor(kind):
    """The incoming gradient weighs the elements."""
    x = leaf([1.0, 2.0])
    (x * 3).backward(kind([1.0, 10.0]))
    assert (x.grad.tolist(), x.grad.dtype) == ([3.0, 30.0], np.float64)


@pytest.mark.parametrize("gradient", [np.ones(3), np.ones((1, 2)), np.ones(()), 1.0])
def test_a_gradient_of_the_wrong_shape_is_refused(gradient):
    """Nothing is broadcast in silence."""
    with pytest.raises(ShapeError, match=r"the gradient must be of the tensor's shape \(2,\); got \("):
        (leaf([1.0, 2.0]) * 2).backward(gradient)


def test_more_than_one_element_needs_a_gradient():
    """The error is a ValueError that says how to reduce."""
    with pytest.raises(ValueError, match=r"got none for the shape \(2,\). Reduce it first, as in `x.sum\(\)"):
        (leaf([1.0, 2.0]) * 2).backward()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_one_element_of_any_shape_seeds_ones(shape):
    """A loss kept as (1, 1) needs no gradient either."""
    x = leaf(np.full(shape, 3.0))
    (x * x).backward()
    assert np.array_equal(x.grad, np.full(shape, 6.0))


def test_the_incoming_gradient_stays_the_callers():
    """Neither side sees the other's later changes."""
    x, gradient = leaf([1.0, 2.0]), np.ones(2)
    (x + 0).backward(gradient)
    x.grad[...] = 9
    assert gradient.tolist() == [1.0, 1.0]
    x.backward(gradient)
    gradient[...] = 5
    assert x.grad.tolist() == [10.0, 10.0]


def test_backward_without_requires_grad_warns_and_does_nothing():
    """Code from before gradients existed still runs, and is told."""
    x = Tensor([1.0])
    with pytest.warns(RuntimeWarning, match="requires no grad"):
        x.backward()
    assert x.grad is None


def test_a_node_knows_its_inputs_and_their_nodes():
    """`saved_tensors` are the inputs in order; `next_functions` has None for a leaf."""
    x, y = leaf([1.0]), leaf([2.0])
    product = x * y
    node = (product + x)._grad_fn
    assert all(kept is given for kept, given in zip(node.saved_tensors, (product, x), strict=True))
    assert (node.next_functions, repr(node)) == ([product._grad_fn, None], "<AddBackward>")
    assert type(node.saved_tensors) is tuple


def test_a_node_is_younger_than_its_inputs_nodes():
    """The walk relies on it."""
    first = leaf([1.0]) * 2
    second = first * 2
    assert second._grad_fn.order > first._grad_fn.order


def test_the_base_class_has_no_rule():
    """A class without `apply` is told by its name."""
    with pytest.raises(NotImplementedError, match="Function must define apply"):
        Function(leaf([1.0])).apply(np.ones(1))


def test_a_node_of_the_users_own_takes_part_in_the_walk():
    """A subclass with `apply`, set as `_grad_fn`, is walked like any other."""
    x = leaf([1.0, 2.0])
    (doubled(x * 5) * 3).sum().backward()
    assert x.grad.tolist() == [30.0, 30.0]


def test_no_grad_stops_recording_and_resumes():
    """Only what is inside the block is left out."""
    x = leaf([1.0])
    with no_grad():
        assert not is_recording()
        inside = x * 2
    assert (inside.requires_grad, (x * 2).requires_grad, is_recording()) == (False, True, True)


def test_no_grad_nests():
    """The inner block ends without ending the outer one."""
    with no_grad():
        with no_grad():
            pass
        assert not is_recording()
    assert is_recording()


def test_no_grad_ends_with_an_exception():
    """An error in inference does not switch training off."""
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_recording()


def test_no_grad_decorates_a_function():
    """Every call of the function is a block, the second as well."""

    @no_grad()
    def infer(x):
        return x * 2

    assert [infer(leaf([1.0])).requires_grad for _ in range(2)] == [False, False]
    assert is_recording()


def test_no_grad_is_one_threads_own():
    """Inference in one thread leaves training in another alone, and a new thread records."""
    inside = {}
    with no_grad():
        thread = threading.Thread(target=lambda: inside.update(recording=is_recording()))
        thread.start()
        thread.join()
    assert inside == {"recording": True}


def test_a_parameter_can_be_made_under_no_grad():
    """`requires_grad` on a leaf is the user's word, not the recorder's."""
    with no_grad():
        x = leaf([1.0])
    assert x.requires_grad


def test_detach_cuts_the_graph():
    """The detached side is a constant of the same memory."""
    x = leaf([3.0])
    constant = (x * x).detach()
    (constant * x).backward()
    assert (x.grad.tolist(), constant.requires_grad) == ([9.0], False)
    assert np.shares_memory(x.detach().data, x.data)


@pytest.mark.parametrize("arguments", [(), (True,), (False,)])
def test_enable_autograd_can_be_called_at_any_time(arguments):
    """It is idempotent, whatever it is told, and gradients are there without it."""
    for _ in range(3):
        assert enable_autograd(*arguments) is None
    assert enable_autograd(quiet=True) is None
    x = leaf(2.0)
    (x * x).backward()
    assert x.grad.item() == 4.0


@pytest.mark.parametrize("name", ["NoSuchBackward", "add", "__wrapped__"])
def test_a_name_that_is_none_is_an_attribute_error(name):
    """Looking up node classes by name hides no typing error."""
    with pytest.raises(AttributeError, match=name):
        getattr(autograd, name)


def test_epsilon_is_the_known_constant():
    """Users import it."""
    assert autograd.EPSILON == 1e-7


def test_every_public_name_is_there():
    """`__all__` says what is public."""
    assert [name for name in autograd.__all__ if not hasattr(autograd, name)] == []
