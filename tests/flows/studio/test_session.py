"""The studio without its page: pairs one by one, one job at a time, masks kept to the pixel, versions."""

import io
import re
import threading
import time

import numpy as np
import pytest
from PIL import Image

import medpair
from factory.errors import InputError
from factory.images import ImageSection
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.masks.section import MasksSection
from factory.sources.phantom import PhantomSource
from factory.store.checks import Reason
from factory.store.repository import Store
from flows import datasets
from flows.asking.request import Request
from flows.asking.wishes import WholePair
from flows.datasets import Version
from flows.studio.job import Worker
from flows.studio.keeping import BY_HAND, Keeping, check_keepable
from flows.studio.real_source import RealSource
from flows.studio.session import Studio
from flows.studio.uploads import read_image, read_mask
from tasks.services.settings import load_settings

US = "phantom-breast-us"


@pytest.fixture
def studio(tmp_path):
    return Studio(load_settings(tmp_path / "home"))


@pytest.fixture
def request_of(checkpoint):
    def request(**changes):
        asked = {"checkpoint": str(checkpoint), "domain": US, "number": 2, "steps": 2}
        return Request(**asked | changes)

    return request


@pytest.fixture
def square():
    """A lesion of 8 x 8 pixels."""
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16, 8:16] = 1
    return mask


def done(job):
    assert job.ended.wait(120)
    assert job.problem == ""
    return job


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return buffer.getvalue()


def test_pairs_are_those_of_generate_and_its_call_is_told(studio, request_of):
    request = request_of(finding="benign", number=3, seed=5)
    job = done(studio.make(request))
    assert (job.done, job.total) == (3, 3)
    assert job.words.startswith("making pairs: 3 of 3, done in")
    same = eval(request.python, {"medpair": medpair})
    assert np.array_equal([pair.image for pair in studio.sheet.pairs], same.images)
    assert np.array_equal([pair.mask for pair in studio.sheet.pairs], same.masks)


def test_a_mask_is_kept_to_the_pixel_and_says_where_it_is_from(studio, request_of, square):
    done(studio.paint(request_of(), square, "drawn in the studio"))
    first, second = studio.sheet.pairs
    assert np.array_equal(first.mask, square)
    assert not np.array_equal(first.image, second.image)
    assert dict(first.prompt.extra)["mask_from"] == "drawn in the studio"
    assert first.prompt.classes == ("lesion",)
    done(studio.vary(0, request_of(seed=1, number=1)))
    (other,) = studio.sheet.pairs
    assert np.array_equal(other.mask, square)
    assert not np.array_equal(other.image, first.image)
    assert dict(other.prompt.extra)["mask_from"] == "drawn in the studio"


def test_masks_of_an_image_are_those_of_the_command(studio, request_of, checkpoint, tmp_path):
    from flows.starting.segmented_folder import segment

    picture = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "a.png")
    segment(tmp_path / "in", tmp_path / "out", str(checkpoint), seed=3)
    image, size = read_image(png(picture), "a.png", ImageSection(size=32))
    done(studio.segment(request_of(seed=3, number=1, steps=20), image))
    drawn = np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png"))
    assert size == (32, 32)
    assert (studio.sheet.pairs[0].mask == drawn).mean() > 0.99  # another batch, other last bits
    assert not studio.sheet.keepable


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"domain": "nope"}, "the checkpoint knows phantom-breast-us, not nope|unknown domain"),
        ({"finding": "nope"}, "unknown finding 'nope'"),
        ({"number": 0}, "0 pairs cannot be looked at"),
        ({"seed": -1}, "seed=-1 cannot be used"),
        ({"steps": 0}, r"sample.steps=0 cannot be used"),
        ({"checkpoint": "/nowhere"}, "there is no checkpoint folder"),
    ],
    ids=["domain", "finding", "number", "seed", "steps", "checkpoint"],
)
def test_a_wrong_wish_is_one_line_and_starts_nothing(studio, request_of, changes, line):
    with pytest.raises(InputError, match=line) as refused:
        studio.make(request_of(**changes))
    assert len(str(refused.value).splitlines()) == 1
    assert studio.worker.job is None


