"""What runs the examples: the tests, the README and the types of each, as a project by itself."""
