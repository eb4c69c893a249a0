"""Values to JSON: common Python values, strictly JSON, whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.http.json import encode_json
from tests.support import app_of, call

PREPARE = """
import collections, dataclasses, datetime, decimal, enum, ipaddress, pathlib, types, typing, uuid
import msgspec
class Text(str): pass
class Number(int): pass
class Real(float): pass
class Colour(enum.Enum):
    RED = "red"
class Size(enum.IntEnum):
    LARGE = 3
class Shade(str, enum.Enum):
    DARK = "dark"
class Flags(enum.Flag):
    A = 1
    B = 2
class Pair(typing.NamedTuple):
    x: int
    y: int
@dataclasses.dataclass
class Point:
    x: int
    tags: set[str] = dataclasses.field(default_factory=set)
@dataclasses.dataclass(frozen=True)
class Line:
    start: Point
class Struct(msgspec.Struct, rename="camel"):
    long_name: int
class Model:
    def __init__(self, value): self.value = value
    def model_dump(self, *, mode): return {"value": self.value} if mode == "json" else None
class Moment(datetime.datetime): pass
class Custom(collections.abc.Mapping):
    def __getitem__(self, key): return key * 2
    def __iter__(self): return iter("ab")
    def __len__(self): return 2
"""
WRITTEN = {
    "Text('é')": '"é"',
    "Number(5)": "5",
    "Real(1.5)": "1.5",
    "Real('nan')": "null",
    "Size.LARGE": "3",
    "Shade.DARK": '"dark"',
    "Flags.A | Flags.B": "3",
    "Pair(1, 2)": "[1,2]",
    "Point(1, {'a'})": '{"x":1,"tags":["a"]}',
    "Line(Point(1))": '{"start":{"x":1,"tags":[]}}',
    "[Struct(2)]": '[{"longName":2}]',
    "Model(datetime.date(2020, 1, 2))": '{"value":"2020-01-02"}',
    "{'a': [Model(Model(float('nan')))]}": '{"a":[{"value":{"value":null}}]}',
    "[iter([1]), (x for x in 'ab'), map(str, [2])]": '[[1],["a","b"],["2"]]',
    "{'a': zip('ab', [1, 2])}": '{"a":[["a",1],["b",2]]}',
    "Line(x for x in 'ab')": '{"start":["a","b"]}',
    "pathlib.PurePosixPath('/a/é')": '"/a/é"',
    "ipaddress.ip_address('::1')": '"::1"',
    "ipaddress.ip_network('10.0.0.0/8')": '"10.0.0.0/8"',
    "Moment(2020, 1, 2)": '"2020-01-02T00:00:00"',
    "Moment(2020, 1, 2, tzinfo=datetime.timezone.utc)": '"2020-01-02T00:00:00Z"',
    "Custom()": '{"a":"aa","b":"bb"}',
    "types.MappingProxyType({'a': 1})": '{"a":1}',
    "collections.Counter('a')": '{"a":1}',
    "collections.defaultdict(list, a=[])": '{"a":[]}',
    "collections.ChainMap({'a': 1})": '{"a":1}',
    "collections.UserList([1])": "[1]",
    "{'a': 1}.keys()": '["a"]',
    "datetime.datetime(2020, 1, 2, 3, 4, 5, 6)": '"2020-01-02T03:04:05.000006"',
    "datetime.time(1)": '"01:00:00"',
    "decimal.Decimal('0.1')": '"0.1"',
    "decimal.Decimal('1e30')": '"1E+30"',
    "uuid.UUID(int=0)": '"00000000-0000-0000-0000-000000000000"',
    "bytearray(b'abc')": '"YWJj"',
    "-(2 ** 64)": "-18446744073709551616",
    "1e300": "1e300",
    "-0.0": "-0.0",
    "float('-inf')": "null",
    "'\\u2028</script>'": '"\u2028</script>"',
    "'\\0\\x1f\"\\\\'": '"\\u0000\\u001f\\"\\\\"',
}
KEYS = {
    "Text('t')": "t",
    "Colour.RED": "red",
    "Size.LARGE": "3",
    "5": "5",
    "uuid.UUID(int=0)": "00000000-0000-0000-0000-000000000000",
    "datetime.date(2020, 1, 2)": "2020-01-02",
    "ipaddress.ip_address('::1')": "::1",
    "pathlib.PurePosixPath('a')": "a",
    "''": "",
}


@pytest.mark.parametrize("value", WRITTEN)
def test_common_python_values_are_written(tmp_path: Path, value: str) -> None:
    answer = call(app_of(tmp_path, f"{PREPARE}\ndef handler(req, res):\n    res.json({value})\n"))
    assert (answer.status, answer.body.decode()) == (200, WRITTEN[value])


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_written_as_text(tmp_path: Path, key: str) -> None:
    answer = call(app_of(tmp_path, f"{PREPARE}\ndef handler(req, res):\n    res.json({{{key}: 1}})\n"))
    assert answer.json() == {KEYS[key]: 1}


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


numbers = st.integers(-(2**80), 2**80) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def expected(value: Any) -> Any:
    """Return a Python value as a JSON reader sees it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [expected(item) for item in value]
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    return value