def test_a_mask_of_what_the_finding_lacks_is_refused(studio, request_of, square):
    with pytest.raises(InputError, match="shows lesion, and an image with finding 'normal' shows"):
        studio.paint(request_of(finding="normal"), square, "drawn")
    with pytest.raises(InputError, match="the values 7, which are no classes"):
        studio.paint(request_of(), square * 7, "drawn")


def test_one_job_at_a_time_and_cancel_ends_it():
    worker, go = Worker(), threading.Event()

    def steps():
        for _ in range(3):
            go.wait(10)
            yield

    job = worker.start("waiting", 3, steps)
    with pytest.raises(
        InputError, match="one thing at a time, and this is under way: waiting: 0 of 3"
    ):
        worker.start("another", 1, steps)
    worker.cancel()
    assert job.words == "waiting: 0 of 3, stopping after the one at hand"
    go.set()
    assert job.ended.wait(10)
    assert job.words.startswith("waiting: 1 of 3, cancelled")


def test_the_rate_leaves_out_the_wait_for_the_first_unit():
    worker, reached, go = Worker(), threading.Event(), threading.Event()

    def steps():
        time.sleep(1)
        yield
        yield
        reached.set()
        go.wait(10)
        yield

    job = worker.start("drawing", 3, steps)
    assert reached.wait(10)
    each = re.fullmatch(r"drawing: 2 of 3, (\S+) s each, about \S+ s left", job.words)
    assert each is not None
    assert float(each[1]) < 0.4
    go.set()
    assert job.ended.wait(10)


def test_an_unforeseen_error_is_told_and_ends_the_job():
    worker = Worker()

    def steps():
        raise OSError("the disk is full")
        yield

    assert worker.start("writing", 1, steps).ended.wait(10)
    assert worker.job.words == "writing: OSError: the disk is full"
    assert not worker.busy


@pytest.mark.parametrize(
    ("content", "name", "line"),
    [
        (b"hello", "a.png", "a.png: cannot be read as an image"),
        (b"hello", "a.txt", "a.txt: this kind of file cannot be read"),
        (png(np.full((8, 8, 3), 9, np.uint8)), "a.png", "a.png has colours or several pages"),
        (png(np.full((8, 8), 9, np.uint8)), "a.png", "a.png holds the values 9, which are no"),
    ],
    ids=["damaged", "text", "colours", "unknown-value"],
)
def test_a_bad_mask_is_one_line(studio, request_of, content, name, line):
    domain = studio.domain(request_of())
    with pytest.raises(InputError, match=line) as refused:
        read_mask(content, name, domain, ImageSection(size=32))
    assert len(str(refused.value).splitlines()) == 1


def test_a_white_mask_of_one_class_is_read(studio, request_of, square):
    domain, section = studio.domain(request_of()), ImageSection(size=32)
    assert np.array_equal(read_mask(png(square * 255), "a.png", domain, section), square)
    assert np.array_equal(read_mask(png(square), "a.png", domain, section), square)


def keep(studio, name="kept"):
    section = PhantomSource(domains=(US,), train=2, val=2)
    return Keeping(check_keepable(studio.sheet, name), name, section, studio.settings).kept()


def test_ticked_pairs_become_a_version_that_says_who_chose(studio, request_of, square):
    done(studio.paint(request_of(number=3), square, "drawn in the studio"))
    studio.sheet.tick(0, True)
    studio.sheet.tick(2, True)
    assert keep(studio).words == "kept@v1 is out: 2 added, 2 in all"
    (found,) = datasets.datasets(studio.settings)
    assert (found.name, found.version, found.pairs) == ("kept", "v1", 2)
    facts = datasets.show(Version("kept", "v1"), studio.settings).fields
    (chosen,) = facts["by_hand"]
    assert (chosen["how"], chosen["made"], len(chosen["kept"])) == (BY_HAND, 3, 2)
    assert facts["rejected_for"] == {"left out by hand": 1}
    pairs = medpair.open("kept@v1", home=studio.settings.home)
    assert np.array_equal(pairs.masks, [square, square])
    assert np.array_equal(pairs.images[1], studio.sheet.pairs[2].image)
    assert pairs.facets["mask_from"].tolist() == ["drawn in the studio"] * 2
    assert datasets.check(Version("kept", "v1"), studio.settings).problems == ()


