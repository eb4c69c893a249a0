from jinja2 import DictLoader, Environment, select_autoescape

from apiroutes import html

environment = Environment(
    loader=DictLoader({"hello.html": "<p>{{ name }}</p>"}), autoescape=select_autoescape()
)


def GET(name: str):
    return html(environment.get_template("hello.html").render(name=name))
