"""The search on paper: what is chosen, what is passed over and why, and what is said of it."""

import json
from dataclasses import replace
from itertools import count

import pytest

from tinytorch.benchmarking import Hooks
from tinytorch.capstone import load_model
from tinytorch.capstone.search import Recipe, SearchSettings, Step, search
from tinytorch.capstone.search import search as module_of_the_function
from tinytorch.capstone.search.candidates import read_to_run
from tinytorch.errors import MeasurementError, RangeError

assert callable(module_of_the_function)

COSTS = {"eager": 5000, "units": 500, "int8": 2000}  # all others, the compiled baseline among them, cost 1000


@pytest.fixture
def find(task, make_paper, tmp_path):
    """Give a search on paper."""

    def run(*recipes, costs=COSTS, broken=(), hooks=None, **settings):
        settings = {"folder": tmp_path, "recipes": recipes, "preset": "quick"} | settings
        return search(task, SearchSettings(**settings), hooks or make_paper(costs, broken).hooks())

    return run


def test_the_fastest_that_is_as_accurate_is_chosen_for_latency(find, halved, int8):
    """And the smallest one for size: here bytes are slower, as they are in so small a model."""
    assert find(int8, halved).chosen.name == str(halved)
    assert find(int8, halved, goal="size").chosen.built.size == min(
        one.built.size for one in find(int8, halved).screened
    )


def test_speeds_are_those_of_the_last_comparison_beside_both_baselines(find, halved):
    """Ten times as fast as the eager baseline, twice as fast as the compiled one."""
    found = find(halved)
    speed = found.chosen.speed
    assert (speed.to_eager.ratio.value, speed.to_compiled.ratio.value) == pytest.approx((10, 2))
    assert found.baseline_speed.to_eager.ratio.value == pytest.approx(5)
    assert speed.seconds.value == pytest.approx(500e-9)


def test_finalists_are_measured_in_processes_of_their_own_from_their_files(task, make_paper, halved, tmp_path):
    """What screened them was a fork of this process."""
    paper = make_paper(COSTS)
    search(task, SearchSettings(folder=tmp_path, recipes=(halved,), preset="quick"), paper.hooks())
    screened = {subject.name for subject in paper.launched if subject.is_live}
    measured = {(subject.name, subject.arguments["compiled"]) for subject in paper.launched if not subject.is_live}
    assert screened == {"compiled", str(halved)}
    assert measured == {("baseline, eager", False), ("baseline, compiled", True), (str(halved), True)}


def test_a_candidate_that_loses_too_much_is_passed_over_and_not_measured(find, halved, ruined):
    """On the validation samples; the reason has both figures."""
    found = find(ruined, halved)
    lost = next(one for one in found.screened if one.built.recipe == ruined)
    assert lost.speed is None
    assert "points on the validation samples, and 1 are allowed" in lost.passed_over
    assert [one.name for one in found.finalists] == [str(halved)]


def test_a_recipe_that_fails_is_told_and_costs_no_other(find, halved, impossible):
    """With the technique's own words; so is one of a technique that does not exist."""
    unknown = Recipe((Step("shrink.v9"),))
    found = find(impossible, unknown, halved)
    assert [one.recipe for one in found.failed] == [impossible, unknown]
    assert "keep_ratio must be a ratio in (0, 1]; got 7" in found.failed[0].reason
    assert "a technique must be one of compile.v1" in found.failed[1].reason
    assert found.chosen.name == str(halved)


def test_a_technique_that_does_not_keep_its_claim_gives_no_candidate(find, halved, monkeypatch):
    """Whoever says that units are gone has to show it."""
    from tinytorch.perf import TECHNIQUES

    liar = replace(TECHNIQUES["prune.units.v1"], apply=lambda model, **_: model)
    monkeypatch.setitem(TECHNIQUES, "prune.units.v1", liar)
    found = find(halved)
    assert found.chosen is None
    assert "what prune.units.v1 claims must be true of the result" in found.failed[0].reason


def test_what_was_screened_as_no_better_than_another_is_no_finalist(find, halved, int8):
    """Slower and larger, and no more accurate."""
    whole = Recipe((Step("compile.v1"),))
    found = find(whole, halved, int8)
    reasons = {str(one.built.recipe): one.passed_over for one in found.screened}
    assert reasons["compiled"] == "another one is as fast, as small and as accurate"
    assert reasons[str(halved)] == ""


