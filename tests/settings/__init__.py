"""The settings, and the places that give them."""
