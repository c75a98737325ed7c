"""What every test shares."""

from hypothesis import settings

import flatbook  # chooses the kernel cache before numba is imported: never test the machine code of yesterday's sources

assert flatbook.__version__

settings.register_profile("flatbook", deadline=None, print_blob=True)
settings.load_profile("flatbook")
