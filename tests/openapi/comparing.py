"""Two documents of one program, microfw's and FastAPI's, apart from the differences with a name.

Each function below is one difference, which `docs/compatibility.md` tells: it changes what one of
the documents says only where that is what the difference is about.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
JSON_OF_ANYTHING: Document = {"application/json": {"schema": {}}}


def compared(ours: Document, theirs: Document) -> tuple[Document, Document]:
    """Both documents, without their differences that have a name."""
    ours, theirs = copy.deepcopy(ours), copy.deepcopy(theirs)
    for method, own, other in _operations(ours, theirs):
        _only_what_can_go_wrong(own, other)
        _the_media_type_of_a_response(own, other)
        _no_content_of_a_head(method, other)
        _items_in_a_document_of_version_3_1(other)
        _all_credentials_that_are_required(own, other)
        _an_id_for_each_method(own, other)
    _the_format_of_forms(ours, theirs)
    for document in (ours, theirs):
        _no_schema_that_nothing_refers_to(document)
    return ours, _with_plain_names(theirs)


def _operations(ours: Document, theirs: Document) -> Iterator[tuple[str, Document, Document]]:
    for kind in ("paths", "webhooks"):
        for path, methods in ours.get(kind, {}).items():
            for method, operation in methods.items():
                yield method, operation, theirs[kind][path][method]


def _only_what_can_go_wrong(own: Document, other: Document) -> None:
    """422 is there only where something may be invalid; 400, 401, 403 and 413 are there."""
    for status in ("400", "401", "403", "413"):
        if "HTTPError" in str(own["responses"].get(status)):
            del own["responses"][status]
    if "422" not in own["responses"]:
        other["responses"].pop("422", None)


def _the_media_type_of_a_response(own: Document, other: Document) -> None:
    """A response that the endpoint makes itself has the media type and the status of its class."""
    (status, answer), *_ = own["responses"].items()
    (other_status, other_answer), *_ = other["responses"].items()
    content, others = answer.get("content"), other_answer.get("content")
    if content != others and (others == JSON_OF_ANYTHING or content == {"*/*": {}}):
        other["responses"][status] = other["responses"].pop(other_status)
        other_answer.pop("content", None)
        answer.pop("content", None)


def _no_content_of_a_head(method: str, other: Document) -> None:
    for answer in other["responses"].values() if method == "head" else ():
        answer.pop("content", None)


def _items_in_a_document_of_version_3_1(other: Document) -> None:
    for answer in other["responses"].values():
        for content in answer.get("content", {}).values():
            if "itemSchema" in content:
                content["schema"] = content.pop("itemSchema")


def _all_credentials_that_are_required(own: Document, other: Document) -> None:
    """Several schemes are all required; a scheme that is not, may be left out."""
    names = {name for each in own.get("security", ()) for name in each}
    differs = len(names) > 1 or {} in own.get("security", ())
    if differs and names == {name for each in other["security"] for name in each}:
        other["security"] = own["security"]


def _an_id_for_each_method(own: Document, other: Document) -> None:
    same = own["operationId"].rpartition("_")[0] == other["operationId"].rpartition("_")[0]
    if same:
        other["operationId"] = own["operationId"]


def _the_format_of_forms(ours: Document, theirs: Document) -> None:
    """What `json_schema_extra` says of a form's field is there."""
    others = theirs.get("components", {}).get("schemas", {})
    for name, schema in ours.get("components", {}).get("schemas", {}).items():
        for key, field in schema.get("properties", {}).items() if name in others else ():
            if name.startswith("Body_") and field.get("format") == "password":
                others[name]["properties"][key].setdefault("format", "password")


def _no_schema_that_nothing_refers_to(document: Document) -> None:
    schemas = document.get("components", {}).get("schemas", {})
    while unused := [name for name in schemas if f"schemas/{name}'" not in str(document)]:
        for name in unused:
            del schemas[name]
    for name in [name for name, part in document.get("components", {}).items() if not part]:
        del document["components"][name]
    if not document.get("components", True):
        del document["components"]


def _with_plain_names(document: Document) -> Document:
    """A model whose other schema is not used has its plain name."""
    schemas = document.get("components", {}).get("schemas", {})
    names = {
        name: name.removesuffix("-Input")
        for name in schemas
        if name.endswith("-Input") and f"{name.removesuffix('-Input')}-Output" not in schemas
    }
    return _renamed(document, names) if names else document


def _renamed(part: Any, names: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_renamed(each, names) for each in part]
    if isinstance(part, dict):
        return {names.get(key, key): _renamed(each, names) for key, each in part.items()}
    if isinstance(part, str):
        return re.sub(r"[\w.-]+$", lambda found: names.get(found[0], found[0]), part)
    return part
