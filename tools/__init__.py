"""What makes the documents and the releases; nothing of it is installed."""
