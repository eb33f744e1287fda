"""A stdio server with PyPI's mcp: two tools that write down that they ran.

    python pair.py FILE
"""

import sys
from typing import Any

from mcp.server import MCPServer

server = MCPServer("pair")


def ran(tool: str) -> str:
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        file.write(tool + "\n")
    return tool


@server.tool()
def safe(x: Any = None) -> str:
    """The tool that a policy allows."""
    return ran("safe")


@server.tool()
def danger() -> str:
    """The tool that it denies."""
    return ran("danger")


server.run("stdio")
