from collections.abc import Iterator
from typing import Annotated

from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from apiroutes import Depends


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
Base.metadata.create_all(engine)


def session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session
        session.commit()


DB = Annotated[Session, Depends(session)]
