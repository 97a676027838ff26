"""Checking a bundle: what is refused, what is reproduced, what is not, and what nobody can tell."""

import json
import math

import numpy as np
import pytest

from capstone.bundle.claims import PLAN, Paper, changed
from tinytorch.benchmarking.adapters.tinytorch_files import load_model, save_model
from tinytorch.capstone.bundle import Answer, Checks, pack, speed, verification, verify
from tinytorch.capstone.bundle.archive import entry_of
from tinytorch.capstone.bundle.rebuilding import read_rows
from tinytorch.capstone.bundle.witness import testimony as told_by
from tinytorch.capstone.record import pack_labels, parameter_sha256, unpack_labels
from tinytorch.capstone.record.derived import derived_improvements, derived_metrics, derived_samples
from tinytorch.capstone.verdicts import derived_comparison
from tinytorch.errors import DataError, SubmissionError


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Let models be examined here: starting a process takes longer than all the rest; one test does that."""
    monkeypatch.setattr(verification, "heard", told_by)


@pytest.fixture
def check(clock):
    """Give a function that packs a submission and checks it, on a machine on paper."""

    def run(claim, world=None, **how):
        world = world or Paper(clock)
        return verify(pack(claim).path, Checks(preset=PLAN, hooks=world.hooks(), **how))

    return run


def answers(found):
    """Give the answer of each finding, by what was asked."""
    return {one.what: str(one.answer) for one in found.findings}


def details_of(found, what):
    """Give all that is told of one question."""
    one = next(one for one in found.findings if one.what == what)
    return " ".join([one.reason, *one.details])


ALL = ("baseline: model", "baseline: accuracy", "optimized: model", "optimized: accuracy", "speed-up")


def test_a_true_claim_is_reproduced(check, claim):
    """Every question has an answer, and both intervals are there."""
    found = check(claim)
    assert answers(found) == dict.fromkeys(ALL, "reproduced")
    assert found.answer is Answer.REPRODUCED
    assert found.intervals["claimed"]["value"] == pytest.approx(2.0, rel=0.01)
    slack = 1.005  # on a clock without noise an interval is as narrow as the clock's cost, which is no part of the 2
    for name, truth in (("found", 2.0), ("change", 1.0)):
        assert found.intervals[name]["low"] / slack <= truth <= found.intervals[name]["high"] * slack
    assert len(found.reasons) == len(ALL)
    assert json.loads(json.dumps(found.to_dict()))["answer"] == "reproduced"


def test_what_is_timed_is_what_was_run(check, claim, clock):
    """The optimized model compiled, the baseline not; both on the data's first sample, whatever their files say."""
    world = Paper(clock)
    inputs = []
    whole = world.launch

    def launch(subject, conditions):
        inputs.append(read_rows(subject.arguments["inputs"]))
        return whole(subject, conditions)

    world.launch = launch
    check(claim, world)
    assert {(subject.name, subject.arguments["compiled"]) for subject in world.subjects} == {
        ("baseline", False),
        ("optimized", True),
    }
    assert {one.shape for one in inputs} == {(1, 64)}


def test_a_claim_that_is_not_true_here_is_not_reproduced(check, claim, clock):
    """Here it is no faster."""
    found = check(claim, Paper(clock, optimized=19_000))
    assert found.answer is Answer.NOT_REPRODUCED
    assert answers(found) == dict.fromkeys(ALL, "reproduced") | {"speed-up": "not reproduced"}
    assert "times the claimed speed-up was found" in found.reasons[0]


def test_a_claim_in_the_other_direction_is_not_reproduced(check, claim, clock):
    """Here it is slower."""
    found = check(claim, Paper(clock, optimized=21_000))
    assert "the claim says faster, and here it is slower" in found.reasons[0]


def double(document):
    """Claim twice the speed-up, in each raw round and all that follows: no rule can see that."""
    comparison = document["comparison"]
    comparison["log_ratios"] = [[value + math.log(2) for value in session] for session in comparison["log_ratios"]]
    comparison |= derived_comparison(comparison)


def test_a_doubled_claim_is_found_out(check, claim):
    """By measuring again."""
    changed(claim, double)
    found = check(claim)
    assert found.intervals["claimed"]["value"] == pytest.approx(4.0, rel=0.01)
    assert answers(found)["speed-up"] == "not reproduced"


