"""What MkDocs calls: it adds the reference and the pages of the repository's root, and leads links to them."""

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # MkDocs loads this file by its path

from deploy.docs.reference import pages  # noqa: E402

#: Pages of the repository's root that are part of the site.
PROJECT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add what lies not in docs/."""
    texts = pages() | {f"project/{name}": (ROOT / name).read_text(encoding="utf-8") for name in PROJECT}
    for name, text in texts.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links between docs/ and the root to where both are in the site; to other files there is no link."""
    here = page.file.src_uri
    if here.startswith("reference/"):
        return markdown
    folder = "" if here.startswith("project/") else posixpath.join("docs", posixpath.dirname(here))

    def led(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, found["path"]))
        if path in PROJECT:
            target = f"project/{path}"
        elif path == "docs":
            target = "README.md"
        elif path.startswith("docs/"):
            target = path.removeprefix("docs/")
        else:
            return f"]({SOURCE}{path})" if SOURCE else "]"
        if files.get_file_from_path(target) is None and target == "adr":
            target = "adr/0001-claim-by-flow.md"
        return f"]({posixpath.relpath(target, posixpath.dirname(here) or '.')}{found['anchor'] or ''})"

    return _LINK.sub(led, markdown)


#: Where the sources can be read; empty: links to files that are not in the site become plain words.
SOURCE = ""
