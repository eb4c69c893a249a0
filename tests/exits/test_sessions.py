"""SQLAlchemy's sessions as dependencies: an answer is a commit, and a commit that fails is a 500."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.exits.support import through
from tests.support import call, project

MODELS = """
from sqlalchemy import String, create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...
class User(Base):
    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(50), primary_key=True)

FILE = __file__.replace("models_of_sessions.py", "users.db")
engine = create_engine(f"sqlite:///{FILE}")
Base.metadata.create_all(engine)
"""
PLAIN = """
from typing import Annotated
from apiroutes import Depends, ApiError
from models_of_sessions import Session, User, engine, select
def session():
    with Session(engine) as db:
        yield db
        db.commit()
DB = Annotated[Session, Depends(session)]
def POST(db: DB, name: str, status: int = 201):
    db.add(User(name=name))
    if status != 201:
        raise ApiError(status)
    return {"name": name}
def GET(db: DB):
    return (name for name in db.scalars(select(User.name).order_by(User.name)))
"""
ASYNC = """
from typing import Annotated
from apiroutes import Depends, ApiError
from models_of_sessions import FILE, AsyncSession, User, create_async_engine, select
async def session():
    engine = create_async_engine(f"sqlite+aiosqlite:///{FILE}")
    try:
        async with AsyncSession(engine) as db:
            yield db
            await db.commit()
    finally:
        await engine.dispose()
DB = Annotated[AsyncSession, Depends(session)]
async def POST(db: DB, name: str, status: int = 201):
    db.add(User(name=name))
    if status != 201:
        raise ApiError(status)
    return {"name": name}
async def GET(db: DB):
    async def names():
        async for name in await db.stream_scalars(select(User.name).order_by(User.name)):
            yield name
    return names()
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The project's module of models, imported anew by each test."""
    monkeypatch.delitem(sys.modules, "models_of_sessions", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    project(tmp_path, {"models_of_sessions.py": MODELS})
    yield
    sys.modules.pop("models_of_sessions").engine.dispose()


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("handlers", [PLAIN, ASYNC], ids=["plain", "async"])
def test_an_answer_is_a_commit(tmp_path: Path, handlers: str, interface: str) -> None:
    app = through(App(project(tmp_path, {"pages/api/x.py": handlers})), interface)
    assert call(app, "POST", "/api/x?name=ada").status == 200
    assert call(app, "POST", "/api/x?name=bob&status=409").status == 409
    assert call(app, "POST", "/api/x?name=ada").status == 500
    assert call(app, "POST", "/api/x?name=cleo").status == 200
    assert call(app).text == "adacleo"
