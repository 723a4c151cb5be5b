"""The lists of cases: complete, plain, distinct, and true to the recipes."""

import json
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from s4audio.benchmark import Case
from s4audio.benchmark.suites import FULL, QUICK, SUITES, list_groups
from s4audio.benchmark.suites.training import RECIPES, training_step
from s4audio.errors import UserError
from s4audio.models import ClassifierConfig
from s4audio.tasks import OptimizerConfig

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE_FILES = {
    "S4, 10 words": "sc10_s4",
    "S4D, 10 words": "sc10_s4d",
    "DSS, 10 words": "sc10_dss",
    "SGConv, 10 words": "sc10_sgconv",
    "S4, 35 words": "sc35_s4",
    "S4D, 35 words": "sc35_s4d",
}


def groups(sizes=FULL, threads=2):
    return list_groups(list(SUITES), replace(sizes, published="papers"), threads)


@pytest.mark.parametrize("sizes", [FULL, QUICK], ids=["full", "quick"])
def test_cases_are_plain_json(sizes):
    for group in groups(sizes):
        for case in group.cases:
            assert Case(**json.loads(json.dumps(asdict(case)))) == case
            assert callable(import_module(f"s4audio.benchmark.subjects.{case.subject}").prepare)


@pytest.mark.parametrize("sizes", [FULL, QUICK], ids=["full", "quick"])
def test_groups_make_sense(sizes):
    titles = [group.title for group in groups(sizes)]
    assert len(set(titles)) == len(titles)
    for group in groups(sizes):
        assert group.suite in SUITES
        lines = [(case.name, case.length) for case in group.cases]
        assert len(set(lines)) == len(lines), f"two rows of one name in {group.title}"
        assert group.cases[0].timed
        assert sum(case.judge for case in group.cases) <= 1
        if not group.per_sample:
            assert len({case.samples for case in group.cases}) == 1


def test_the_quick_run_is_small():
    quick = [case for group in groups(QUICK) for case in group.cases if group.suite != "published"]
    assert len(quick) <= 19
    subjects = {"kernel", "convolution", "block", "training", "streaming", "generation"}
    assert {case.subject for case in quick} == subjects
    assert all("keops" not in json.dumps(case.parameters) for case in quick)
    assert all(case.gigabytes == 0 for case in quick)


def test_what_is_promised_is_measured():
    cases = [(group, case) for group in groups() for case in group.cases]
    for kind in ("s4", "s4d", "dss"):
        forms = {
            case.parameters["form"]
            for group, case in cases
            if group.suite == "kernels" and case.parameters["network"]["kind"] == kind
        }
        assert forms >= {"gemm", "naive", "keops", "textbook", "textbook keops"}
    for suite in ("block", "training"):
        mine = [case for group, case in cases if group.suite == suite]
        assert {case.dtype for case in mine} >= {"float32", "bfloat16"}
        assert {case.keeps_memory for case in mine} == {True, False}
        assert {case.threads for case in mine} == {1, 2}
    blocks = [case for group, case in cases if group.suite == "lengths" and case.name == "S4"]
    assert (blocks[0].length, blocks[-1].length) == (1_000, 1_048_576)
    assert all(case.parameters["network"]["d_model"] == 64 for case in blocks)


@pytest.mark.parametrize(("threads", "counts"), [(1, []), (2, [1, 2]), (6, [1, 2, 4, 6])])
def test_threads(threads, counts):
    found = [g for g in list_groups(["kernels"], FULL, threads) if "by threads" in g.title]
    assert [case.threads for group in found for case in group.cases] == counts


@pytest.mark.parametrize("name", list(RECIPES))
def test_training_against_the_recipes(name):
    recipe = yaml.safe_load(
        (REPOSITORY / f"recipes/speech_commands/{RECIPE_FILES[name]}.yaml").read_text()
    )
    case = training_step(name, FULL, 1)
    options = recipe["model"]["init_args"]
    network = ClassifierConfig(**options["network"])
    ours = ClassifierConfig.from_dict({**case.parameters["network"], "length": case.length})
    assert ours == network
    optimizer = OptimizerConfig(**options.get("optimizer", {}))
    assert OptimizerConfig(**case.parameters["optimizer"]) == optimizer
    data = recipe["data"]["init_args"]
    assert (case.parameters["batch"], case.parameters["classes"]) == (
        data["batch_size"],
        data["words"],
    )


def test_mistakes():
    with pytest.raises(UserError, match=r"unknown suite 'kernel': did you mean 'kernels'\?"):
        list_groups(["kernel"], FULL, 1)
    with pytest.raises(UserError, match="threads is 0"):
        list_groups(["kernels"], FULL, 0)


def test_generation_tells_the_memory_of_what_keeps_the_past():
    needs = {
        (case.name, case.parameters["batch"], case.length): case.gigabytes
        for group in list_groups(["generation"], FULL, threads=2)
        for case in group.cases
    }
    assert needs["S4D", 16, 16_384] == needs["S4D", 1, 256] == 1
    assert needs["Transformer with cache", 16, 16_384] == pytest.approx(4.2, abs=0.1)
    assert needs["SGConv", 16, 16_384] > 16
