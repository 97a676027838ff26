"""The whole way on real data."""

import re
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from benchmarking.virtual_workers import Cost, World
from tinytorch.benchmarking import PRESETS, Design, Hooks
from tinytorch.benchmarking.adapters.architectures import described
from tinytorch.benchmarking.statistics import judge
from tinytorch.capstone import load_model, load_submission, optimization, workflow
from tinytorch.capstone.provenance import Ledger, contradictions, expected_best, standard_error
from tinytorch.capstone.record import Record, document_sha256, parameter_sha256, unpack_labels
from tinytorch.capstone.record.derived import derived_accuracy_comparison
from tinytorch.capstone.record.identity import artifact_of
from tinytorch.capstone.search import Recipe, Step
from tinytorch.capstone.validation import problems
from tinytorch.capstone.workflow import (
    WorkflowSettings,
    run_example_benchmark,
    run_optimization_workflow_example,
)
from tinytorch.core.tensor import Tensor
from tinytorch.datasets import load_digits
from tinytorch.errors import MeasurementError, RangeError
from tinytorch.perf import TECHNIQUES


class Broken:
    """Lets an import fail as a module with a fault does."""

    def find_spec(self, name, path=None, target=None):
        """Fail for the module of compression."""
        if name == "tinytorch.perf":
            raise RuntimeError("a kernel\ndid not compile")


@pytest.fixture
def short(tmp_path):
    """Settings for a run of a moment."""
    return WorkflowSettings(epochs=2, num_runs=20, filepath=str(tmp_path / "s.json"), hidden_size=16)


class Paper(World):
    """A machine on paper: a call takes so many nanoseconds of an optimized model, 20,000 of a baseline.

    An optimized model is one with fewer than 16 hidden units; fewer of them are a little faster.
    """

    def __init__(self, clock, optimized):
        super().__init__(clock)
        self.optimized = optimized
        self.subjects = []
        self.screened = []

    def launch(self, subject, conditions):
        """Start a worker on paper for a saved model, whose file has to be there, or for a live candidate."""
        worker = super().launch(subject, conditions)
        if subject.is_live:
            self.screened.append(subject.name)
            worker.cost = Cost(20_000 if subject.name == "compiled" else 10_000 if "20" in subject.name else 11_000)
            return worker
        model = load_model(subject.arguments["path"])
        self.subjects.append((subject, model))
        worker.cost = Cost(self.optimized if model[0].out_features < 16 else 20_000)
        return worker


@pytest.fixture
def paper(clock):
    """Give a machine on paper on which the optimized model is twice as fast."""
    return Paper(clock, 10_000)


@pytest.fixture
def run_workflow(paper):
    """Give the workflow, with its comparison on paper."""
    return lambda settings, on_progress=None, hooks=None: workflow.run_workflow(
        settings, on_progress, hooks or paper.hooks()
    )


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_recipe_reads_at_least_97_percent_of_the_digits(tmp_path, run_workflow):
    """The main job's target, for the seed that everybody runs first."""
    submission = run_workflow(WorkflowSettings(num_runs=400, filepath=str(tmp_path / "s.json"))).submission
    assert submission["baseline"]["metrics"]["accuracy"]["value"] >= 0.97
    assert submission["baseline"]["samples"]["test_count"] == 359


def test_the_result_is_what_was_written(short, run_workflow):
    """Submission, path and notes are those of the file."""
    result = run_workflow(short)
    assert (result.filepath, load_submission(short.filepath)) == (short.filepath, result.submission)
    assert list(result.notes) == result.submission["notes"]


def test_the_optimized_model_is_really_smaller(short, run_workflow):
    """Half of 16 hidden units is 8: 64 * 8 + 8 + 8 * 10 + 10 numbers are stored, and no more."""
    submission = run_workflow(short).submission
    counts = [submission[part]["metrics"]["parameter_count"] for part in ("baseline", "optimized")]
    sizes = [submission[part]["metrics"]["stored_bytes"] for part in ("baseline", "optimized")]
    assert (counts, sizes) == ([1210, 610], [4840, 2440])
    techniques = [technique["name"] for technique in submission["optimized"]["techniques"]]
    assert techniques == ["prune.units.v1", "distil.v1", "compile.v1"]
    assert submission["optimized"]["model_name"] == "digits-mlp-8-compiled"


def test_both_models_are_timed_in_turns(short, run_workflow):
    """And the notes say what that is worth."""
    result = run_workflow(short)
    assert result.submission["protocol"]["timing_protocol"] == "interleaved"
    assert "timed in turns" in result.notes[0]


