"""The one endpoint of the API: a query is a POST of JSON.

curl localhost:8000/api/graphql --json '{"query": "{ books { title author { name } } }"}'
"""

import os
from typing import Annotated, Any

from msgspec import Meta, Struct
from strawberry.dataloader import DataLoader
from strawberry.http.ides import get_graphql_ide_html
from strawberry.schema.exceptions import CannotGetOperationTypeError

from apiroutes import ApiError, Depends, Request, html, json
from apiroutes.middleware import bearer
from library import load_names
from schema import Context, schema

current_user = bearer({"ada": os.environ["ADA_TOKEN"]}, optional=True)
config = {"maxDuration": 10}
# Of GraphQL over HTTP: whoever accepts it by name is told by the status whether a query was executed.
MEDIA_TYPE = "application/graphql-response+json"


class Operation(Struct, rename="camel"):
    """What a client of GraphQL sends."""

    query: Annotated[str, Meta(min_length=1)]
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def POST(body: Operation, user: Annotated[str | None, Depends(current_user)], request: Request) -> Any:
    """Execute an operation of GraphQL."""
    context = Context(user, DataLoader(load_names))
    try:
        result = await schema.execute(
            body.query, body.variables, context_value=context, operation_name=body.operation_name
        )
    except CannotGetOperationTypeError as error:
        raise ApiError(400, error.as_http_error_reason()) from None
    errors = [error.formatted for error in result.errors or []]
    # Errors of execution have paths. Without it there is no `data` (GraphQL's specification, section 7.1).
    was_executed = not errors or result.data is not None or any("path" in error for error in errors)
    answer = ({"data": result.data} if was_executed else {}) | ({"errors": errors} if errors else {})
    if MEDIA_TYPE not in request.headers.get("Accept", ""):
        return answer
    return json(answer, 200 if was_executed else 400, {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"})


if os.environ.get("GRAPHIQL"):  # of .env.development: the page loads its scripts from unpkg.com

    def GET() -> Any:
        """Show GraphiQL, a page to try queries."""
        return html(get_graphql_ide_html(graphql_ide="graphiql"))