@given(values)
@settings(deadline=None)
def test_every_value_is_strict_json_that_reads_back(value: Any) -> None:
    assert json.loads(encode_json(value), parse_constant=refuse) == expected(value)


@given(values)
@settings(deadline=None)
def test_json_is_compact(value: Any) -> None:
    written = encode_json(value)
    assert msgspec.json.format(written, indent=-1) == written


# -- what JSON has no word for

UNWRITABLE = {
    "an object": "object()",
    "a class": "int",
    "a function": "handler",
    "a complex number": "1j",
    "a file": "__import__('io').BytesIO()",
    "a module": "collections",
    "an int of 5,000 digits": "10 ** 5000",
    "a surrogate in a key": "{'\\ud800': 1}",
    "a model that fails": "Failing()",
    "a model without a mode": "Old()",
    "a generator that fails": "(1 / 0 for _ in 'a')",
    "a list in itself": "endless()",
    "a dict in itself": "endless_dict()",
    "a model of itself": "Mirror()",
}
FAULTS = """
class Failing:
    def model_dump(self, *, mode): raise RuntimeError("s3cret")
class Old:
    def model_dump(self): return {}
class Mirror:
    def model_dump(self, *, mode): return [self]
def endless():
    a = []
    a.append(a)
    return a
def endless_dict():
    a = {}
    a["a"] = a
    return a
"""
WAYS = ["res.json({})", "res.send({})", "return {}"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_an_unsupported_value_is_one_log_line_and_never_half_a_body(
    tmp_path: Path, value: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = way.format(f"['x' * 100_000, {value}]")
    source = f"{PREPARE}{FAULTS}\ndef handler(req, res):\n    res.status(201)\n    {line}\n"
    answer = call(app_of(tmp_path, source))
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert answer.header("ETag") is None
    assert len(caplog.records) == 1


def test_a_handler_may_answer_after_a_value_that_could_not_be_written(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n"
        "    try:\n        res.json(object())\n"
        "    except TypeError:\n        res.status(422).json({'error': 'type'})\n"
    )
    answer = call(app_of(tmp_path, source))
    assert (answer.status, answer.json()) == (422, {"error": "type"})


# -- what libraries make

NUMPY = {
    "numpy.int64(1)": 1,
    "numpy.uint8(1)": 1,
    "numpy.float32(1.5)": 1.5,
    "numpy.float64('nan')": None,
    "numpy.float32('inf')": None,
    "numpy.longdouble(1.5)": 1.5,
    "numpy.bool_(True)": True,
    "numpy.str_('a')": "a",
    "numpy.array([[1, 2], [3, 4]])": [[1, 2], [3, 4]],
    "numpy.array([1.5, numpy.nan])": [1.5, None],
    "numpy.array(['a'])": ["a"],
    "numpy.array([1, 'a', None], dtype=object)": [1, "a", None],
    "numpy.array(1)": 1,
    "numpy.datetime64('2020-01-02')": "2020-01-02",
    "numpy.datetime64('2020-01-02T03:04:05.123456789')": "2020-01-02T03:04:05.123456",
    "numpy.datetime64('NaT', 's')": None,
    "numpy.array(['2020-01-02', 'NaT'], dtype='M8[ns]')": ["2020-01-02T00:00:00", None],
    "numpy.timedelta64(5, 's')": "PT5S",
    "{numpy.int64(1): numpy.int64(2)}": {"1": 2},
}
PANDAS = {
    "pandas.Timestamp('2020-01-02')": "2020-01-02T00:00:00",
    "pandas.Timestamp('2020-01-02T03:04:05.123456789Z')": "2020-01-02T03:04:05.123456789Z",
    "pandas.NaT": None,
    "pandas.NA": None,
    "pandas.Series([1, 2])": [1, 2],
    "pandas.Series([1, None], dtype='Int64')": [1, None],
    "pandas.Series(pandas.to_datetime(['2020-01-02', None]))": ["2020-01-02T00:00:00", None],
    "pandas.DataFrame({'a': [1], 'b': [None]}).to_dict('records')": [{"a": 1, "b": None}],
}


@pytest.mark.parametrize("value", NUMPY)
def test_numpy_values_are_written(value: str) -> None:
    numpy = pytest.importorskip("numpy")
    assert json.loads(encode_json([eval(value, {"numpy": numpy})])) == [NUMPY[value]]


@pytest.mark.parametrize("value", PANDAS)
def test_pandas_values_are_written(value: str) -> None:
    pandas = pytest.importorskip("pandas")
    assert json.loads(encode_json([eval(value, {"pandas": pandas})])) == [PANDAS[value]]


def test_sqlalchemy_rows_are_written_and_its_objects_get_a_remedy() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    orm = pytest.importorskip("sqlalchemy.orm")
    base = orm.declarative_base()
    columns = {"__tablename__": "users", "id": sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)}
    user: Any = type("User", (base,), columns)
    engine = sqlalchemy.create_engine("sqlite://")
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(user(id=1))
        rows = session.execute(sqlalchemy.select(user.id))
        assert encode_json({"rows": rows.all()}) == b'{"rows":[[1]]}'
        assert encode_json(session.execute(sqlalchemy.select(user.id)).mappings().all()) == b'[{"id":1}]'
        with pytest.raises(TypeError, match=r'User cannot be written as JSON: send .* \{"id": it.id\}'):
            encode_json(session.get(user, 1))
    engine.dispose()


# -- pydantic

MODELS = """
import dataclasses, pydantic
from pydantic.alias_generators import to_camel
from typing import Generic, TypeVar
T = TypeVar("T")
class Base(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, populate_by_name=True)
class Out(Base):
    full_name: str = "a"
    secret: str = pydantic.Field("s", exclude=True)
    weight: float = float("nan")
    @pydantic.computed_field
    @property
    def first_letter(self) -> str: return self.full_name[:1]
    @pydantic.field_serializer("full_name")
    def shout(self, value): return value.upper()
class Other(Base):
    an_out: Out = pydantic.Field(default_factory=Out, serialization_alias="theOut")
class Names(pydantic.RootModel[list[Out]]): pass
class Box(Base, Generic[T]):
    the_item: T
@dataclasses.dataclass
class Plain:
    an_out: Out
class Link(pydantic.BaseModel):
    url: pydantic.AnyUrl
    key: pydantic.SecretStr
"""
OUT = {"fullName": "A", "weight": None, "firstLetter": "a"}
DUMPED = {
    "Out()": OUT,
    "[Out()]": [OUT],
    "{'a_b': Out()}": {"a_b": OUT},
    "Other()": {"theOut": OUT},
    "Names([Out()])": [OUT],
    "Box[Out](the_item=Out())": {"theItem": OUT},
    "Plain(Out())": {"an_out": OUT},
    "(Out() for _ in 'a')": [OUT],
    "Link(url='http://x/', key='k').model_dump()": {"url": "http://x/", "key": "**********"},
}


@pytest.mark.parametrize("value", DUMPED)
def test_a_pydantic_model_is_written_by_alias(tmp_path: Path, value: str) -> None:
    pytest.importorskip("pydantic")
    answer = call(app_of(tmp_path, f"{MODELS}\ndef handler(req, res):\n    res.json({value})\n"))
    assert answer.json() == DUMPED[value]


# -- what a refusal says


async def coroutine() -> None: ...


async def several() -> Any:
    yield 1


class Frame:
    def to_dict(self) -> dict[str, int]:
        return {}


MESSAGES = {
    "an object of a class": (Frame, r"test_json\.Frame cannot be written as JSON: .* `to_dict\(\)`"),
    "another object": (object, "object cannot be written as JSON: send a dict, a list, a dataclass"),
    "a coroutine": (coroutine, r"`coroutine\(\)` cannot be written as JSON: did you forget `await`"),
    "an async generator": (several, r"\[item async for item in items\]"),
    "a function": (lambda: coroutine, r"the function `coroutine` .* is a call, `\(\)`, missing\?"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_unsupported_value_gets_a_remedy(name: str) -> None:
    make, message = MESSAGES[name]
    with pytest.raises(TypeError, match=message):
        encode_json({"a": [make()]})


@pytest.mark.parametrize(
    ("rows", "body"), [("fetchone()", '{"a":1,"b":2}'), ("fetchall()", '[{"a":1,"b":2}]')]
)
def test_rows_of_a_database_keep_the_names_of_their_columns(tmp_path: Path, rows: str, body: str) -> None:
    source = (
        "import contextlib, sqlite3\n"
        "def GET():\n"
        "    with contextlib.closing(sqlite3.connect(':memory:')) as connection:\n"
        "        connection.row_factory = sqlite3.Row\n"
        f"        return connection.execute('select 1 as a, 2 as b').{rows}\n"
    )
    assert call(app_of(tmp_path, source)).text == body
