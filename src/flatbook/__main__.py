"""`python -m flatbook`: the same front door."""

from flatbook.cli.main import main

main()
