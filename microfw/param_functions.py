"""What declares parameters, under the name at which FastAPI has it."""

from microfw.dependencies import Depends, Security
from microfw.params import Body, Cookie, File, Form, Header, Path, Query

__all__ = [
    "Body",
    "Cookie",
    "Depends",
    "File",
    "Form",
    "Header",
    "Path",
    "Query",
    "Security",
]
