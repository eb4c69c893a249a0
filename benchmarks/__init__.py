"""Measurements of apiroutes beside other ways to write the same endpoints; see README.md."""
