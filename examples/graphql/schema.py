"""The schema: types, queries, mutations, and how much a query may ask for."""

from dataclasses import dataclass

import strawberry
from graphql import GraphQLError
from strawberry import Private
from strawberry.dataloader import DataLoader
from strawberry.extensions import MaskErrors, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter

from library import AUTHORS, BOOKS


@dataclass
class Context:
    """What resolvers know of a request. A loader is of one request: it keeps what it has read."""

    user: str | None
    names: DataLoader[int, str | None]


Info = strawberry.Info[Context, None]


@strawberry.type
class Author:
    id: int

    @strawberry.field
    async def name(self, info: Info) -> str | None:
        return await info.context.names.load(self.id)

    @strawberry.field
    def books(self) -> list["Book"]:
        return [
            Book(id=id, title=title, author_id=self.id) for id, (title, by) in BOOKS.items() if by == self.id
        ]


@strawberry.type
class Book:
    id: int
    title: str
    author_id: Private[int]

    @strawberry.field
    def author(self) -> Author:
        return Author(id=self.author_id)


def all_books() -> list[Book]:
    return [Book(id=id, title=title, author_id=author_id) for id, (title, author_id) in BOOKS.items()]


@strawberry.type
class Query:
    @strawberry.field
    def books(self) -> list[Book]:
        return all_books()

    @strawberry.field
    def me(self, info: Info) -> str | None:
        """Who has signed in."""
        return info.context.user


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add_book(self, info: Info, title: str, author_id: int) -> Book:
        """Add a book: for those who have signed in."""
        if info.context.user is None:
            raise GraphQLError("Sign in first")
        if author_id not in AUTHORS:
            raise GraphQLError(f"There is no author {author_id}")
        id = max(BOOKS) + 1
        BOOKS[id] = (title, author_id)
        return Book(id=id, title=title, author_id=author_id)


def is_internal(error: GraphQLError) -> bool:
    """Return whether an error is a fault of ours, whose text is for the log alone."""
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


schema = strawberry.Schema(
    Query,
    Mutation,
    extensions=[
        lambda: QueryDepthLimiter(max_depth=6),
        lambda: MaxAliasesLimiter(max_alias_count=10),
        lambda: MaxTokensLimiter(max_token_count=1000),
        lambda: MaskErrors(is_internal),
    ],
)
