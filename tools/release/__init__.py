"""Releases: archives, their trial, the list of what is in them, and the files of others that they carry."""
