"""Sharing a kernel's work: every part is done once, whoever does it, and nobody waits for who has not begun."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tinytorch.perf.acceleration import accelerate
from tinytorch.perf.kernels import forms
from tinytorch.perf.kernels.threads import default_threads

pytestmark = pytest.mark.skipif(not forms.has_numba(), reason="needs Numba")

LINE, COMMON = 8, 4  # words of a line, and lines in front of the helpers'


@pytest.fixture(scope="module")
def kernel():
    """A kernel that counts how often each row is done, says who did the part, and is told the part's edges."""
    from perf.kernels.counting import counting

    return counting()


@pytest.fixture
def crew():
    """A crew of its own, without helpers."""
    from tinytorch.perf.kernels.crew import Crew

    return Crew()


def counted(kernel, board, parts, count):
    """Give how often each row was done, and the edges of the parts."""
    rows, edges = np.zeros((count, 3), np.int64), np.zeros((max(parts, 1), 2), np.int64)
    kernel(board, parts, count, (rows, edges))
    return rows, edges


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_every_row_is_done_once(kernel, crew, count, parts):
    """In parts whose sizes differ by at most 1; a thread that has no helper does all of them."""
    rows, edges = counted(kernel, crew.board, parts, count)
    assert (rows == 1).all()
    sizes = np.diff(edges)
    assert sizes.sum() == count
    assert sizes.max() - sizes.min() <= 1


def test_nothing_to_do_is_one_empty_part(kernel, crew):
    """Such as an empty batch."""
    rows, edges = counted(kernel, crew.board, 1, 0)
    assert rows.size == 0
    assert edges.tolist() == [[0, 0]]


def test_helpers_do_parts_over_and_over(kernel, crew):
    """Also more helpers than there are processors, and whether they are awake or asleep."""
    crew.hire(1)
    for turn in range(2_000):
        crew.gather(1)
        rows, edges = counted(kernel, crew.board, 2 + turn % 3, 50)
        assert (rows == 1).all()
        assert np.diff(edges).sum() == 50
    assert [thread.name for thread in threading.enumerate() if thread.name == "tinytorch-kernels-0"]


def test_a_helper_falls_asleep_and_is_woken(kernel, crew):
    """It says on the board that it sleeps; gathering takes the word away."""
    from tinytorch.perf.kernels.compiled_sharing import serve

    word = LINE * COMMON
    serve()(crew.board, word, 10)
    assert crew.board[word] == 1
    crew.hire(1)
    crew.gather(1)
    assert crew.board[word] in {0, 1}  # woken; it may be asleep again
    assert (counted(kernel, crew.board, 2, 9)[0] == 1).all()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_helper_on_the_same_processor_is_let_in(kernel, crew):
    """Where a process is held on one core after threads were asked for, the two take turns."""
    before = os.sched_getaffinity(0)
    crew.hire(1)
    held = [thread.native_id for thread in threading.enumerate() if thread.name.startswith("tinytorch-kernels")]
    try:
        for thread in (0, *held):
            os.sched_setaffinity(thread, {min(before)})
        for _ in range(300):
            crew.gather(1)
            assert (counted(kernel, crew.board, 2, 50)[0] == 1).all()
    finally:
        for thread in (0, *held):
            os.sched_setaffinity(thread, before)


def test_who_finds_the_board_taken_does_all_alone(kernel, crew):
    """Two threads that call kernels at once do not wait for each other."""
    busy = 3 * LINE
    crew.board[busy] = 1
    turn = crew.board[0]
    assert (counted(kernel, crew.board, 2, 9)[0] == 1).all()
    assert crew.board[0] == turn
    assert crew.board[busy] == 1


def test_threads_that_share_at_once_all_get_their_work_done(kernel, crew):
    """From several of Python's threads, on one board."""
    crew.hire(1)
    wrong = []

    def work():
        for _ in range(500):
            crew.gather(1)
            if not (counted(kernel, crew.board, 2, 40)[0] == 1).all():
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_more_threads_than_rows_are_not_used(kernel):
    """One row is one part."""
    from tinytorch.perf.kernels.crew import share

    with accelerate([], threads=default_threads()):
        assert share(kernel, 1, np.zeros((1, 3), np.int64), np.zeros((8, 2), np.int64)) == 1
        assert share(kernel, 0, np.zeros((0, 3), np.int64), np.zeros((8, 2), np.int64)) == 1
        parts = share(kernel, 100, np.zeros((100, 3), np.int64), np.zeros((8, 2), np.int64))
        alone = share(kernel, 100, np.zeros((100, 3), np.int64), np.zeros((8, 2), np.int64), alone=True)
    assert (parts, alone) == (default_threads(), 1)


SCRIPT = """
import os
import numpy as np
from tinytorch.perf.acceleration import TWINS, accelerate
accelerate(threads=int(os.environ["WANTED"]))
x = np.ones((64, 1024), np.float32)
for _ in range(3):
    first = TWINS["gelu"](x)[0]
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        os._exit(int((TWINS["gelu"](x)[0] != first).any()))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
else:
    print(0)
"""


@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_has_its_own_crew_and_a_process_with_helpers_ends():
    """Helpers are not inherited; and they keep no interpreter from ending."""
    environment = os.environ | {"WANTED": str(default_threads())}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=100)
    assert done.stdout.split() == ["0"]
