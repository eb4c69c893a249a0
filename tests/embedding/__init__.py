"""Real applications of other frameworks, with our routes in front of them, inside them, and both."""