def test_the_screening_decides_the_order_and_the_last_comparison_the_figures(task, make_paper, halved, int8, tmp_path):
    """A candidate that only seemed fast keeps its place, and gets the speed that it has: no winner's curse."""
    paper = make_paper(COSTS)

    def launch(subject, conditions):
        worker = paper.launch(subject, conditions)
        if not subject.is_live and "units" in subject.name:
            worker.cost.of_one_call = 4000
        return worker

    settings = SearchSettings(folder=tmp_path, recipes=(halved, int8), preset="quick")
    found = search(task, settings, replace(paper.hooks(), launch=launch))
    assert found.chosen.name == str(halved)
    assert found.chosen.speed.to_compiled.ratio.value == pytest.approx(0.25)
    assert found.chosen.speed.to_compiled.outcome == "slower"


def test_nothing_is_chosen_that_is_not_shown_to_be_as_accurate(find, halved):
    """With 600 test samples, no model can be shown to lose less than a tenth of a point."""
    found = find(halved, max_accuracy_drop=0.001)
    assert (found.chosen, found.finalists[0].is_shown) == (None, False)
    assert found.advice == "600 test samples do not show of any finalist that it loses at most 0.1 points."


def test_a_finalist_that_fails_in_the_last_comparison_has_no_speed_and_is_told(find, halved, int8):
    """The others keep theirs."""
    found = find(halved, int8, broken=("int8",))
    assert {one.name: one.speed is None for one in found.finalists} == {str(halved): False}
    assert "it failed while it was measured" in {one.passed_over for one in found.screened}


def test_without_processes_size_and_accuracy_stand_and_notes_say_why(find, halved):
    """Nothing is measured, and no speed is made up."""

    def launch(subject, conditions):
        raise MeasurementError("no more processes\nat all")

    found = find(halved, hooks=Hooks(launch=launch))
    assert found.finalists[0].speed is None
    assert found.chosen.name == str(halved)
    assert [note for note in found.notes if "no more processes" in note] == [
        "The candidates could not be screened for speed: no more processes.",
        "The finalists could not be compared in fresh processes: no more processes.",
    ]


@pytest.mark.parametrize("stage", ["trying recipes", "screening", "measuring the finalists"])
def test_an_interrupt_gives_what_was_found_until_then(find, make_paper, halved, int8, stage):
    """Whatever it is doing."""
    told = count()

    def tell(progress):
        if progress.stage == stage and next(told) == 1:
            raise KeyboardInterrupt

    found = find(halved, int8, hooks=make_paper(COSTS).hooks(on_progress=tell))
    assert not found.complete
    assert "broken off" in found.notes[1]
    assert [str(one.built.recipe) for one in found.screened][:1] == [str(halved)]
    json.dumps(found.to_dict(raw=True), allow_nan=False)


def test_no_recipe_is_begun_after_its_share_of_the_time(find, clock, halved, int8, make_paper):
    """Six tenths are for making candidates; what comes too late is told as such."""

    def tell(progress):
        if "int8" in progress.detail:
            clock.pass_time(7 * 10**9)

    found = find(halved, int8, budget_seconds=10.0, hooks=make_paper(COSTS).hooks(on_progress=tell))
    assert [one.recipe for one in found.failed] == [int8]
    assert "a candidate must be finished within 60 % of the 10 s" in found.failed[0].reason
    assert (found.seconds >= 7, found.budget_seconds, found.chosen.name) == (True, 10.0, str(halved))


def test_the_files_hold_what_was_judged(find, task, halved, int8):
    """The size is that of the file; reading it again gives the same model."""
    found = find(halved, int8)
    for one in found.screened:
        assert one.built.size == one.built.path.stat().st_size
        again = read_to_run(one.built.path, one.built.recipe, task)
        assert (again(task.sample).data == one.built.model(task.sample).data).all()
    assert load_model(found.chosen.built.path)[0].out_features == 8


