from ported_start.steps import signed_in

middleware = signed_in
