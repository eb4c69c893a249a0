"""Writes the reference from the code: pages below docs/reference/, and regions of other pages.

`python -m tools.reference` writes; with `--check` it compares, prints what differs, and exits with status 1.
Each thing is described in one place, beside its code: in docstrings, also of attributes, in the help of
options, in the comments of log records. This package only formats the descriptions.
"""