def test_what_was_done_to_the_model_is_told(short, run_workflow):
    """And what its choice rests on, and what 359 images say of its accuracy, and how fast the compiled baseline is."""
    made, accuracy, speed = run_workflow(short).notes[1:4]
    assert "these steps: units 50 %, taught, compiled. Of 2 candidates it came first on 144 images" in made
    assert re.search(r"differs by [+-]\d+\.\d\d points, 95 % interval [+-].* point", accuracy)
    assert "beside that, the optimized model is 2.000 times as fast, 95 % interval 2.000 to 2.000" in speed


def test_candidates_are_screened_before_one_is_measured_in_fresh_processes(short, run_workflow, paper):
    """Of those that are accurate enough; the compiled baseline takes part in both."""
    run_workflow(short)
    kept = "units 50 % > taught > compiled"  # after two epochs, a fifth of the units loses too much
    assert set(paper.screened) == {"compiled", kept}
    assert {subject.name for subject, _ in paper.subjects} == {"baseline, eager", "baseline, compiled", kept}


def test_the_data_set_is_named_with_its_hash(short, run_workflow):
    """Others can check on the same images."""
    dataset = run_workflow(short).submission["dataset"]
    assert (dataset["name"], dataset["split_seed"], len(dataset["sha256"])) == ("digits", 0, 64)


def test_a_seed_gives_the_same_models_again(short, run_workflow):
    """What is not time is the same: accuracy to the last sample."""
    runs = [run_workflow(short).submission for _ in range(2)]
    correct = [[run[part]["samples"]["correct_count"] for part in ("baseline", "optimized")] for run in runs]
    assert correct[0] == correct[1]


def test_the_submission_is_a_record_of_version_two(short, run_workflow):
    """Valid to the schema, to the rules and to the models, and read back as it was."""
    made = run_workflow(short).submission
    assert made["schema_version"] == "2.0.0"
    assert problems(made) == []
    assert Record.model_validate(made).document() == made == load_submission(short.filepath)


def test_both_models_are_kept_beside_the_submission(short, run_workflow):
    """Files that say what they are by their hashes, and models that compute what was measured."""
    result = run_workflow(short)
    folder, data = Path(short.filepath).parent, load_digits(seed=0)
    assert [Path(path).name for path in result.artifacts] == ["s-baseline.safetensors", "s-optimized.safetensors"]
    for part in ("baseline", "optimized"):
        record = result.submission[part]
        assert artifact_of(folder / record["artifact"]["path"]) == record["artifact"]
        model = load_model(folder / record["artifact"]["path"])
        assert parameter_sha256(model) == record["parameter_sha256"]
        assert described(model) == record["architecture"]
        predicted = model.forward(Tensor(data.test_images)).data.argmax(axis=1)
        assert np.array_equal(predicted, unpack_labels(record["samples"]["predictions"]))


def test_the_answers_of_both_models_are_compared(short, run_workflow):
    """Question by question, with the margin that the protocol names."""
    made = run_workflow(short).submission
    found = made["accuracy_comparison"]
    assert found == derived_accuracy_comparison(made)
    assert sum(found[name] for name in ("both_right", "only_baseline", "only_optimized", "both_wrong")) == 359
    assert found["margin"] == made["protocol"]["accuracy_margin"] == 0.01


def test_techniques_come_with_claims_and_options(short, run_workflow):
    """In the words of the list; what a teacher does makes no claim that could be tested."""
    pruned, taught, compiled = run_workflow(short).submission["optimized"]["techniques"]
    assert pruned == {
        "name": "prune.units.v1",
        "claim": TECHNIQUES["prune.units.v1"].claim,
        "options": {"keep_ratio": 0.5},
    }
    assert (taught["claim"], taught["options"]) == (None, {})
    assert compiled["claim"] == TECHNIQUES["compile.v1"].claim


def test_the_protocol_says_how_to_do_it_again(short, run_workflow):
    """Preset, seeds and the command line."""
    command = ("tinytorch", "run", "--seed", "0")
    protocol = run_workflow(replace(short, command=command)).submission["protocol"]
    assert (protocol["preset"], protocol["seed"], protocol["command"]) == ("standard", 0, list(command))
    assert protocol["seeds"] == {"split": 0, "weights": 0, "order": 0, "search": 0}
    assert protocol["batch_size"] == 256


def test_version_one_can_still_be_written(short, run_workflow):
    """For readers that know no other; no model is kept then."""
    result = run_workflow(replace(short, schema_version=1))
    assert problems(result.submission) == []
    assert result.submission["optimized"]["techniques_applied"] == ["prune.units.v1", "distil.v1", "compile.v1"]
    assert result.artifacts == ()
    assert list(Path(short.filepath).parent.iterdir()) == [Path(short.filepath)]


