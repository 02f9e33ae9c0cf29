"""What is said when a part of the benchmark cannot be had on this machine."""


class Absent(Exception):
    """A contender or a tool is not there; says what is missing and how to get it."""
