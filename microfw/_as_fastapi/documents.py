"""The classes of which FastAPI makes an OpenAPI document. Here a document is a plain `dict`.

```python
OAuthFlows(password={"tokenUrl": "token"}) == {"password": {"tokenUrl": "token"}}
```
"""

from typing import Any


class Part(dict[str, Any]):
    """A part of a document: the arguments by name, without those that are `None`."""

    def __init__(self, **said: Any) -> None:
        super().__init__({name: value for name, value in said.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def __getattr__(name: str) -> type[Part]:
    """Make the class of a part of a document when it is first imported."""
    if not name[0].isupper():
        raise AttributeError(name)
    made = type(name, (Part,), {"__module__": __name__})
    globals()[name] = made
    return made
