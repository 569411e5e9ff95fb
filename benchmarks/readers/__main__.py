"""`python -m benchmarks.readers`."""

from benchmarks.readers import main

main()
