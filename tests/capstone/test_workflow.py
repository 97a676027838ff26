"""The whole way on real data."""

import sys
from itertools import groupby

import pytest

from tinytorch.capstone import load_submission, workflow
from tinytorch.capstone.validation import problems
from tinytorch.capstone.workflow import (
    WorkflowSettings,
    run_example_benchmark,
    run_optimization_workflow_example,
    run_workflow,
)
from tinytorch.errors import RangeError


class Broken:
    """Lets an import fail as a module with a fault does."""

    def find_spec(self, name, path=None, target=None):
        """Fail for the module of compression."""
        if name == "tinytorch.perf.compression":
            raise RuntimeError("a kernel\ndid not compile")


@pytest.fixture
def short(tmp_path):
    """Settings for a run of a moment."""
    return WorkflowSettings(epochs=2, num_runs=20, filepath=str(tmp_path / "s.json"), hidden_size=16)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_recipe_reads_at_least_97_percent_of_the_digits(tmp_path):
    """The main job's target, for the seed that everybody runs first."""
    submission = run_workflow(WorkflowSettings(num_runs=400, filepath=str(tmp_path / "s.json"))).submission
    assert submission["baseline"]["metrics"]["accuracy"] >= 0.97
    assert submission["baseline"]["metrics"]["test_count"] == 359


def test_the_result_is_what_was_written(short):
    """Submission, path and notes are those of the file."""
    result = run_workflow(short)
    assert (result.filepath, load_submission(short.filepath)) == (short.filepath, result.submission)
    assert list(result.notes) == result.submission["notes"]


def test_the_optimized_model_is_really_smaller(short):
    """Half of 16 hidden units is 8: 64 * 8 + 8 + 8 * 10 + 10 numbers are stored, and no more."""
    submission = run_workflow(short).submission
    counts = [submission[part]["metrics"]["parameter_count"] for part in ("baseline", "optimized")]
    sizes = [submission[part]["metrics"]["model_size_bytes"] for part in ("baseline", "optimized")]
    assert (counts, sizes) == ([1210, 610], [4840, 2440])
    assert submission["optimized"]["techniques_applied"] == ["prune.units.v1"]


def test_both_models_are_timed_in_turns(short):
    """And the notes say what that is worth."""
    result = run_workflow(short)
    protocols = [result.submission[part]["metrics"]["timing_protocol"] for part in ("baseline", "optimized")]
    assert protocols == ["interleaved", "interleaved"]
    assert "timed in turns" in result.notes[0]


def test_the_further_training_is_told(short):
    """The baseline was not trained as long; a reader has to know."""
    assert "trained for 1 more epoch." in run_workflow(short).notes[1]


def test_the_data_set_is_named_with_its_hash(short):
    """Others can check on the same images."""
    dataset = run_workflow(short).submission["dataset"]
    assert (dataset["name"], dataset["split_seed"], len(dataset["sha256"])) == ("digits", 0, 64)


def test_a_seed_gives_the_same_models_again(short):
    """What is not time is the same: accuracy to the last sample."""
    runs = [run_workflow(short).submission for _ in range(2)]
    correct = [[run[part]["metrics"]["correct_count"] for part in ("baseline", "optimized")] for run in runs]
    assert correct[0] == correct[1]


def test_progress_goes_through_three_stages_step_by_step(short):
    """Each stage is told from its beginning to its end."""
    told = []
    run_workflow(short, told.append)
    stages = {stage: list(steps) for stage, steps in groupby(told, key=lambda progress: progress.stage)}
    assert list(stages) == ["training the baseline", "fine-tuning the smaller model", "benchmarking"]
    for steps in stages.values():
        assert [step.step for step in steps] == list(range(steps[0].total + 1))
    assert stages["training the baseline"][-1].detail.startswith("loss ")


def test_a_name_is_put_into_the_submission(tmp_path):
    """As the command line's option says."""
    settings = WorkflowSettings(epochs=1, num_runs=1, filepath=str(tmp_path / "s.json"), student_name="Ada")
    assert run_workflow(settings).submission["student_name"] == "Ada"


def forget_perf(monkeypatch):
    """Let the next import of the optimization floor look for it anew."""
    for name in [name for name in sys.modules if name.startswith("tinytorch.perf")]:
        monkeypatch.delitem(sys.modules, name)


def test_without_perf_the_baseline_stands_alone_and_a_note_says_why(short, monkeypatch):
    """The optional floor is not installed."""
    forget_perf(monkeypatch)
    monkeypatch.setitem(sys.modules, "tinytorch.perf", None)
    result = run_workflow(short)
    assert "optimized" not in result.submission
    assert "tinytorch.perf could not be used (ModuleNotFoundError" in result.notes[1]
    assert problems(load_submission(short.filepath)) == []


def test_a_broken_perf_does_not_cost_the_baseline(short, monkeypatch):
    """The optional floor is there, and raises as it is imported; the note is one line."""
    forget_perf(monkeypatch)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    result = run_workflow(short)
    assert "optimized" not in result.submission
    assert "RuntimeError: a kernel did not compile" in result.notes[1]


def test_a_technique_that_fails_does_not_cost_the_baseline(short, monkeypatch):
    """The same for one that raises as it is applied."""
    monkeypatch.setattr(workflow, "KEEP_RATIO", 7)
    assert "keep_ratio must be a ratio" in run_workflow(short).notes[1]


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 2**32}, {"epochs": 0}, {"num_runs": 0}, {"hidden_size": 1}, {"epochs": 1.5}]
)
def test_settings_out_of_range_are_refused_before_the_work(wrong):
    """The setting is named."""
    with pytest.raises(RangeError, match=next(iter(wrong))):
        WorkflowSettings(**wrong)


def test_the_example_benchmark_writes_its_file(in_folder):
    """One model, measured and submitted."""
    submission = run_example_benchmark()
    assert load_submission(in_folder / "capstone_submission.json") == submission
    assert (problems(submission), "optimized" in submission) == ([], False)


def test_the_optimization_example_optimizes_what_it_says(in_folder):
    """Half of the hidden units are gone, and the improvements are those measured."""
    submission = run_optimization_workflow_example()
    assert load_submission(in_folder / "optimization_submission.json") == submission
    assert problems(submission) == []
    assert submission["improvements"]["compression_ratio"] == 38440 / 19240
