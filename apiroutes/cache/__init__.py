"""What was computed once for everybody: responses and values of functions, until they are revalidated."""