def test_the_record_has_every_figure_and_goes_through_json(find, halved, ruined, impossible):
    """With the raw comparison, where that is asked for."""
    found = find(halved, ruined, impossible)
    record = json.loads(json.dumps(found.to_dict(raw=True), allow_nan=False))
    assert record["chosen"] == str(halved) == record["finalists"][0]["recipe"]
    assert record["finalists"][0]["techniques"][0] == {"name": "prune.units.v1", "options": {"keep_ratio": 0.5}}
    assert record["finalists"][0]["speed"]["to_eager"]["speedup"] == pytest.approx(10)
    assert record["finalists"][0]["test"]["beside"]["standing"] == "non-inferior"
    assert (len(record["screened"]), len(record["failed"])) == (2, 1)
    assert record["comparison"]["subjects"][0]["name"] == "baseline, eager"
    assert "comparison" not in found.to_dict()


def test_a_step_is_taken_once_however_many_recipes_begin_with_it(find, monkeypatch, halved):
    """Teaching takes most of the time."""
    from tinytorch.perf import TECHNIQUES

    prune, calls = TECHNIQUES["prune.units.v1"], []

    def counted(model, **options):
        calls.append(options)
        return prune.apply(model, **options)

    monkeypatch.setitem(TECHNIQUES, "prune.units.v1", replace(prune, apply=counted))
    bytewise = Recipe((halved.steps[0], Step("quantize.int8.dynamic.v1"), Step("compile.v1")))
    find(halved, bytewise)
    assert [options["keep_ratio"] for options in calls] == [0.5]


def test_what_was_taught_is_kept_and_taken_again(find, tmp_path, monkeypatch, halved):
    """The second time nobody is taught."""
    schooled = Recipe((halved.steps[0], Step("distil.v1"), Step("compile.v1")))
    first = find(schooled, kept=tmp_path / "kept").screened[0].built
    monkeypatch.setattr("tinytorch.capstone.search.candidates.taught", None)
    again = find(schooled, kept=tmp_path / "kept").screened[0].built
    assert again.path.read_bytes() == first.path.read_bytes()
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".safetensors"]


def test_fine_tuning_for_bytes_is_refused_where_rounding_costs_little(find, halved):
    """What is trained on and judged again and again can come out luckier, and no more."""
    aware = Recipe((Step("quantize.int8.aware.v1"), Step("compile.v1")))
    found = find(halved, aware)
    assert "what rounding costs must be more than 0.5 points" in found.failed[0].reason


def test_fine_tuning_for_bytes_is_done_where_rounding_costs_much(find, monkeypatch):
    """It is taught by the baseline, and gives a model of bytes."""
    monkeypatch.setattr("tinytorch.capstone.search.candidates.COSTLY", -1.0)
    found = find(Recipe((Step("quantize.int8.aware.v1"), Step("compile.v1"))))
    assert found.failed == ()
    assert "QuantizedLinear" in repr(load_model(found.screened[0].built.path))


def test_a_candidate_that_is_not_as_small_as_asked_for_is_passed_over(find, halved, int8):
    """Before anything is measured; the reason has both figures."""
    found = find(halved, int8, min_compression=1.1)
    large = next(one for one in found.screened if one.built.recipe == int8)
    assert large.speed is None
    assert "times smaller, and 1.1 are asked for" in large.passed_over
    assert found.chosen.name == str(halved)


def test_a_task_may_bring_recipes_of_its_own(task, make_paper, tmp_path, halved):
    """They are tried unless others are given."""
    own = replace(task, recipes=(halved,))
    found = search(own, SearchSettings(folder=tmp_path, preset="quick"), make_paper(COSTS).hooks())
    assert [str(one.built.recipe) for one in found.screened] == [str(halved)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_compression": -1},
        {"min_compression": float("nan")},
        {"max_accuracy_drop": 0},
        {"max_accuracy_drop": 1},
        {"goal": "beauty"},
        {"finalists": 0},
    ],
)
def test_settings_out_of_range_are_refused_before_the_work(wrong):
    """The setting is named."""
    with pytest.raises(RangeError, match=next(iter(wrong))):
        SearchSettings(**wrong)


@pytest.mark.parametrize("seconds", [0, float("nan"), float("inf")])
def test_a_budget_is_a_finite_number_of_seconds(find, halved, seconds):
    """NaN and infinity are refused too."""
    with pytest.raises(RangeError, match="the budget"):
        find(halved, budget_seconds=seconds)
