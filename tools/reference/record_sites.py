"""The log records that the package makes: where, by which logger, at which level, with which text.

In: the source of the package. Out: records, each with what a comment `# Record: ...` in front of its call
says. Such a comment may name level and text itself, `# Record INFO "text": ...`, and the logger before them,
where the call does not show them. Raises Undescribed for a record without a comment, and for a comment that
is in front of none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tools.reference.source import PACKAGE, Undescribed, files_of

__all__ = ["Record", "records"]

_LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")
# The functions of apiroutes.logs that make records of a request; their calls are the records.
_MAKERS = ("log_fault", "log_disconnect", "log_of_request")
_REQUEST = "METHOD ROUTE [ID]"
# Loggers by the names that files have for them, where no `logging.getLogger` in the file says it.
_LOGGERS = {
    ("servers/gunicorn_arbiter.py", "self.log"): "gunicorn.error",
    ("servers/granian.py", "logger"): "_granian",
    ("servers/worker_processes.py", "self._log"): "uvicorn.error",
}
_MAY_LOG = re.compile(r"log(?:ger|\b|_)|# Record")  # which saves reading most files
_BEGIN = re.compile(r"\s*# Record(?:: | (?:[a-z_.]+ )?[A-Z]{4,}(?: |$))")
_COMMENT = re.compile(
    r'# Record(?: (?P<logger>[a-z_.]+))?(?: (?P<level>[A-Z]+) "(?P<text>.+?)")?: (?P<meaning>.+)', re.DOTALL
)


class Record(NamedTuple):
    """A record: its logger, its level ("DEBUG or ERROR" where it is one of two), its text and its meaning.

    `file` is relative to the package. `is_of_request`: whether it has the attributes of a request;
    `has_traceback`: whether it has one.
    """

    file: str
    line: int
    logger: str
    level: str
    text: str
    meaning: str
    is_of_request: bool
    has_traceback: bool


@cache
def records(package: Path = PACKAGE) -> list[Record]:
    """Return all records, in the order of files and lines; equal ones of a file once."""
    found: dict[tuple[str, str, str], Record] = {}
    for file, text in files_of(package):
        for record in _records_of(text, file) if _MAY_LOG.search(text) else ():
            known = found.get(record[2:5])
            if known is None or not known.meaning:
                found[record[2:5]] = record
    silent = [f"{record.file}:{record.line}" for record in found.values() if not record.meaning]
    if silent:
        raise Undescribed(
            f"write `# Record: when it is made.` in front of the records at {', '.join(silent)}"
        )
    return sorted(found.values())


def _records_of(text: str, file: str) -> Iterator[Record]:
    source = _Source(text, file)
    used = set()
    for call, functions in source.calls:
        if (
            file == "logs.py"
            and functions
            and functions[-1].name in _MAKERS
            and not source.comment_at(call)[1]
        ):
            continue  # what these log is what they are called with
        line, comment = source.comment_at(call)
        used.add(line)
        yield source.record_of(call, functions, comment)
    for line, comment in source.comments():
        if line not in used:
            written = _COMMENT.fullmatch(comment)
            if written is None or written["text"] is None or written["logger"] is None:
                raise Undescribed(f"{file}:{line}: the comment of a record is in front of no call that logs")
            yield Record(
                file,
                line,
                written["logger"],
                written["level"],
                written["text"],
                written["meaning"],
                True,
                False,
            )


class _Source:
    """The source of one file."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._tree = ast.parse(text)
        self.calls = [*_logging_calls(self._tree)]
        self._begin_of = {
            line: node.lineno
            for node in ast.walk(self._tree)
            if isinstance(node, ast.stmt) and not hasattr(node, "body")
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }

    def comment_at(self, call: ast.Call) -> tuple[int, str]:
        """Return the comment in front of a call, with the line where it begins; or an empty one."""
        return self._comment_before(self._begin_of.get(call.lineno, call.lineno))

    def _comment_before(self, line: int) -> tuple[int, str]:
        begin = line - 1
        while begin > 0 and self._lines[begin - 1].lstrip().startswith("#"):
            if _BEGIN.match(self._lines[begin - 1]):
                words = [text.strip().removeprefix("#").strip() for text in self._lines[begin - 1 : line - 1]]
                return begin, f"# {' '.join(words)}"
            begin -= 1
        return 0, ""

    def comments(self) -> Iterator[tuple[int, str]]:
        """Yield all comments of records with the lines where they begin."""
        for number, text in enumerate(self._lines, 1):
            if _BEGIN.match(text):
                end = number + 1
                while self._lines[end - 1].lstrip().startswith("#"):
                    end += 1
                yield number, self._comment_before(end)[1]

    def record_of(self, call: ast.Call, functions: list[ast.FunctionDef], comment: str) -> Record:
        """Return the record that a call makes."""
        written = _COMMENT.fullmatch(comment)
        if comment and written is None:
            raise Undescribed(
                f"{self._file}:{call.lineno}: this comment of a record cannot be read: {comment}"
            )
        maker = _name_of(call.func)
        level, text = _level_of(call, maker), None
        if written is None or written["text"] is None:
            level, text = self._shown(call, maker, level, functions)
        else:
            level, text = written["level"], written["text"]
        has_traceback = maker == "log_fault" or any(word.arg == "exc_info" for word in call.keywords)
        is_of_request = maker in _MAKERS or any(word.arg == "extra" for word in call.keywords)
        meaning = "" if written is None else written["meaning"]
        logger = self._logger_of(call) if written is None or written["logger"] is None else written["logger"]
        return Record(self._file, call.lineno, logger, level, text, meaning, is_of_request, has_traceback)

    def _shown(
        self, call: ast.Call, maker: str, level: str | None, functions: list[ast.FunctionDef]
    ) -> tuple[str, str]:
        position = {"log_fault": 3, "log_disconnect": 1, "log_of_request": 2, "log": 1}.get(maker, 0)
        texts = ["failed"]  # which is the default of `log_fault`
        if len(call.args) > position:
            texts = [*_texts(call.args[position], functions, self._tree)]
        if level is None:
            levels = [*_texts(call.args[0], functions, self._tree)]
            level = " or ".join(dict.fromkeys(levels))
        if len(texts) != 1 or not level:
            raise Undescribed(
                f"{self._file}:{call.lineno}: write level and text into the comment: "
                '`# Record INFO "...": ...`'
            )
        prefix = {"log_fault": f"{_REQUEST} ", "log_disconnect": f"{_REQUEST}: the client left "}
        prefix["log_of_request"] = f"{_REQUEST}: "
        return level, prefix.get(maker, "") + texts[0]

    def _logger_of(self, call: ast.Call) -> str:
        if _name_of(call.func) in _MAKERS:
            return "apiroutes"
        assert isinstance(call.func, ast.Attribute)
        value = call.func.value
        if isinstance(value, ast.Name):
            assigned = [*_assigned(value.id, self._tree)]
            value = assigned[0] if assigned else value
        if isinstance(value, ast.Call) and isinstance(value.args[0], ast.Constant):
            return str(value.args[0].value)
        known = _LOGGERS.get((self._file, ast.unparse(call.func.value)))
        if known is None:
            raise Undescribed(f"{self._file}:{call.lineno}: which logger is {ast.unparse(call.func.value)}?")
        return known


