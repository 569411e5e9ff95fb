"""The command `medpair` with a toy in each registry: `python -m tests.toys.medpair run …`."""

from evaluation.metrics.registry import FAMILIES
from factory.exports import EXPORTS
from factory.generators import GENERATORS
from factory.sources.plain import PLAIN_SOURCES
from tests.toys.export import export_arrays
from tests.toys.generator import SquareSpec
from tests.toys.metric import GREY_LEVEL
from tests.toys.source import RampSource

# The one line of each, as its registry would have it. Unions of recipes are made of these when
# they are imported, which the command does after this.
PLAIN_SOURCES["ramps"] = RampSource
GENERATORS["square"] = SquareSpec
FAMILIES["grey_level"] = GREY_LEVEL
EXPORTS["arrays"] = export_arrays

if __name__ == "__main__":
    from flows.console.cli import main

    main()
