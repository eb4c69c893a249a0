"""The programs that make the documents and the releases; they are not installed."""
