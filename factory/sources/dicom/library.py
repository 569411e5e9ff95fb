"""The optional packages that read DICOM, and what their errors are to a user."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from factory.errors import InputError
from factory.garbled import GARBLED

INSTALL = "pip install 'medpair-factory[dicom]'"
# Everything that pydicom, highdicom and their decoders are known to raise at bytes that are none.
UNREADABLE = (*GARBLED, AttributeError, RuntimeError)


def check_installed(name: str) -> None:
    """Refuses DICOM where the packages are missing.

    Args:
        name: of the file.

    Raises:
        InputError: saying what to install.
    """
    if find_spec("pydicom") is None or find_spec("highdicom") is None:
        raise InputError(
            f"{name} is DICOM, which needs pydicom and highdicom, and they are not installed: "
            f"{INSTALL}"
        )


@contextmanager
def refused(name: str) -> Iterator[None]:
    """Makes one line of whatever reading a file raises; odd values in headers are let pass.

    Raises:
        InputError: for everything that keeps the file from being read.
    """
    check_installed(name)
    from pydicom.config import disable_value_validation
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except InputError:
        raise
    except (*UNREADABLE, InvalidDicomError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}: cannot be read as DICOM ({reason}); replace it") from error
