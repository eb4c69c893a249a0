users = ["ada"]
