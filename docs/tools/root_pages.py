"""Pages of the documentation that are files of the repository's root: written once, shown in both places."""

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of the root's file in place of the page's own, its links as seen from the folder of pages."""
    name = PAGES.get(page.file.src_uri)
    if name is None:
        return markdown
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    for there, here in ((root, uri) for uri, root in PAGES.items()):
        text = text.replace(f"]({there})", f"]({here})")
    return text
