"""OpenAPI: what an application says of itself, and the pages that show it.

Nothing here runs before the document, or one of the pages, is first asked for.
"""

__all__: list[str] = []