def test_a_doubled_number_is_refused(check, claim):
    """By working it out of the raw rounds."""
    changed(claim, lambda document: document["comparison"].update(speedup=4.0))
    with pytest.raises(SubmissionError, match="speedup"):
        check(claim)


def test_the_other_speed_up_is_not_believed(check, claim, clock):
    """A ratio of two means cannot be checked; where it is far above what was found, a note says so."""
    assert not [note for note in check(claim).notes if "improvements.speedup" in note]
    notes = check(claim, Paper(clock, optimized=19_500)).notes
    assert [note for note in notes if "is a ratio of two means of one process, which nobody can check" in note]


def other_weights(claim, part="optimized"):
    """Change the weights of a model a little, and the submission's hash of its file with them."""
    path = claim.parent / f"{part}.safetensors"
    model = load_model(path)
    model[0].weight.data[0] += 1e-3
    save_model(model, path, (1, 64))
    entry = entry_of(part, path)
    changed(claim, lambda document: document[part]["artifact"].update(sha256=entry.sha256, size_bytes=entry.size))
    return model


def test_changed_weights_are_found_out(check, claim):
    """By the hash of the parameters; nothing is then timed."""
    other_weights(claim)
    found = check(claim)
    assert answers(found)["optimized: model"] == "not reproduced"
    assert "parameter_sha256 is" in details_of(found, "optimized: model")
    assert details_of(found, "speed-up") == "it was not measured, as the models are not what was claimed"
    assert found.answer is Answer.NOT_REPRODUCED


def test_other_weights_with_all_their_hashes_are_found_out_too(check, claim):
    """By what they get right."""
    path = claim.parent / "optimized.safetensors"
    model = load_model(path)
    model[-1].weight.data[...] = model[-1].weight.data[:, ::-1]
    save_model(model, path, (1, 64))
    entry = entry_of("optimized", path)

    def change(document):
        document["optimized"]["artifact"] |= {"sha256": entry.sha256, "size_bytes": entry.size}
        document["optimized"]["parameter_sha256"] = parameter_sha256(model)

    changed(claim, change)
    found = check(claim)
    assert answers(found)["optimized: model"] == "reproduced"
    assert answers(found)["optimized: accuracy"] == "not reproduced"
    assert "samples have another class than in the submission, 0 of them ties" in details_of(
        found, "optimized: accuracy"
    )


def test_changed_predictions_are_found_out(check, claim):
    """Also where as many are right as before: the sample is named."""

    def change(document):
        samples, labels = document["optimized"]["samples"], unpack_labels(document["dataset"]["labels"])
        classes = unpack_labels(samples["predictions"])
        wrong = np.flatnonzero(classes != labels)[0]
        classes[wrong] = (labels[wrong] + 1 if classes[wrong] != (labels[wrong] + 1) % 10 else labels[wrong] + 2) % 10
        samples["predictions"] = pack_labels(classes)

    changed(claim, change)
    told = details_of(check(claim), "optimized: accuracy")
    assert "1 of 359 samples have another class than in the submission" in told
    assert "in the submission," in told


def test_changed_labels_are_found_out(check, claim):
    """Where all is right by the submission's own labels, which no rule can see."""

    def change(document):
        document["dataset"]["labels"] = document["optimized"]["samples"]["predictions"]
        for part in ("baseline", "optimized"):
            document[part]["samples"] |= derived_samples(document[part], document["dataset"]["labels"])
            document[part]["metrics"] |= derived_metrics(document[part], document)
        document["improvements"] = derived_improvements(document)

    changed(claim, change)
    found = check(claim)
    assert "359 in the submission: its labels are not those of the data" in details_of(found, "optimized: accuracy")
    assert found.answer is Answer.NOT_REPRODUCED


def test_a_file_that_is_not_the_one_named_is_refused(claim, tmp_path):
    """Before anything in it is looked at."""
    packed = pack(claim)
    raw = bytearray((tmp_path / packed.path).read_bytes())
    start = raw.index(b"submission.json")
    place = raw.index(b'"sha256": "', start) + 11
    raw[place] = ord("0") if raw[place] != ord("0") else ord("1")
    (tmp_path / "tampered.zip").write_bytes(raw)
    with pytest.raises(SubmissionError, match="the CRC-32 of a file must be that of its bytes"):
        verify(tmp_path / "tampered.zip")


