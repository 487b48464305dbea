"""Writes docs/guide/sdk.md from the SDK's docstrings; with --check only says whether the page is stale."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import burrowspace  # noqa: E402
from burrowspace.client import errors, events  # noqa: E402
from burrowspace.client.session import outgoing, transfer  # noqa: E402
from burrowspace.client.state import devices, folders, journal, shelf  # noqa: E402

PAGE = ROOT / "docs" / "guide" / "sdk.md"
WIDTH = 116

HEAD = """# The Python SDK

<!-- Written by scripts/sdk_doc.py from the docstrings of src/burrowspace/client. Change them there. -->

`from burrowspace import Client` is all you need to send and receive from a program:

```python
{example}```

Names below that start with a capital letter come from the same import: `from burrowspace import Client, Progress,
Unreachable`. A program that is both ends: [examples/send_and_receive.py](../../examples/send_and_receive.py).
"""


def page() -> str:
    example = (ROOT / "examples" / "watch_a_transfer.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    parts = [HEAD.format(example=example)]
    parts += ["## Client\n", call("Client", burrowspace.Client.__init__), said(burrowspace.Client), *methods()]
    parts += ["## Transfer\n", f"What `send`, `receive` and `resume` return.\n\n{said(transfer.Transfer)}"]
    parts += [method("transfer", transfer.Transfer.close), method("transfer", outgoing.SendTransfer.new_code)]
    parts += ["## Options\n", said(burrowspace.Options), fields(burrowspace.Options)]
    parts += ["## Events\n", prose(inspect.getdoc(events) or "")]
    parts += [text for each in kinds(events, burrowspace.Event) for text in described(each)]
    parts += ["## Errors\n", prose(inspect.getdoc(errors) or "")]
    parts += [
        "## What the lists hold\n",
        "These are not offered by `burrowspace` itself: you get them from a Client.\n",
    ]
    for each in (journal.Record, folders.Ended, shelf.Left, devices.Device):
        parts += described(each)
    return "\n".join(parts)


def kinds(module: object, root: type) -> list[type]:
    """The classes of a module below this one, in the order in which they stand there."""
    return [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, root) and each != root]


def described(what: type) -> list[str]:
    return [f"### {what.__name__}\n", said(what), *([fields(what)] if what.__annotations__ else [])]


def methods() -> Iterator[str]:
    for name, each in vars(burrowspace.Client).items():
        if not name.startswith("_"):
            yield method("client", each)


def method(of: str, what: object) -> str:
    assert callable(what)
    name = f"{of}.{what.__name__}"
    called = f"await {name}" if inspect.iscoroutinefunction(what) else name
    return "\n".join([f"### {name}\n", call(called, what), said(what)])


def call(name: str, what: object) -> str:
    """How it is called, as it is written in the source: one argument a line where they do not fit into one."""
    assert callable(what)
    tree = ast.parse(textwrap.dedent(inspect.getsource(what))).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    tree.args.args = tree.args.args[1:]  # without self
    for arg in (*tree.args.args, *tree.args.kwonlyargs):
        arg.annotation = plain(arg.annotation)
    arguments = re.sub(r"(?<=[]\w])=", " = ", ast.unparse(tree.args)).replace("DEFAULT", "Options()")
    returns = "None" if tree.returns is None else ast.unparse(plain(tree.returns) or tree.returns)
    result = "" if returns == "None" else f" -> {returns}"
    whole = f"{name}({arguments}){result}"
    if len(whole) > 100:
        split = re.sub(r", (?=\*|\w+:)", ",\n    ", arguments)
        whole = f"{name}(\n    {split},\n){result}"
    return f"```python\n{whole}\n```\n"


def plain(annotation: ast.expr | None) -> ast.expr | None:
    """Without the quotes around it."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def fields(what: type) -> str:
    """One line for each field of a record, with the comment behind it."""
    source = textwrap.dedent(inspect.getsource(what))
    lines, found = source.splitlines(), []
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign):
            assert node.end_lineno is not None
            comment = lines[node.end_lineno - 1][node.end_col_offset :].partition("#")[2].strip()
            text = f"- `{ast.unparse(node)}`" + (f": {comment}" if comment else "")
            found.append(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(found) + "\n"


def said(what: object) -> str:
    return prose(inspect.getdoc(what) or "")


def prose(text: str) -> str:
    """A docstring's paragraphs; what is indented in it is a drawing or code."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            paragraphs.append(f"```\n{textwrap.dedent(paragraph)}\n```")
        else:
            paragraphs.append(textwrap.fill(paragraph, WIDTH, break_on_hyphens=False))
    return "\n\n".join(paragraphs) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/guide/sdk.md is stale; run: python scripts/sdk_doc.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
