"""A program in another edition: its own source is run, with its imports changed to FastAPI's.

So nothing else can differ between the two.
"""

import ast
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType

NAMES = {
    "App": "FastAPI",
    "Route": "APIRoute",
    "Router": "APIRouter",
    "WebSocketRoute": "APIWebSocketRoute",
}
"""FastAPI's, for those of microfw."""


@dataclass(frozen=True)
class Edition:
    """A program's modules, imported once more, with a state of their own.

    Attributes:
        name: What the names of its modules end with.
        home: Where the program's own modules are.
        framework: What takes the place of microfw: "fastapi", or itself.
        shared: Modules of `home` that are imported as they are.
    """

    name: str
    home: str
    framework: str
    shared: tuple[str, ...] = ()

    def of(self, module: str) -> ModuleType:
        """Run the source of a module, and of those of the program that it imports; once."""
        name = f"{module}{self.name}"
        if name not in sys.modules:
            path = _source_of(module)
            assert path is not None
            with open(path, encoding="utf-8") as file:
                program = ast.fix_missing_locations(_Imports(self).visit(ast.parse(file.read())))
            made = ModuleType(name)
            made.__file__ = path
            sys.modules[name] = made  # where annotations are looked up
            try:
                exec(compile(program, path, "exec"), made.__dict__)
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]

    def forget(self) -> None:
        """Have the modules run anew."""
        for name in [name for name in sys.modules if name.endswith(self.name)]:
            del sys.modules[name]


class _Imports(ast.NodeTransformer):
    def __init__(self, edition: Edition) -> None:
        self._edition = edition

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        edition, module = self._edition, node.module or ""
        if module.partition(".")[0] == "microfw":
            node.module = module.replace("microfw", edition.framework, 1)
            for alias in node.names if edition.framework == "fastapi" else ():
                alias.asname = alias.asname or alias.name
                alias.name = NAMES.get(alias.name, alias.name)
        elif f"{module}.".startswith(f"{edition.home}.") and module not in edition.shared:
            if _source_of(module) is None:  # a folder, from which modules are imported
                made = [(edition.of(f"{module}.{alias.name}"), alias) for alias in node.names]
                return ast.Import(
                    [ast.alias(each.__name__, alias.asname or alias.name) for each, alias in made]
                )
            node.module = edition.of(module).__name__
        return node


def _source_of(module: str) -> str | None:
    spec = find_spec(module)
    return None if spec is None else spec.origin
