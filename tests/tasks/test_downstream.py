"""The experiment trains on what it may, tests on what it must not have seen, and trains nothing twice."""

import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation.errors import InputError
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.settings import ARMS, UtilitySection
from evaluation.utility.arm_search import Choice, Mixture
from evaluation.utility.arms import Arm
from evaluation.utility.classification import stratified_subset
from evaluation.utility.exposure import NO_EXPOSURE, TrainingExposure
from evaluation.utility.registry import utility_of
from factory.errors import InputError as SourceError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.folder import FolderSource
from factory.sources.phantom import PhantomSource
from tasks.downstream import CHOICE, DownstreamExperiment
from tasks.real_data import Reference

IMAGE = ImageSection(size=32)
SECTION = UtilitySection(real=(2,), seeds=1, steps=2, arms=tuple(ARMS))


class Unrecorded:
    """A record that keeps nothing."""

    @contextmanager
    def child(self, name, tags=None):
        yield self

    def tags(self, values):
        assert set(values) == {"chosen"}

    def parameters(self, values):
        assert {"domain", "kind", "real", "seed", "ratio", "steps"} <= set(values)

    def metrics(self, values, step=0):
        assert all(np.isfinite(list(values.values())))

    def curve(self, points):
        assert points


@pytest.fixture(scope="module")
def phantoms():
    source = PhantomSource(domains=("phantom-breast-us",), train=6, val=3, test=3).build()
    made = PhantomSource(domains=("phantom-breast-us",), train=4, val=1, test=1, seed=9).build()
    return Reference.of(source, IMAGE, "test"), source.read("val", IMAGE), made.read("train", IMAGE)


@pytest.fixture
def experiment(phantoms, tmp_path):
    reference, _, made = phantoms
    return DownstreamExperiment(SECTION, reference, made, "SNAPSHOT", tmp_path, Unrecorded())


def masks_of(cases):
    return utility_of({"segmentation": cases}).segmentation


def cases_of(experiment):
    return pd.concat([experiment.test_arm(arm) for arm in experiment.arms()], ignore_index=True)


def test_randomised_pairs_make_another_network_and_real_ones_the_same(experiment):
    bridged = replace(
        experiment,
        section=SECTION.model_copy(update={"domain_randomisation": DomainRandomisationSection()}),
    )
    far = DomainRandomisationSection(strength=2.0)
    farther = replace(experiment, section=SECTION.model_copy(update={"domain_randomisation": far}))
    for arm in experiment.arms():
        places = {each.place(arm) for each in (experiment, bridged, farther)}
        assert len(places) == (3 if arm.learns_synthetic else 1)


def test_every_arm_is_tested_and_trained_once(experiment):
    asked = experiment.arms()
    # Synthetic, and nine kinds at two real images; one of those is trained as another.
    assert (len(asked), len(experiment.untrained(asked))) == (10, 9)
    told = masks_of(cases_of(experiment))
    assert experiment.untrained(asked) == []
    assert set(told.levels["kind"]) == set(ARMS)
    assert (told.levels["weights"] == "last").all()
    stated = told.levels.drop_duplicates("kind").set_index("kind")["provenance"]
    alone = ["real", "augmented", "classical", "selftrained"]
    assert stated[alone].tolist() == [""] * 4
    assert set(stated.drop(alone)) == {"phantom"}
    assert told.levels["hd95"].notna().all()


def test_a_search_that_chooses_no_pairs_trains_nothing_of_its_own(experiment):
    real, found = (
        next(arm for arm in experiment.arms() if arm.kind == kind) for kind in ("real", "searched")
    )
    experiment.place(found).mkdir(parents=True)
    none = Choice(Mixture(), gain=-0.01, error=0.02, images=2)
    (experiment.place(found) / CHOICE).write_text(json.dumps(none.card))
    cases = experiment.test_arm(real)
    assert experiment.untrained([real, found]) == []
    same = experiment.test_arm(found)
    assert set(same["chosen"]) == {"no pairs"}
    assert same["dice"].equals(cases["dice"])
    assert [file.name for file in experiment.place(found).iterdir()] == [CHOICE]


