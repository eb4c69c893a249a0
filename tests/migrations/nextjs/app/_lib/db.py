cart = ["tea"]
