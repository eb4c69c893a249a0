"""The one endpoint of the API: a query is a POST of JSON.

curl localhost:8000/api/graphql --json '{"query": "{ books { title author { name } } }"}'
"""

import os
from typing import Annotated, Any

from msgspec import Struct
from strawberry.dataloader import DataLoader
from strawberry.http.ides import get_graphql_ide_html

from apiroutes import Depends, html
from apiroutes.middleware import bearer
from library import load_names
from schema import Context, schema

current_user = bearer({"ada": os.environ["ADA_TOKEN"]}, optional=True)
config = {"maxDuration": 10}


class Operation(Struct, rename="camel"):
    """What a client of GraphQL sends."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


async def POST(body: Operation, user: Annotated[str | None, Depends(current_user)]) -> dict[str, Any]:
    """Execute an operation of GraphQL."""
    context = Context(user, DataLoader(load_names))
    result = await schema.execute(
        body.query, body.variables, context_value=context, operation_name=body.operation_name
    )
    errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
    return {"data": result.data, **errors}


if os.environ.get("GRAPHIQL"):  # of .env.development: the page loads its scripts from unpkg.com

    def GET() -> Any:
        """Show GraphiQL, a page to try queries."""
        return html(get_graphql_ide_html(graphql_ide="graphiql"))