def test_validation_chooses_weights_unless_rows_rest_on_few(experiment, phantoms):
    arm = Arm("unet", "phantom-breast-us", "real", "2", 2, 0)
    chosen = replace(experiment, validation=phantoms[1])
    assert chosen.test_arm(arm)["weights"].unique().tolist() == ["validated"]
    few = replace(chosen, exposure=TrainingExposure("limited", 6))
    assert few.test_arm(arm)["weights"].unique().tolist() == ["last"]
    assert few.place(arm) == experiment.place(arm) != chosen.place(arm)


def test_other_pairs_are_other_trainings_but_for_real_images(experiment):
    other = replace(experiment, snapshot="OTHER")
    same = {arm.kind: experiment.place(arm) == other.place(arm) for arm in experiment.arms()}
    without = {"real", "augmented", "classical", "selftrained", "reversed"}
    assert {kind for kind, equal in same.items() if equal} == without


def test_folds_test_every_patient_once_by_segmenters_without_them(experiment, phantoms):
    section = UtilitySection(real=(2,), seeds=1, steps=1, arms=("real",), folds=3)
    folded = replace(experiment, section=section, validation=phantoms[1])
    cases = cases_of(folded)
    macro = cases[cases["class"] == "macro"]
    assert sorted(macro["case"]) == list(range(6 + 3 + 3))
    assert set(macro["fold"]) == {0, 1, 2}
    for fold in range(3):
        learnt = set(folded.to_learn(fold).facets["name"])
        tested = macro[macro["fold"] == fold]
        assert not learnt & set(folded._pool.facets["name"].iloc[tested["case"]])
    assert len(masks_of(cases).levels.query("`class` == 'macro'")) == 1


def test_folds_of_patients_that_the_generator_knows_are_refused(experiment):
    section = UtilitySection(real=(2,), folds=2)
    with pytest.raises(InputError, match="patients that the generator was trained on"):
        replace(experiment, section=section, exposure=TrainingExposure("whole", 6)).arms()
    assert replace(experiment, section=section, exposure=NO_EXPOSURE).arms()


CHEST = "phantom-chest-xray"


def chest_bench(folder, **changes):
    """Chest X-rays, in some of which there is an opacity."""
    source = PhantomSource(domains=(CHEST,), train=9, val=6, test=6).build()
    made = PhantomSource(domains=(CHEST,), train=6, val=1, test=1, seed=9).build()
    values = {"real": ("50%",), "seeds": 1, "steps": 2, "unseen": ("opacity",)}
    section = UtilitySection(**(values | changes))
    reference = Reference.of(source, IMAGE, "test")
    validation = source.read("val", IMAGE)
    return DownstreamExperiment(
        section, reference, made.read("train", IMAGE), "S", folder, Unrecorded(), NO_EXPOSURE,
        validation,
    )  # fmt: skip


def test_no_real_image_of_an_unseen_class_teaches_or_chooses(tmp_path):
    experiment = chest_bench(tmp_path)
    opacity = experiment.reference.classes[CHEST].index("opacity") + 1
    shows = [
        (pairs.masks == opacity).any()
        for pairs in (experiment.reference.train, experiment.validation)
    ]
    assert shows == [True, True]
    assert not (experiment.to_learn(None).masks == opacity).any()
    asked = experiment.arms()
    # Half of what remains once the images with an opacity are gone.
    half = round(len(experiment.to_learn(None)) / 2)
    assert {arm.real for arm in asked} == {"", str(half)}
    assert not any((experiment._choosers(arm).masks == opacity).any() for arm in asked)
    assert experiment._targets(asked[0]) == experiment.reference.classes[CHEST]
    cases = cases_of(experiment)
    assert set(cases.loc[cases["unseen"], "class"]) == {"opacity"}
    assert cases.loc[cases["unseen"], "shown"].any()  # held-out images show everything
    told = masks_of(cases)
    assert told.unseen["kind"].tolist() == ["synthetic", "real", "both"]
    names = {f"utility_{p}_{n}" for p in ("seen", "unseen", "harmonic") for n in ("dice", "iou")}
    assert {score.metric for score in told.scores} == names
    assert experiment.untrained(asked) == []


def test_networks_that_saw_a_class_are_others_than_those_that_did_not(tmp_path):
    experiment = chest_bench(tmp_path, real=(2,))
    usual = chest_bench(tmp_path, real=(2,), unseen=())
    for arm in experiment.arms():
        assert experiment.place(arm) != usual.place(arm)
        # Without validation nothing real enters the arm of synthetic pairs alone.
        places = [replace(each, validation=None).place(arm) for each in (experiment, usual)]
        assert (places[0] == places[1]) == (arm.kind == "synthetic")


