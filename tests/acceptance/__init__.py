"""The example application under `pages/`, served in every way it can be served."""