def test_progress_goes_through_all_stages_step_by_step(short, run_workflow):
    """Each stage is told from its beginning to its end."""
    told = []
    run_workflow(short, told.append)
    stages = {stage: list(steps) for stage, steps in groupby(told, key=lambda progress: progress.stage)}
    searching = ["trying recipes", "screening", "measuring the finalists"]
    assert list(stages) == ["training the baseline", *searching, "benchmarking"]
    for steps in (stages[name] for name in ("training the baseline", "benchmarking")):
        assert [step.step for step in steps] == list(range(steps[0].total + 1))
    assert stages["training the baseline"][-1].detail.startswith("loss ")


def test_a_name_is_put_into_the_submission(tmp_path, run_workflow):
    """As the command line's option says."""
    settings = WorkflowSettings(epochs=1, num_runs=1, filepath=str(tmp_path / "s.json"), student_name="Ada")
    assert run_workflow(settings).submission["author"] == {"name": "Ada"}


def forget_perf(monkeypatch):
    """Let the next import of the optimization floor look for it anew."""
    forgotten = ("tinytorch.perf", "tinytorch.capstone.search", "tinytorch.capstone.optimization")
    for name in [name for name in sys.modules if name.startswith(forgotten)]:
        monkeypatch.delitem(sys.modules, name)


def test_without_perf_the_baseline_stands_alone_and_a_note_says_why(short, monkeypatch, run_workflow):
    """The optional floor is not installed."""
    forget_perf(monkeypatch)
    monkeypatch.setitem(sys.modules, "tinytorch.perf", None)
    result = run_workflow(short)
    assert "optimized" not in result.submission
    assert "tinytorch.perf could not be used (ModuleNotFoundError" in result.notes[1]
    assert problems(load_submission(short.filepath)) == []


def test_a_broken_perf_does_not_cost_the_baseline(short, monkeypatch, run_workflow):
    """The optional floor is there, and raises as it is imported; the note is one line."""
    forget_perf(monkeypatch)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    result = run_workflow(short)
    assert "optimized" not in result.submission
    assert "RuntimeError: a kernel did not compile" in result.notes[1]


def test_a_technique_that_fails_does_not_cost_the_baseline(short, monkeypatch, run_workflow):
    """The same for one that raises as it is applied."""
    wrong = (Recipe((Step("prune.units.v1", (("keep_ratio", 7),)),)),)
    monkeypatch.setattr(optimization, "RECIPES", wrong)
    assert "keep_ratio must be a ratio" in run_workflow(short).notes[1]


def test_the_comparison_is_of_saved_models(short, run_workflow, paper):
    """Its processes read them from files, which are gone afterwards; it starts with two seats for the baseline."""
    submission = run_workflow(short).submission
    seats = [(model[0].out_features, subject.arguments["compiled"]) for subject, model in paper.subjects]
    assert {seat: seats.count(seat) for seat in seats} == {(16, False): 22, (16, True): 10, (8, True): 10}
    assert not Path(paper.subjects[0][0].arguments["path"]).exists()
    assert submission["comparison"]["preset"] == "standard"


def test_the_comparison_keeps_its_raw_numbers_and_what_follows_from_them(short, run_workflow):
    """Twice as fast to the bit, on paper; the core metrics are those of the process at hand."""
    found = run_workflow(short).submission["comparison"]
    verdict = judge(found["log_ratios"], found["margin"])
    assert np.array(found["log_ratios"]) == pytest.approx(np.full((10, 24), np.log(2)))
    assert (found["outcome"], found["speedup"], found["low"]) == ("faster", verdict.ratio.value, verdict.ratio.low)
    assert (found["sessions"], found["rounds"], found["calls_per_epoch"]) == (10, 240, 250)
    null = found["certificate"]
    assert np.array(null.pop("log_ratios")) == pytest.approx(np.zeros((6, 16)))
    assert null == {"ratio": 1, "low": 1, "high": 1, "worker_kind": "process", "half_width": 0}
    assert found["within_certificate"] is False


@pytest.mark.parametrize(("nanoseconds", "outcome"), [(30_000, "slower"), (20_000, "equivalent")])
def test_the_verdict_is_that_of_the_comparison(short, clock, nanoseconds, outcome):
    """Not that of the two means."""
    result = workflow.run_workflow(short, hooks=Paper(clock, nanoseconds).hooks())
    assert result.submission["comparison"]["outcome"] == outcome
    assert result.submission["improvements"]["speedup"] > 0


@pytest.mark.parametrize("error", [OSError(11, "no more processes"), MeasurementError("it hung\nand hung")])
def test_without_processes_the_old_protocol_stands_and_a_note_says_why(short, run_workflow, error):
    """The metrics of both models are there, and valid."""

    def launch(subject, conditions):
        raise error

    result = run_workflow(short, hooks=Hooks(launch=launch))
    assert "comparison" not in result.submission
    assert "could not be compared in fresh processes" in result.notes[-1]
    assert ("no more processes" in result.notes[-1]) or ("it hung. The" in result.notes[-1])
    assert problems(load_submission(short.filepath)) == []


