from apiroutes.middleware import csrf

middleware = [csrf(trusted=["https://app.example.com", "https://xn--bcher-kva.example"])]