def _logging_calls(tree: ast.Module) -> Iterator[tuple[ast.Call, list[ast.FunctionDef]]]:
    """Yield the calls that log, with the functions around them, outermost first."""

    def walk(
        node: ast.AST, functions: list[ast.FunctionDef]
    ) -> Iterator[tuple[ast.Call, list[ast.FunctionDef]]]:
        if isinstance(node, ast.Call) and _is_logging(node):
            yield node, functions
        inside = (
            [*functions, node] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else functions
        )
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)  # type: ignore[arg-type]

    return walk(tree, [])


def _is_logging(call: ast.Call) -> bool:
    name = _name_of(call.func)
    if name in _MAKERS:
        return True
    if not isinstance(call.func, ast.Attribute) or name not in _LEVELS:
        return False
    of = ast.unparse(call.func.value)
    return of.rpartition(".")[2] in ("_log", "log", "logger") or of.startswith("logging.getLogger(")


def _name_of(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _level_of(call: ast.Call, maker: str) -> str | None:
    """Return the level of a record; None where an argument of the call is the level."""
    if maker in ("log", "log_of_request"):
        return None
    return {"log_fault": "ERROR", "log_disconnect": "INFO", "exception": "ERROR"}.get(maker, maker.upper())


# -- what an expression is -------------------------------------------------------------------


def _texts(node: ast.expr, functions: list[ast.FunctionDef], tree: ast.Module) -> Iterator[str]:
    """Yield the texts, or names of levels, that an expression may have; nothing where that is not known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "%s" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, functions, tree)
        yield from _texts(node.orelse, functions, tree)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for left in _texts(node.left, functions, tree):
            for right in _texts(node.right, functions, tree):
                yield left + right
    elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "logging":
        yield node.attr
    elif isinstance(node, ast.Name):
        scopes: list[ast.AST] = [*reversed(functions), tree]
        values = next((found for scope in scopes if (found := [*_assigned(node.id, scope)])), [])
        before = [value for value in values if value.lineno <= node.lineno]
        if before:
            yield from _texts(before[-1], functions, tree)
        else:
            yield from _imported(node.id, tree)


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    """Yield what a name is assigned in a function, or in a module outside of its functions."""
    nodes = scope.body if isinstance(scope, ast.Module) else ast.walk(scope)
    for node in nodes:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            yield node.value


def _imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the text that a name has in the module of the package that it is imported from."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            path = PACKAGE.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
            other = _parsed(path)
            for value in _assigned(name, other):
                yield from _texts(value, [], other)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
