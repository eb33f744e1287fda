"""A client with FastMCP, in the way its documentation shows.

    python call_fastmcp.py --url URL --token JWT [--protocol legacy|auto|VERSION]

Operations (`list`, `call`, `prompts`) and answers: see README.md beside this file.
"""

import argparse
import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def perform(client, operation):
    match operation["op"]:
        case "list":
            return {"tools": [plain(tool) for tool in await client.list_tools()]}
        case "call":
            arguments = operation.get("arguments")
            return plain(await client.call_tool_mcp(operation["name"], arguments))
        case "prompts":
            return {"prompts": [plain(prompt) for prompt in await client.list_prompts()]}
        case op:
            raise ValueError(f"unknown op {op!r}")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--protocol", default="auto")
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {given.token}"}
    async with Client(StreamableHttpTransport(given.url, headers=headers), mode=given.protocol) as client:
        for line in sys.stdin:
            try:
                answer = {"ok": True, "result": await perform(client, json.loads(line))}
            except MCPError as error:
                answer = {"ok": False, "code": error.code, "message": error.message}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
