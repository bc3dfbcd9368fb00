"""`python -m ostiary` is the command `ostiary`."""

from ostiary.cli.main import main

main()