def test_keeping_more_goes_on_with_the_version_and_other_choices_replace_earlier_ones(
    studio, request_of, square
):
    done(studio.paint(request_of(), square, "drawn"))
    studio.sheet.tick(0, True)
    assert keep(studio).pairs == 1
    studio.sheet.tick(1, True)
    assert keep(studio).words == "kept@v2 is out: 2 added, 2 in all"
    done(studio.paint(request_of(seed=9), square, "drawn"))
    studio.sheet.tick(1, True)
    assert keep(studio).words == "kept@v3 is out: 1 added, 3 in all"
    snapshot = Store(studio.settings.pairs, "kept").snapshot("v3")
    assert len(snapshot.attributes["by_hand"]) == 3
    left = snapshot.reason & np.uint32(Reason.LEFT_OUT_BY_HAND)
    assert (left > 0).tolist() == [False, False, True, False]


def test_pairs_of_other_steps_do_not_join_a_version(studio, request_of, square):
    done(studio.paint(request_of(number=1), square, "drawn"))
    studio.sheet.tick(0, True)
    keep(studio)
    done(studio.paint(request_of(number=1, steps=3), square, "drawn"))
    studio.sheet.tick(0, True)
    with pytest.raises(InputError, match="was drawn by other weights, steps or guidance"):
        keep(studio)


def test_what_cannot_be_kept_is_told_before_anything_is_written(studio, request_of):
    with pytest.raises(InputError, match="no pair is ticked"):
        check_keepable(None, "kept")
    done(studio.make(request_of(number=1)))
    studio.sheet.tick(0, True)
    with pytest.raises(InputError, match="is not a plain name"):
        check_keepable(studio.sheet, "../kept")
    studio.sheet.given = "image"
    with pytest.raises(InputError, match="the image is one of yours"):
        check_keepable(studio.sheet, "kept")
    assert not studio.settings.home.exists()


def marked():
    """A region of 12 x 10 pixels."""
    region = np.zeros((32, 32), bool)
    region[6:18, 10:20] = True
    return region


def test_a_region_of_a_pair_is_drawn_anew_and_every_other_pixel_stays(studio, request_of, square):
    done(studio.paint(request_of(number=1, finding="benign"), square, "drawn"))
    (before,) = studio.sheet.pairs
    region, request = marked(), request_of(number=2, finding="benign", seed=4)
    done(studio.fill(request, studio.whole(0), region))
    first, second = studio.sheet.pairs
    for pair in (first, second):
        assert np.array_equal(pair.image[~region], before.image[~region])
        assert np.array_equal(pair.mask[~region], before.mask[~region])
        assert not np.array_equal(pair.image, before.image)
    assert not np.array_equal(first.image, second.image)
    told = dict(first.prompt.extra)
    assert told["fill_of"] == f"pair {before.prompt.digest}"
    assert told["fill_region"] == "rows 6 to 17, columns 10 to 19, 120 pixels"
    studio.back()
    done(studio.fill(request, studio.whole(0), region))
    assert np.array_equal(studio.sheet.pairs[0].image, first.image)
    same = medpair.fill(
        request.checkpoint, before.image, before.mask, region, 2, seed=4, finding="benign", steps=2
    )
    assert np.array_equal(same.images[:, ~region], [before.image[~region]] * 2)
    assert same.facets["fill_region"].tolist() == [told["fill_region"]] * 2


