"""What libraries raise at bytes that are none of their format."""

import struct

GARBLED = (
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    EOFError,
    MemoryError,
    struct.error,
)