def test_a_model_left_out_is_refused(claim, tmp_path, monkeypatch):
    """Where the submission names it."""
    from tinytorch.capstone.bundle import packing

    monkeypatch.setattr(packing, "_models", lambda *_: {})
    with pytest.raises(
        SubmissionError, match=r"the file of a model must be in the bundle; got no baseline\.safetensors"
    ):
        verify(pack(claim, output=tmp_path / "b.zip").path)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"keep_ratio": 0.25}, "prune.units.v1: "), ({"speed": 2}, "its options must be those of the technique")],
)
def test_a_technique_that_was_not_applied_so_is_found_out(check, claim, options, words):
    """Its claim is tested on the model, beside the baseline."""
    changed(claim, lambda document: document["optimized"]["techniques"][0].update(options=options))
    found = check(claim, speed=False)
    assert answers(found)["optimized: model"] == "not reproduced"
    assert words in details_of(found, "optimized: model")


def test_a_technique_without_a_claim_is_said_to_have_none(check, claim):
    """Nobody can see of a model what taught it."""
    changed(claim, lambda document: document["optimized"]["techniques"].insert(1, {"name": "distil.v1"}))
    found = check(claim, speed=False)
    assert answers(found)["optimized: model"] == "reproduced"
    assert "distil.v1 makes no claim that can be checked" in details_of(found, "optimized: model")


def test_without_speed_the_rest_is_checked(check, claim):
    """And it is said."""
    found = check(claim, speed=False)
    assert answers(found) == dict.fromkeys(ALL[:-1], "reproduced")
    assert "The speed-up was not measured, as nobody asked for it." in found.notes
    assert found.intervals == {}


def test_a_margin_of_ones_own_decides(check, claim, clock):
    """What the machine may change is the reader's to say."""
    world = Paper(clock, optimized=12_000)
    assert answers(check(claim, world, margin=0.05))["speed-up"] == "not reproduced"
    assert answers(check(claim, Paper(clock, optimized=12_000), margin=0.5))["speed-up"] == "reproduced"


def test_the_same_processor_may_change_less(check, claim, clock, monkeypatch):
    """Than another one."""
    monkeypatch.setattr(speed, "processor_here", lambda: "A 1")
    changed(claim, lambda document: document["environment"]["system_info"].update(cpu_model="A 1"))
    assert check(claim, Paper(clock)).intervals["margin"] == 0.05
    monkeypatch.setattr(speed, "processor_here", lambda: "B 2")
    found = check(claim, Paper(clock))
    assert found.intervals["margin"] == 0.25
    assert "The claim was measured on this processor: A 1." in found.notes


def test_a_data_set_that_nobody_has_leaves_it_open(check, claim):
    """Neither accuracy nor speed can be told then; that the models are what they say can."""
    changed(claim, lambda document: document["dataset"].update(name="weather"))
    found = check(claim)
    assert answers(found) == {
        "baseline: model": "reproduced",
        "baseline: accuracy": "cannot tell",
        "optimized: model": "reproduced",
        "optimized: accuracy": "cannot tell",
        "speed-up": "cannot tell",
    }
    assert found.answer is Answer.CANNOT_TELL
    assert "its data set cannot be had here" in found.reasons[0]


def test_a_submission_without_a_comparison_leaves_the_speed_open(check, claim):
    """Two means of one process have no interval."""
    changed(claim, lambda document: document.pop("comparison"))
    assert "without raw rounds or an interval" in details_of(check(claim), "speed-up")


def test_without_the_kernels_nobody_can_tell(check, claim, monkeypatch):
    """Where the claim was made with compiled code that is not here."""
    monkeypatch.setattr("tinytorch.perf.kernels.has_numba", lambda: False)
    changed(claim, lambda document: document["environment"]["system_info"].update(versions={"numba": "0.61.0"}))
    found = check(claim)
    assert answers(found)["speed-up"] == "cannot tell"
    assert "which is not here: pip install numba" in details_of(found, "speed-up")