def test_folds_leave_unseen_classes_out_too(tmp_path):
    experiment = chest_bench(tmp_path, real=(2,), folds=2, arms=("real",))
    opacity = experiment.reference.classes[CHEST].index("opacity") + 1
    assert len(experiment.arms()) == 2
    assert not any((experiment.to_learn(fold).masks == opacity).any() for fold in range(2))


def other_hospital(**changes):
    values = {"domains": ("phantom-breast-us",), "train": 2, "val": 3, "test": 2, "seed": 4}
    return PhantomSource(**(values | changes)).build()


def test_another_source_is_tested_on_by_the_same_networks(experiment):
    asked = experiment.arms()
    cases_of(experiment)
    elsewhere = experiment.reference.against(other_hospital(), "val", ["phantom-breast-us"])
    moved = replace(experiment, reference=elsewhere)
    assert moved.untrained(asked) == []
    real = moved.test_arm(next(arm for arm in asked if arm.kind == "real"))
    assert real["case"].nunique() == 3
    assert elsewhere.digest != experiment.reference.digest
    assert elsewhere.train is experiment.reference.train


def test_another_source_must_be_another_and_code_the_same(experiment):
    reference = experiment.reference
    name = "phantom-breast-us"
    own = PhantomSource(domains=(name,), train=6, val=3, test=3).build()
    with pytest.raises(SourceError, match="names the very pairs"):
        reference.against(own, "val", [])
    with pytest.raises(SourceError, match="has no pairs of domain 'phantom-breast-us', only of"):
        reference.against(other_hospital(domains=(CHEST,)), "val", [name])
    cysts = {name: reference.domains[name].model_copy(update={"classes": ("cyst",)})}
    with pytest.raises(SourceError, match=r"has the classes \['lesion'\], not \['cyst'\]"):
        replace(reference, domains=cysts).against(other_hospital(), "val", [name])


def write_folder(folder, poisoned=()):
    """Squares on noise: six training patients, two of validation, two of test."""
    rng = np.random.default_rng(0)
    (folder / "files").mkdir(parents=True)
    rows = []
    for number in range(10):
        image = rng.integers(0, 80, (40, 40)).astype(np.uint8)
        mask = np.zeros((40, 40), np.uint8)
        corner = rng.integers(2, 20)
        mask[corner : corner + 12, 10:26] = 1
        image[mask > 0] += 100
        if number in poisoned:
            image, mask = 255 - image, 1 - mask
        Image.fromarray(image).save(folder / "files" / f"{number}.png")
        Image.fromarray(mask).save(folder / "files" / f"{number}-mask.png")
        split = "train" if number < 6 else "val" if number < 8 else "test"
        rows.append(
            {"image": f"files/{number}.png", "mask": f"files/{number}-mask.png", "split": split,
             "patient": f"p{number}", "modality": "ultrasound", "anatomy": "fetal head",
             "labels": "fetal head", "spacing": "0.5"}
        )  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return folder


def strict_cases(folder, segmenters):
    source = FolderSource(path=folder, limit=2).build()
    reference = Reference.of(source, IMAGE, "test")
    # What a generator of these two images makes: here, the images themselves.
    made = PairBatch.concatenate([reference.train] * 2)
    exposure, validation = TrainingExposure("limited", 2), source.read("val", IMAGE)
    experiment = DownstreamExperiment(
        SECTION, reference, made, "S", segmenters, Unrecorded(), exposure, validation
    )
    return cases_of(experiment), set(reference.train.facets["patient"])


def test_strict_rows_keep_every_byte_when_all_other_images_change(tmp_path):
    """Two images are chosen; every other one that is not scored becomes its negative."""
    clean, chosen = strict_cases(write_folder(tmp_path / "a"), tmp_path / "segmenters-a")
    others = [number for number in range(8) if f"p{number}" not in chosen]
    assert len(others) == 6
    folder = write_folder(tmp_path / "b", others)
    poisoned, _ = strict_cases(folder, tmp_path / "segmenters-b")
    pd.testing.assert_frame_equal(clean, poisoned, check_exact=True)
    assert set(clean["provenance"]) == {"", "strict"}
    # The check can fail: one of the chosen two changes the rows.
    folder = write_folder(tmp_path / "c", [int(min(chosen)[1:])])
    changed, _ = strict_cases(folder, tmp_path / "segmenters-c")
    assert not changed["iou"].equals(clean["iou"])