def test_a_model_that_fails_once_is_told(short, run_workflow, paper, monkeypatch):
    """What was lost stands in the notes; the other sessions judge."""
    launched = []

    def launch(subject, conditions):
        launched.append(paper.launch(subject, conditions))
        if len(paper.subjects) == 14:
            launched[-1].cost.fails_at = 3
        return launched[-1]

    result = run_workflow(short, hooks=replace(paper.hooks(), launch=launch))
    assert "SIGKILL" in " ".join(result.notes)
    assert result.submission["comparison"]["outcome"] == "faster"


def test_an_interruption_of_the_comparison_ends_the_run(short, run_workflow, paper):
    """Half of a comparison is none; no file is written."""

    def launch(subject, conditions):
        if len(paper.subjects) == 13:
            raise KeyboardInterrupt
        return paper.launch(subject, conditions)

    with pytest.raises(KeyboardInterrupt):
        run_workflow(short, hooks=replace(paper.hooks(), launch=launch))
    assert not Path(short.filepath).exists()


def test_the_baseline_alone_is_compared_with_nothing(tmp_path, run_workflow, paper):
    """No process is started for it."""
    settings = WorkflowSettings(epochs=1, num_runs=1, filepath=str(tmp_path / "s.json"), optimize=False)
    assert "comparison" not in run_workflow(settings).submission
    assert paper.subjects == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 2**32},
        {"epochs": 0},
        {"num_runs": 0},
        {"hidden_size": 1},
        {"epochs": 1.5},
        {"preset": "long"},
        {"schema_version": 3},
    ],
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


def test_the_optimization_example_optimizes_what_it_says(in_folder, monkeypatch):
    """Four fifths of the hidden units are gone, or half, and what improved is measured, in real processes too."""
    monkeypatch.setitem(PRESETS, "quick", Design(sessions=2, rounds=6, epoch_ns=50_000))
    monkeypatch.setattr("tinytorch.capstone.search.speeds.SCREENING", PRESETS["quick"])
    monkeypatch.setattr("tinytorch.benchmarking.null_run.NULL", Design(sessions=2, rounds=4, epoch_ns=50_000))
    submission = run_optimization_workflow_example()
    assert load_submission(in_folder / "optimization_submission.json") == submission
    assert problems(submission) == []
    assert submission["improvements"]["compression_ratio"] in {38440 / 19240, 38440 / 7840}
    assert submission["comparison"]["certificate"]["worker_kind"] == "process"
    assert list(map(len, submission["comparison"]["log_ratios"])) == [6, 6]


@pytest.fixture
def in_campaign(short, tmp_path):
    """The same settings, in a campaign with a ledger of its own; with the ledger."""
    ledger = Ledger(tmp_path / "attempts.jsonl")
    return replace(short, campaign="digits", ledger=str(ledger.path)), ledger


def test_a_run_in_a_campaign_says_how_many_there_were_before(in_campaign, run_workflow):
    """In its section, and in plain words in its notes; the ledger bears it out."""
    settings, ledger = in_campaign
    ledger.start("digits").abort("too slow")
    ledger.start("digits").finish(None, "slower")
    ledger.start("another").finish(None, "slower")
    result = run_workflow(settings)
    section = result.submission["attempts"]
    expected = expected_best(3) * standard_error(result.submission["comparison"]["log_ratios"])
    assert section == {
        "campaign": "digits",
        "ledger_head": ledger.entries()[-2].sha256,
        "preceding": 2,
        "aborted": 1,
        "best_of_inflation": expected,
    }
    assert "Try 3 of the campaign digits, 1 before it aborted: the best of 3 tries" in result.notes[-1]
    assert contradictions(load_submission(result.filepath), ledger.entries()) == []
    assert problems(result.submission) == []


def test_a_run_enters_its_end_with_the_hash_of_its_submission(in_campaign, run_workflow):
    """And with the verdict."""
    settings, ledger = in_campaign
    result = run_workflow(settings)
    end = ledger.entries()[-1].content
    assert end["submission_sha256"] == document_sha256(load_submission(result.filepath))
    assert "times as fast" in end["headline"]


def test_a_run_that_is_broken_off_is_an_aborted_attempt(in_campaign, run_workflow):
    """Its start was entered before the training."""
    settings, ledger = in_campaign

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_workflow(settings, interrupt)
    assert [entry.event for entry in ledger.entries()] == ["started", "aborted"]


def test_a_baseline_alone_has_no_inflation_and_a_headline(in_campaign, run_workflow):
    """Nothing was compared."""
    settings, ledger = in_campaign
    submission = run_workflow(replace(settings, optimize=False)).submission
    assert submission["attempts"]["best_of_inflation"] is None
    assert ledger.entries()[-1].content["headline"] == "The baseline was measured alone."
