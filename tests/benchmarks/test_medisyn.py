"""The benchmark of the generalist: end to end on a tiny one, and its line where none is recorded."""

import json

import pytest

from benchmarks import medisyn
from benchmarks.generalist import distinct
from benchmarks.generalist.paraphrases import HELD_OUT, LEARNT, free_texts
from factory.generators.specs import MediSynSpec
from factory.images import ImageSection
from factory.prompts.captions.caption import check_words
from factory.prompts.captions.wording import load_wording, words
from factory.prompts.grid import PromptGrid
from factory.sources.phantom import PhantomSource
from factory.training.sentences import caption_corpus
from flows.planning.recipe import load_recipe
from tasks.generator_training import training_data
from tasks.real_data import Reference

DOMAINS = ("phantom-breast-us", "phantom-colonoscopy")
SPEC = {
    "preset": "tiny",
    "train": {
        "steps": 2,
        "batch": 2,
        "autoencoder": {"factor": 4, "steps": 2, "batch": 2},
        "text": {"steps": 2},
        "augment": {"copies": 1},
    },
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("medisyn")
    source = PhantomSource(domains=DOMAINS, train=9, val=6, test=6).build()
    data = training_data(Reference.of(source, ImageSection(size=32, channels=3)))
    for _ in MediSynSpec.model_validate(SPEC).learn(data, folder):
        pass
    return folder


def test_paraphrases_are_held_out_and_of_known_words():
    domains = load_recipe("medisyn").source.build().domains
    cells = [(d, finding, i) for d in domains.values() for finding in d.findings for i in range(8)]
    known = frozenset(w for told in caption_corpus(domains) for w in words(told.text))
    check_words([p.text for forms in (LEARNT, HELD_OUT) for p in free_texts(cells, forms)], known)
    wording = load_wording()
    taught = {
        form.format(head=head, finding="{finding}")
        for form in wording.findings
        for head in wording.heads
    }
    assert set(LEARNT) <= taught
    assert not set(HELD_OUT) & taught


def test_the_recipe_covers_what_a_generalist_must():
    domains = load_recipe("medisyn").source.build().domains.values()
    assert len({domain.modality for domain in domains}) >= 10
    assert len({domain.specialty for domain in domains}) >= 6
    assert all(len(domain.findings) >= 2 for domain in domains)


@pytest.mark.parametrize("name", load_recipe("medisyn").source.build().domains)
def test_a_specialist_is_one_changed_line(name):
    recipe = load_recipe("medisyn", [f"source.domains=[{name}]"])
    grid = PromptGrid(recipe.grid, recipe.source.build().domains)
    assert {prompt.domain for prompt in grid} == {name}
    assert len({prompt.finding for prompt in grid}) >= 2


@pytest.mark.slow
def test_every_figure_of_a_tiny_generalist(checkpoint, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(medisyn, "QUICK", (2, 1, 3))
    monkeypatch.setattr(distinct, "ENCODER_STEPS", 2)
    stored = tmp_path / "compare.json"
    entry = {"value": 1.0, "low": 0.5, "high": 1.5, "n": 2}
    stored.write_text(json.dumps({"figures": {"generalist_distance_ratio": entry}}))
    changes = [
        f"source.domains=[{', '.join(DOMAINS)}]",
        *("source.train=9", "source.val=6", "source.test=6", "image.size=32"),
        *("generator.sample.steps=2", "generator.sample.batch=4"),
    ]
    words = [word for change in changes for word in ("--set", change)]
    there = ["--checkpoint", str(checkpoint), "--compare", str(stored)]
    asked = ["medisyn", "--quick", "--json", "--pictures", str(tmp_path), *there, *words]
    monkeypatch.setattr("sys.argv", asked)
    medisyn.main()
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["modalities"]["value"] == figures["specialties"]["value"] == 2
    assert figures["generalist_distance_ratio"]["high"] == 1.5
    assert {"alignment_modality", "alignment_finding", "paraphrase_agreement"} <= set(figures)
    assert figures["canary_caught"]["n"] == 2 * 5 * 8
    assert figures["canary_false_alarms"]["n"] == 2 * 6
    for embedding in ("pixels", "encoder"):
        assert {f"{each}_{embedding}" for each in ("corresponding", "distance_ratio_copies")} <= (
            set(figures)
        )
    assert {file.name for file in tmp_path.glob("*.png")} == {
        "medisyn-pairs.png",
        "medisyn-nearest-training.png",
    }


def test_without_a_checkpoint_one_line_says_how_to_train_one(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["medisyn", "--checkpoint", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        medisyn.main()
    assert stopped.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "medpair train medisyn" in said


def test_a_file_that_is_no_comparison_is_named(monkeypatch, capsys, tmp_path):
    file = tmp_path / "other.json"
    file.write_text("{}")
    monkeypatch.setattr("sys.argv", ["medisyn", "--compare", str(file)])
    with pytest.raises(SystemExit):
        medisyn.main()
    assert "medpair compare medisyn" in capsys.readouterr().err
