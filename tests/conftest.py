"""What every test shares.

Examples of property tests are the same in every run, so that a change fails for what it does, not by chance. With
FLATBOOK_FRESH_EXAMPLES=1 they are new each time: a search for what nobody thought of.
"""

import os

from hypothesis import settings

import flatbook  # chooses the kernel cache before numba is imported: never test the machine code of yesterday's sources

assert flatbook.__version__

FRESH = os.environ.get("FLATBOOK_FRESH_EXAMPLES", "") == "1"
settings.register_profile("flatbook", deadline=None, print_blob=True, derandomize=not FRESH)
settings.load_profile("flatbook")