def test_a_region_of_a_synthetic_pair_can_be_kept_and_says_so(studio, request_of, square):
    done(studio.paint(request_of(number=1), square, "drawn"))
    (before,) = studio.sheet.pairs
    done(studio.fill(request_of(number=1), studio.whole(0), marked()))
    studio.sheet.tick(0, True)
    assert keep(studio).added == 1
    pairs = medpair.open("kept@v1", home=studio.settings.home)
    assert pairs.facets["fill_of"].tolist() == [f"pair {before.prompt.digest}"]
    snapshot = Store(studio.settings.pairs, "kept").snapshot("v1")
    assert snapshot.attributes["by_hand"][0]["given"] == "pair"


def test_a_filled_image_of_the_visitor_is_not_synthetic(studio, request_of, square):
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 1), np.uint8)
    whole = WholePair(image, square, "an image handed to the studio")
    done(studio.fill(request_of(number=1), whole, marked()))
    (pair,) = studio.sheet.pairs
    assert np.array_equal(pair.image[~marked()], image[~marked()])
    studio.sheet.tick(0, True)
    with pytest.raises(InputError, match="the image is one of yours"):
        check_keepable(studio.sheet, "kept")
    # Nor is what is filled in once more.
    done(studio.fill(request_of(number=1), studio.whole(0), marked()))
    assert not studio.sheet.keepable


def test_a_region_that_cannot_be_filled_is_one_line(studio, request_of, square):
    whole = WholePair(np.zeros((32, 32, 1), np.uint8), square, "given")
    with pytest.raises(InputError, match="no region is marked"):
        studio.fill(request_of(), whole, np.zeros((32, 32), bool))
    corner = np.zeros((32, 32), bool)
    corner[0, 0] = True
    with pytest.raises(InputError, match="shows lesion, and an image with finding 'normal'"):
        studio.fill(request_of(finding="normal"), whole, corner)
    with pytest.raises(InputError, match="there is no pair 1 on the table"):
        studio.whole(0)
    assert studio.worker.job is None


def test_a_mask_is_warped_by_each_seed_and_the_image_is_for_the_warp(studio, request_of, square):
    limits = MasksSection(rotate=30)
    done(studio.warp(request_of(number=3), square, "handed to the studio", limits))
    masks = [pair.mask for pair in studio.sheet.pairs]
    assert not any(np.array_equal(mask, square) for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 3
    assert all(0.8 < mask.sum() / square.sum() < 1.3 for mask in masks)
    told = dict(studio.sheet.pairs[0].prompt.extra)
    assert told["mask_from"] == "handed to the studio"
    assert told["mask_warp"] == str(limits)
    same = medpair.paint(request_of().checkpoint, square, 3, warp={"rotate": 30}, steps=2)
    assert same.masks.shape == (3, 32, 32)
    kept = medpair.paint(request_of().checkpoint, square, 1, steps=2)
    assert np.array_equal(kept.masks[0], square)


def test_real_masks_are_those_of_training_pairs_that_fit_warped_as_grids_warp_them(
    studio, request_of
):
    section = PhantomSource(domains=(US,), train=6, val=2)
    request = request_of(number=4, finding="malignant")
    done(studio.warp_real(request, RealSource(section, may_show=True), MasksSection()))
    train = section.build().read("train", ImageSection(size=32))
    names = set(train.facets["name"][train.facets["finding"] == "malignant"])
    pairs = studio.sheet.pairs
    assert {dict(pair.prompt.extra)["mask_from"] for pair in pairs} <= names
    library = MaskLibrary.of(train, section.build().domains, MasksSection())
    prompts = [pair.prompt for pair in pairs]
    expected = library.warped(prompts, [prompt.seed for prompt in prompts])
    assert np.array_equal([pair.mask for pair in pairs], expected)


def test_a_real_mask_is_not_shown_as_it_is(studio, request_of):
    section = PhantomSource(domains=(US,), train=6, val=2)
    still = MasksSection(rotate=0, scale=0, shift=0, elastic=0)
    job = studio.warp_real(request_of(finding="benign"), RealSource(section), still)
    assert job.ended.wait(120)
    assert "comes out as it is within these limits" in job.problem
    assert studio.sheet.pairs == []
