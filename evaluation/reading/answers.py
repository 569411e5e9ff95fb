"""Answers of blinded readers, with what the images were: one row an answer."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.statistics.bootstrap import Units

Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
GRADES = (1, 5)  # worst and best agreement of an image with its mask or text


@dataclass(frozen=True, eq=False)
class Answers:
    """N answers; a reader has at most one to an image.

    Attributes:
        reader: who answered.
        item: which image.
        domain: of the image.
        unit: number of the image's patient; of the image itself where it has none.
        synthetic: what it is.
        called_synthetic: what the reader said.
        grade: 1 to 5, how well the image and what stands beside it agree.
        seconds: from the image's appearance to the choice; NaN where nobody measured it.
    """

    reader: Texts
    item: Texts
    domain: Texts
    unit: Units
    synthetic: Flags
    called_synthetic: Flags
    grade: Floats
    seconds: Floats

    def __len__(self) -> int:
        return len(self.reader)

    @staticmethod
    def of(table: pd.DataFrame) -> Answers:
        """The answers in a table with a column for each attribute; units may have names."""
        kinds = {"synthetic": bool, "called_synthetic": bool, "grade": float, "seconds": float}
        columns = {
            each.name: table[each.name].to_numpy(kinds.get(each.name, object))
            for each in fields(Answers)
        }
        units = np.unique(columns["unit"].astype(str), return_inverse=True)[1]
        return Answers(**columns | {"unit": units})

    def where(self, kept: Flags) -> Answers:
        """Some of them."""
        return replace(self, **{each.name: getattr(self, each.name)[kept] for each in fields(self)})

    @property
    def readers(self) -> list[str]:
        """Everybody who answered, by name."""
        return sorted(set(self.reader))

    @property
    def domains(self) -> list[str]:
        """Every domain that was shown, by name."""
        return sorted(set(self.domain))

    def by_item(self, values: Floats) -> pd.DataFrame:
        """A row per image and a column per reader; NaN where a reader has not answered."""
        table = pd.DataFrame({"item": self.item, "reader": self.reader, "value": values})
        return table.pivot(index="item", columns="reader", values="value")

    def unit_of(self, items: pd.Index[str]) -> Units:
        """(N,) the unit of each of these images."""
        known = dict(zip(self.item, self.unit, strict=True))
        return np.array([known[item] for item in items], np.intp)
