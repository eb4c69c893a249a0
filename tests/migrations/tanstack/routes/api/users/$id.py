from apiroutes import file_route


def get(request, params, context):
    return {"id": params["id"], "method": request.method, "context": context}


Route = file_route("/api/users/$id", handlers={"GET": get})
