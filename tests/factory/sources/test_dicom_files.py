"""DICOM as stacks: what stored numbers mean, series in order, segmentations, and refusals."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut
from pydicom.sequence import Sequence
from pydicom.uid import MPEG2MPML, HTJ2KLossless, JPEGLSLossless, RLELossless

from factory.errors import InputError
from factory.sources.image_files import files_of, is_coloured, read_stack
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart
from tests.dicom_files import described, image, save, segmentation, series

SHAPE = (20, 24)
DEEP = np.arange(480, dtype=np.int16).reshape(SHAPE)
GREY = (DEEP // 2).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def stack(told, folder):
    return read_stack(save(told, folder / "a.dcm"), "a.dcm")


def composed(seg, like, folder, labels=("lesion",)):
    path = save(seg, folder / "seg.dcm")
    values = {label: value for value, label in enumerate(labels, 1)}
    return compose([MaskPart(path)], values, lambda path: path.name, like)


@pytest.mark.parametrize(
    ("tags", "pixels", "window"),
    [
        ({}, DEEP, (0, 479)),
        ({"RescaleSlope": 2, "RescaleIntercept": -1024}, 2.0 * DEEP - 1024, (-1024, -66)),
        ({"WindowCenter": 40, "WindowWidth": 400}, DEEP, (-160, 239)),
        ({"WindowCenter": [40, 7], "WindowWidth": [400, 8]}, DEEP, (-160, 239)),
        (
            {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"},
            DEEP,
            (-160, 240),
        ),
        ({"PhotometricInterpretation": "MONOCHROME1"}, -1.0 * DEEP, (-479, 0)),
        (
            {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 40, "WindowWidth": 400},
            -1.0 * DEEP,
            (-239, 160),
        ),
    ],
    ids=["range", "rescaled", "window", "first-window", "exact", "inverted", "inverted-window"],
)
def test_numbers_are_rescaled_and_have_the_window_of_the_file(tags, pixels, window, tmp_path):
    found = stack(image("CT", DEEP, **tags), tmp_path)
    assert found.measured
    np.testing.assert_array_equal(found.pixels[0], pixels)
    assert found.window == window


def test_eight_bits_without_a_window_are_grey_levels_as_they_are(tmp_path):
    found = stack(image("US", GREY), tmp_path)
    assert not found.measured
    np.testing.assert_array_equal(found.pixels[0], GREY)
    found = stack(image("CR", GREY, PhotometricInterpretation="MONOCHROME1"), tmp_path)
    np.testing.assert_array_equal(found.pixels[0], 255 - GREY)


def test_padding_is_black_and_not_of_the_range(tmp_path):
    padded = DEEP.copy()
    padded[:5] = -2000
    found = stack(image("CT", padded, PixelPaddingValue=-2000), tmp_path)
    assert np.isnan(found.pixels[0, :5]).all()
    assert found.window == (120, 479)


def test_a_table_of_values_of_interest_counts_where_there_is_no_window(tmp_path):
    table = Dataset()
    table.LUTDescriptor = [480, 0, 12]
    table.LUTData = (4000 - np.arange(480)).astype(np.uint16).tobytes()
    told = image("DX", DEEP.astype(np.uint16), VOILUTSequence=Sequence([table]))
    found = stack(told, tmp_path)
    np.testing.assert_array_equal(found.pixels[0], 4000 - DEEP)
    assert found.window == (0, 4095)


def test_colours_are_rgb_whatever_they_were_stored_as(tmp_path):
    found = stack(image("US", COLOUR), tmp_path)
    np.testing.assert_array_equal(found.pixels[0], COLOUR)
    assert is_coloured(tmp_path / "a.dcm")
    luma = np.stack([GREY, np.full_like(GREY, 128), np.full_like(GREY, 128)], axis=-1)
    found = stack(image("US", luma, PhotometricInterpretation="YBR_FULL"), tmp_path)
    np.testing.assert_array_equal(found.pixels[0], np.stack([GREY] * 3, axis=-1))


def test_a_palette_is_looked_up(tmp_path):
    ramp = np.arange(256, dtype=np.uint16) * 257
    tables = dict(zip(("Red", "Green", "Blue"), (ramp, ramp[::-1], 0 * ramp), strict=True))
    tags = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, table in tables.items():
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    found = stack(image("US", GREY, **tags), tmp_path)
    expected = np.stack([GREY, 255 - GREY, 0 * GREY], axis=-1)
    np.testing.assert_array_equal(found.pixels[0], expected)


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.5, 0.25], "ImagerPixelSpacing": [1, 1]}, (0.5, 0.25)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({}, (np.nan, np.nan)),
    ],
    ids=["patient", "detector", "film", "none"],
)
def test_spacing_is_that_at_the_patient_else_at_the_detector(tags, spacing, tmp_path):
    np.testing.assert_array_equal(stack(image("CR", GREY, **tags), tmp_path).spacing_mm, spacing)


def test_spacing_of_ultrasound_is_in_centimetres(tmp_path):
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.01
    told = image("US", GREY, SequenceOfUltrasoundRegions=Sequence([region]))
    assert stack(told, tmp_path).spacing_mm == pytest.approx((0.1, 0.2))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=["rle", "jpeg-ls"])
def test_compressed_files_are_read(syntax, tmp_path):
    told = image("US", GREY)
    told.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(stack(told, tmp_path).pixels[0], GREY)


@pytest.mark.parametrize(
    ("syntax", "said"),
    [(HTJ2KLossless, "pip install 'pylibjpeg>=2.0' 'pylibjpeg-openjpeg>="), (MPEG2MPML, "MPEG2")],
    ids=["decoder-missing", "no-decoder"],
)
def test_a_compression_that_cannot_be_undone_is_named(syntax, said, tmp_path):
    told = image("US", GREY)
    told.compress(RLELossless, generate_instance_uid=False)
    told.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(InputError, match=r"a\.dcm is compressed as") as error:
        stack(told, tmp_path)
    assert said in str(error.value)
    assert "uncompressed" in str(error.value)


def test_a_file_without_an_image_is_refused_by_what_it_is(tmp_path):
    told = described("1.2.840.10008.5.1.4.1.1.104.1", "P1", "a", 0)
    with pytest.raises(InputError, match="holds no image but Encapsulated PDF Storage"):
        stack(told, tmp_path)
    (tmp_path / "b.dcm").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.dcm: cannot be read as DICOM"):
        read_stack(tmp_path / "b.dcm", "b.dcm")


VOLUME = np.stack([DEEP + 1000 * k for k in range(4)]).astype(np.int16)


def save_series(slices, folder):
    # Names that lie in another order than the slices.
    return [save(told, folder / f"IM{9 - at}") for at, told in enumerate(slices)]


def test_slices_are_ordered_by_place_and_known_without_an_ending(tmp_path):
    paths = save_series(
        series("CT", VOLUME, RescaleIntercept=-1024, RescaleSlope=1), tmp_path / "s"
    )
    found = read_stack(tmp_path / "s", "s")
    np.testing.assert_array_equal(found.pixels, VOLUME - 1024.0)
    assert found.volume
    assert found.spacing_mm == (0.5, 0.25)
    assert found.slice_mm == pytest.approx(2.0)
    assert found.orientation == "LPS"
    assert files_of(tmp_path / "s") == tuple(paths)


def test_slices_from_right_to_left_say_so(tmp_path):
    slices = series("MR", VOLUME)
    for number, each in enumerate(slices):  # columns to the back, rows to the feet
        each.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        each.ImagePositionPatient = [2.0 * number, 0, 0]
    save_series(slices, tmp_path / "s")
    found = read_stack(tmp_path / "s", "s")
    # Back times feet is the right: slices are put in order along it.
    assert found.orientation == "PIR"
    np.testing.assert_array_equal(found.pixels, VOLUME[::-1])


def test_a_folder_of_two_series_asks_for_the_uid(tmp_path):
    first, second = series("MR", VOLUME, word="a"), series("MR", VOLUME + 1, word="b")
    for at, told in enumerate([*first, *second]):
        save(told, tmp_path / f"{at}.dcm")
    with pytest.raises(InputError, match="folder with 2 DICOM series"):
        read_stack(tmp_path, "it")
    path = tmp_path / f".#{second[0].SeriesInstanceUID}"
    np.testing.assert_array_equal(read_stack(path, "it").pixels, VOLUME + 1)


def test_slices_that_make_no_volume_are_refused(tmp_path):
    slices = series("CT", VOLUME)
    slices[1].ImagePositionPatient = slices[0].ImagePositionPatient
    save_series(slices, tmp_path / "twice")
    with pytest.raises(InputError, match="several slices at one place"):
        read_stack(tmp_path / "twice", "twice")
    slices = series("CT", VOLUME)
    slices[2].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    save_series(slices, tmp_path / "turned")
    with pytest.raises(InputError, match="not parallel"):
        read_stack(tmp_path / "turned", "turned")
    slices = [*series("CT", VOLUME)[:2], *series("CT", VOLUME[:, :10])[2:]]
    save_series(slices, tmp_path / "sizes")
    with pytest.raises(InputError, match="different size"):
        read_stack(tmp_path / "sizes", "sizes")
    assert files_of(tmp_path / "sizes") == (tmp_path / "sizes",)


INSIDE = np.zeros((4, *SHAPE, 2), bool)
INSIDE[1, 3:9, 2:14, 0] = INSIDE[2, 4:8, 3:9, 0] = INSIDE[2, 10:15, 12:20, 1] = True
LABELS = INSIDE[..., 0] + 2 * INSIDE[..., 1].astype(np.uint8)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_of_a_series_is_its_mask(kind, tmp_path):
    slices = series("CT", VOLUME)
    save_series(slices, tmp_path / "ct")
    told = {
        "BINARY": INSIDE,
        "FRACTIONAL": np.where(INSIDE, 0.6, 0.4),
        "LABELMAP": LABELS,
    }
    seg = segmentation(slices, told[kind], ("liver", "spleen"), kind)
    found = composed(seg, tmp_path / "ct", tmp_path, ("liver", "spleen"))
    np.testing.assert_array_equal(found.pixels, LABELS)
    assert found.volume


def test_a_segmentation_of_some_slices_is_empty_elsewhere(tmp_path):
    slices = series("CT", VOLUME)
    save_series(slices, tmp_path / "ct")
    found = composed(segmentation(slices[1:3], INSIDE[1:3, ..., :1]), tmp_path / "ct", tmp_path)
    np.testing.assert_array_equal(found.pixels, INSIDE[..., 0])


def test_a_segmentation_by_place_alone_is_laid_on_the_slices(tmp_path):
    # Its own series is of other instances at the same places, the other way round.
    slices, copies = series("CT", VOLUME), series("CT", VOLUME, word="copy")
    for told, like in zip(copies, slices, strict=True):
        told.FrameOfReferenceUID = like.FrameOfReferenceUID
    save_series(slices, tmp_path / "ct")
    seg = segmentation(copies[::-1], INSIDE[::-1, ..., :1])
    found = composed(seg, tmp_path / "ct", tmp_path)
    np.testing.assert_array_equal(found.pixels, INSIDE[..., 0])


def test_a_segmentation_of_a_single_image_is_its_mask_and_that_of_a_film_is_refused(tmp_path):
    told = image("US", GREY)
    path = save(told, tmp_path / "us.dcm")
    found = composed(segmentation([told], INSIDE[1:2, ..., :1]), path, tmp_path)
    np.testing.assert_array_equal(found.pixels, INSIDE[1:2, ..., 0])
    film = image("US", np.stack([GREY] * 4), words=("film", 0))
    path = save(film, tmp_path / "film.dcm")
    assert read_stack(path, "film").size == (4, *SHAPE)
    with pytest.raises(InputError, match="film of 4 frames"):
        composed(segmentation([told], INSIDE[1:2, ..., :1]), path, tmp_path)


def test_a_segmentation_on_another_grid_is_refused(tmp_path):
    other = image("CR", GREY[:16], words=("other", 0))
    path = save(image("CR", GREY), tmp_path / "cr.dcm")
    with pytest.raises(InputError, match="24 x 16 pixels and its image 24 x 20"):
        composed(segmentation([other], INSIDE[:1, :16, ..., :1]), path, tmp_path)


def test_hounsfield_units_agree_with_pydicom(tmp_path):
    told = image("CT", DEEP, RescaleSlope=1.5, RescaleIntercept=-20)
    np.testing.assert_allclose(stack(told, tmp_path).pixels[0], apply_modality_lut(DEEP, told))
