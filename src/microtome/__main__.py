"""`python -m microtome` is the command `microtome`."""

from microtome.cli import main

main()
