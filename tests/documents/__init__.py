"""The documents as they are read: their blocks, the projects that a page's files make, their commands."""