CLASSES = UtilitySection(
    segmenters=(), classifiers=("resnet",), real=(3, "all"), seeds=1, steps=2, arms=tuple(ARMS)
)


def without_masks(pairs):
    return replace(pairs, masks=np.zeros_like(pairs.masks), has_mask=np.zeros(len(pairs), bool))


def test_classifiers_have_every_arm_and_need_no_masks(experiment, phantoms):
    made = without_masks(experiment.synthetic)
    classes = replace(experiment, section=CLASSES, synthetic=made, validation=phantoms[1])
    asked = classes.arms()
    # Synthetic, and nine kinds at two numbers; one of those is trained as another.
    assert (len(asked), len(classes.untrained(asked))) == (19, 17)
    cases = cases_of(classes)
    assert classes.untrained(asked) == []
    told = utility_of({"classification": cases})
    levels = told.classification.levels
    assert set(levels["kind"]) == set(ARMS)
    assert (levels["weights"] == "validated").all()
    assert set(levels.loc[levels["kind"] == "both", "provenance"]) == {"phantom"}
    assert told.segmentation.levels.empty
    pd.testing.assert_frame_equal(cases_of(classes), cases, check_exact=True)  # read back
    few = replace(classes, exposure=TrainingExposure("limited", 6))
    assert (few.test_arm(asked[0])["weights"] == "last").all()


def test_classifiers_of_folds_test_every_patient_once(experiment, phantoms):
    section = CLASSES.model_copy(update={"folds": 2, "real": (3,), "arms": ("real",)})
    folded = replace(experiment, section=section, validation=phantoms[1])
    cases = cases_of(folded)
    assert sorted(cases["case"]) == list(range(6 + 3 + 3))
    assert cases["findings"].nunique() == 1
    assert len(utility_of({"classification": cases}).classification.levels) == 1


def test_rows_of_classifiers_keep_every_byte_when_all_other_images_change(experiment, tmp_path):
    """Three images are chosen; every other training image and all of validation turn white."""
    # The arm `selftrained` looks at the others, but not at what they are said to show.
    kinds = tuple(kind for kind in CLASSES.arms if kind != "selftrained")
    section = CLASSES.model_copy(update={"real": (3,), "arms": kinds})
    train = experiment.reference.train
    chosen = stratified_subset(train, 3, 0)

    def cases_with(rows, folder):
        images = train.images.copy()
        images[rows] = 255
        reference = replace(experiment.reference, train=replace(train, images=images))
        # As a generator of the chosen images alone would leave it: nothing else chooses weights.
        exposure, held = TrainingExposure("limited", 3), replace(train, images=images)
        changes = {"exposure": exposure, "validation": held, "folder": tmp_path / folder}
        return cases_of(replace(experiment, section=section, reference=reference, **changes))

    clean = cases_with([], "clean")
    others = np.setdiff1d(np.arange(len(train)), chosen)
    pd.testing.assert_frame_equal(clean, cases_with(others, "others"), check_exact=True)
    assert set(clean["provenance"]) == {"", "strict"}
    assert not cases_with(chosen[:1], "chosen")["probabilities"].equals(clean["probabilities"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # nnU-Net's, of what it imports
def test_nnunet_is_tested_in_the_same_arms_and_trained_once(phantoms, tmp_path):
    kinds = ("real", "reversed")
    section = UtilitySection(segmenters=("nnunet",), real=(2,), seeds=1, steps=2, arms=kinds)
    reference, _, made = phantoms
    experiment = DownstreamExperiment(section, reference, made, "SNAPSHOT", tmp_path, Unrecorded())
    cases = cases_of(experiment)
    assert set(cases["segmenter"]) == {"nnunet"}
    assert set(cases["kind"]) == set(kinds)
    assert experiment.untrained(experiment.arms()) == []
    assert list(tmp_path.iterdir()) == [experiment.place(experiment.arms()[0])]
    pd.testing.assert_frame_equal(cases_of(experiment), cases)
