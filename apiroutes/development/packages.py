"""Which package a missing module is in, for packages that are well known.

A name that is not in the list gets no advice: to install a package of the same name may install somebody
else's.
"""

from __future__ import annotations

import difflib

__all__ = ["package_of"]

# By the module's name, where the package is called otherwise.
_RENAMED = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
_SAME = (
    "aiofiles aiohttp aiosqlite alembic anthropic anyio argon2 arrow asyncpg attrs authlib babel bcrypt "
    "boto3 botocore brotli cachetools celery certifi cffi chardet click cryptography databases django "
    "duckdb elasticsearch email_validator falcon fastapi flask gevent granian greenlet gunicorn httpx "
    "hypercorn itsdangerous jinja2 jsonschema kafka kombu litestar loguru lxml markdown markupsafe "
    "marshmallow matplotlib minio mongoengine motor msgpack msgspec mypy nltk numpy openai openpyxl "
    "orjson pandas passlib peewee pendulum pika playwright polars prometheus_client psutil psycopg "
    "pyarrow pydantic pydantic_settings pygments pymongo pymssql pymysql pyodbc pytest pytz qrcode redis "
    "regex reportlab requests rich ruff scipy sentry_sdk simplejson sqlalchemy sqlmodel starlette stripe "
    "structlog tenacity toml tomli tortoise tqdm twilio typer typing_extensions tzdata ujson urllib3 "
    "uvicorn uvloop websockets weasyprint werkzeug whitenoise xlsxwriter xmltodict xxhash "
)
_PACKAGES = {**{name: name.replace("_", "-") for name in _SAME.split()}, **_RENAMED}
_PACKAGES |= {"argon2": "argon2-cffi", "kafka": "kafka-python", "tortoise": "tortoise-orm"}


def package_of(module: str) -> str | None:
    """Return what to do about a module that is missing; None for one that is not known."""
    package = _PACKAGES.get(module)
    if package is not None:
        return f"The package is not installed in this environment: `pip install {package}`."
    close = difflib.get_close_matches(module, _PACKAGES, 1, 0.85)
    return f"Did you mean `{close[0]}`?" if close else None
