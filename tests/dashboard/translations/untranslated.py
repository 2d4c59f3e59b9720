"""What people would read of a template, or of a page, that no catalog was asked for."""

import re
from html.parser import HTMLParser

from jinja2 import Environment, nodes

#: Attributes that people read or hear.
READ = frozenset({"aria-label", "title", "placeholder", "alt", "aria-valuetext", "aria-description"})
#: Names, the same in all languages.
NAMES = frozenset(
    {"Latent", "Farm", "LoRA", "SHA-256", "UTC", "API", "safetensors", "PNG", "JPEG", "WebP", "AVIF", "FID", "KID"}
)
#: Elements whose text is for programs, or to be typed.
_NOT_READ = frozenset({"script", "style", "code", "pre", "template"})
_DATA = re.compile(r'\bdata-[\w-]+="[^"]*"')  # of the block that adds attributes to <main>
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
                   "circle", "rect", "line", "path", "polyline"})  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{64}")
_WORD = re.compile(r"[^\W\d_][\w'’-]*[^\W\d_]|[^\W\d_]{2,}")
_GAP = "\ufffc"


class Read(HTMLParser):
    """The texts of a document that people read, each with its line and, of an attribute, its name."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[tuple[int, str, str]] = []
        self._closed: list[str] = []  # elements within which nothing is read, the outermost first
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._closed or tag in _NOT_READ or given.get("translate") == "no":
            if tag not in _VOID:
                self._closed.append(tag)
            return
        for name, value in attrs:
            if name in READ and value:
                self.texts.append((self.getpos()[0], name, value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._closed and self._closed[-1] == tag:
            self._closed.pop()

    def handle_data(self, data: str) -> None:
        if not self._closed:
            self.texts.append((self.getpos()[0], "", data))


def words_of(text: str) -> list[str]:
    """The words of a text that a translator would have to see."""
    return [word for word in _WORD.findall(_ID.sub(" ", text)) if word not in NAMES]


def in_template(environment: Environment, source: str) -> list[str]:
    """'3: Submit a job' for each text of a template that stands there as it is, also in expressions."""
    document = _DATA.sub("", "".join(_written(environment.parse(source))))
    return [
        f"{line}: {f'{name}=' if name else ''}{' '.join(text.split())}"
        for line, name, text in Read(document).texts
        if words_of(text)
    ]


def _written(node: nodes.Node) -> list[str]:
    """What a template writes, with a gap for all that it is told: both ways of each choice, one after the other."""
    found: list[str] = []
    for child in node.iter_child_nodes():
        if isinstance(node, nodes.Output):
            found += [child.data] if isinstance(child, nodes.TemplateData) else [_GAP, *_constants(child), _GAP]
        elif isinstance(child, nodes.Expr):
            continue
        else:
            found += _written(child)
    if isinstance(node, nodes.Assign):
        texts = _constants(node.node)
        found += [] if "".join(texts).startswith("/") else [f"{text}\n" for text in texts]  # an address is not read
    return found


def _constants(node: nodes.Node) -> list[str]:
    """The texts that an expression may come to, where they stand in it."""
    if isinstance(node, nodes.Const):
        return [str(node.value)] if isinstance(node.value, str) else []
    if isinstance(node, nodes.CondExpr):
        return [text for part in (node.expr1, node.expr2) if part is not None for text in _constants(part)]
    if isinstance(node, nodes.Filter):
        return _constants(node.node) if node.node is not None else []
    if isinstance(node, nodes.BinExpr | nodes.Concat):
        return [text for part in node.iter_child_nodes() for text in _constants(part)]
    return []
