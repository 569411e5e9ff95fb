"""The formats of pictures that are decoded, whatever a file's name says."""

from __future__ import annotations

from typing import IO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# Of all that Pillow knows: it hands PostScript to Ghostscript, a program of its own, and has decoders
# of many formats that nobody keeps medical images in.
FORMATS = (
    PngImagePlugin.PngImageFile.format,
    JpegImagePlugin.JpegImageFile.format,
    BmpImagePlugin.BmpImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
    GifImagePlugin.GifImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
    Jpeg2KImagePlugin.Jpeg2KImageFile.format,
)


def open_picture(file: IO[bytes]) -> ImageFile.ImageFile:
    """A picture whose header alone is read; raises what Pillow does where it is of no such format."""
    return Image.open(file, formats=FORMATS)