def test_where_the_instrument_is_too_coarse_nobody_can_tell(check, claim, clock):
    """Its certificate says so."""
    rng = np.random.default_rng(0)
    world = Paper(clock, speed=lambda now: float(np.exp(rng.normal(0, 1.0))))
    found = details_of(check(claim, world), "speed-up")
    assert "two identical models cannot be told apart here by less than" in found


def test_a_coarse_instrument_widens_the_margin(check, claim, clock):
    """A claim that is twice too large is found out all the same."""
    changed(claim, double)
    rng = np.random.default_rng(0)
    found = check(claim, Paper(clock, speed=lambda now: float(np.exp(rng.normal(0, 0.2)))), margin=0.001)
    assert 0.001 < found.intervals["margin"] < 0.25
    assert answers(found)["speed-up"] == "not reproduced"


def test_where_nothing_can_be_measured_nobody_can_tell(check, claim, clock):
    """With the reason."""

    class Nowhere(Paper):
        def launch(self, subject, conditions):
            raise DataError("there is no room")

    assert "could not be measured here: there is no room" in details_of(check(claim, Nowhere(clock)), "speed-up")


def test_a_broken_off_comparison_tells_nothing(check, claim, clock):
    """Whatever it had found by then."""
    world = Paper(clock)
    world.interrupts_at = ("epoch", 5, 3)
    assert details_of(check(claim, world), "speed-up").startswith("the comparison was broken off")


def test_code_of_a_stranger_is_not_run_unless_asked(check, claim, tmp_path, monkeypatch):
    """With --trust-code it is."""
    (tmp_path / "stranger.py").write_text(
        "from tinytorch.capstone.digits_classifier import digits_classifier\n"
        "import pathlib\n"
        f"pathlib.Path({str(tmp_path / 'was-run')!r}).touch()\n"
        "def make():\n    return digits_classifier(16)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def change(document):
        document["optimized"] |= {"factory": "stranger:make", "architecture": None}

    changed(claim, change)
    found = check(claim)
    assert answers(found)["optimized: model"] == "cannot tell"
    assert "give --trust-code to run it" in details_of(found, "optimized: model")
    assert not (tmp_path / "was-run").exists()
    trusted = check(claim, trust_code=True)
    assert answers(trusted) == dict.fromkeys(ALL, "reproduced")
    assert (tmp_path / "was-run").exists()


def test_a_model_of_another_framework_is_not_run(check, claim):
    """An ONNX file is checked by its hash only."""
    artifact = claim.parent / "optimized.onnx"
    artifact.write_bytes(b"\x08\x07")
    entry = entry_of("a", artifact)

    def change(document):
        document["optimized"]["artifact"] |= {
            "path": "optimized.onnx",
            "sha256": entry.sha256,
            "size_bytes": 2,
            "media_type": "application/onnx",
        }

    changed(claim, change)
    assert "the only one that is run here" in details_of(check(claim), "optimized: model")


def test_a_submission_of_the_first_version_has_nothing_to_check(tmp_path, generated):
    """It is whole and valid; that is all there is."""
    path = tmp_path / "old.json"
    path.write_text(json.dumps(generated))
    found = verify(pack(path).path)
    assert set(answers(found).values()) == {"cannot tell"}


def test_nobody_signed_is_said(check, claim):
    """A bundle that is whole may be anybody's."""
    assert "Nobody signed it" in check(claim, speed=False).notes[0]


def test_a_model_is_examined_in_a_process_of_its_own(claim, monkeypatch):
    """With the same answers."""
    from tinytorch.capstone.bundle.witness import heard

    monkeypatch.setattr(verification, "heard", heard)
    found = verify(pack(claim).path, Checks(speed=False))
    assert answers(found) == dict.fromkeys(ALL[:-1], "reproduced")


def test_every_answer_has_its_precedence():
    """One that is not reproduced decides; then one that nobody can tell."""
    from tinytorch.capstone.bundle.findings import answer_of

    yes, no, open_ = Answer.REPRODUCED, Answer.NOT_REPRODUCED, Answer.CANNOT_TELL
    assert answer_of([yes, open_, no]) is no
    assert answer_of([yes, open_]) is open_
    assert answer_of([yes, yes]) is yes
