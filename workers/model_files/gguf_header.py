"""The header of a GGUF file, believed only as far as the file goes."""

from typing import Any

import numpy as np
from gguf import GGUFReader


class BoundedReader(GGUFReader):
    """The package's reader, which takes what lies behind the end for empty: a list of 2^60 numbers would keep it.

    Raises ValueError where the header promises more than there is.
    """

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        end = int(offset) + np.dtype(dtype).itemsize * int(count)
        if end > len(self.data):
            raise ValueError(f"it has {len(self.data):,} bytes and goes on to byte {end:,}")
        return super()._get(offset, dtype, count, override_order)
