"""What every test shares."""

import os

from hypothesis import settings

from flatbook.cli.kernel_cache import use_kernel_cache

if "NUMBA_DISABLE_JIT" not in os.environ:
    use_kernel_cache()  # never test the machine code of yesterday's sources

settings.register_profile("flatbook", deadline=None, print_blob=True)
settings.load_profile("flatbook")
