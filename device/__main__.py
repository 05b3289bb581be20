"""`python -m boardwright.device`, for where the command itself is not on the path."""

from boardwright.device.cli import main

main(prog_name="boardwright-device")
