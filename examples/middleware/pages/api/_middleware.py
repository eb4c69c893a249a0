"""Around every route of this directory and below."""

from steps import step

middleware = [step("directory")]
