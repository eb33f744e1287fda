"""A client with PyPI's mcp, which speaks both eras of the protocol.

    python call.py --url URL [--token JWT] [--answer-server] [--protocol legacy|auto|VERSION]
                   [--sign-in] [--client-id ID]

`--sign-in`: the client gets its own tokens, by the whole flow from the first 401 on; `--client-id`
where it need not register.
`--protocol`: `legacy` (initialize), `auto` (server/discover, else initialize; the library's
default) or 2026-07-28 (only that). Operations and answers: see README.md beside this file.
"""

import argparse
import json
import sys
import warnings

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning
from sign_in import sign_in

warnings.simplefilter("ignore", MCPDeprecationWarning)


def say(line):
    print(json.dumps(line, separators=(",", ":"), ensure_ascii=False), flush=True)


def causes(error):
    """The errors inside the groups that task groups wrap them in."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    else:
        yield error


def failure(error):
    error = next(causes(error))
    if isinstance(error, MCPError):
        return {"ok": False, "code": error.code, "message": error.message}
    line = {"ok": False, "code": type(error).__name__, "message": str(error)}
    if isinstance(error, httpx2.HTTPStatusError):
        line["status"] = error.response.status_code
    return line


async def sample(_context, _params):
    text = types.TextContent(type="text", text="sampled by the test client")
    return types.CreateMessageResult(role="assistant", model="none", content=text)


async def elicit(_context, _params):
    return types.ElicitResult(action="decline")


async def roots(_context):
    return types.ListRootsResult(
        roots=[types.Root(uri="file:///test-client", name="test client")]
    )


async def perform(client, operation, on_progress):
    name, arguments = operation.get("name"), operation.get("arguments")
    match operation.get("op"):
        case "server":
            return {
                "protocolVersion": client.protocol_version,
                "serverInfo": plain(client.server_info),
                "capabilities": plain(client.server_capabilities),
            }
        case "ping":
            return await client.send_ping()
        case "list":
            return await client.list_tools(**(arguments or {}))
        case "prompts":
            return await client.list_prompts(**(arguments or {}))
        case "resources":
            return await client.list_resources(**(arguments or {}))
        case "templates":
            return await client.list_resource_templates(**(arguments or {}))
        case "call":
            wanted = on_progress if operation.get("progress") else None
            return await client.call_tool(name, arguments, progress_callback=wanted)
        case "read":
            return await client.read_resource(name)
        case "get_prompt":
            return await client.get_prompt(name, arguments)
        case op:
            raise ValueError(f"unknown op {op!r}")


def plain(model):
    if model is None or isinstance(model, dict):
        return model
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def talk(client):
    async for line in anyio.wrap_file(sys.stdin):
        if not line.strip():
            continue
        progress = []

        async def on_progress(done, total, message):
            progress.append({"progress": done, "total": total, "message": message})

        try:
            result = await perform(client, json.loads(line), on_progress)
            answer = {"ok": True, "result": plain(result)}
        except Exception as error:
            answer = failure(error)
        if progress:
            answer["progress"] = progress
        say(answer)


async def run(given):
    headers = {"Authorization": f"Bearer {given.token}"} if given.token is not None else {}
    asked = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": roots}
    auth = sign_in(given.url, given.client_id) if given.sign_in else None
    connected = False
    timeout = httpx2.Timeout(30, read=300)
    try:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=timeout, auth=auth) as http,
            Client(
                streamable_http_client(given.url, http_client=http),
                mode=given.protocol,
                cache=None,
                **(asked if given.answer_server else {}),
            ) as client,
        ):
            connected = True
            await talk(client)
    except Exception as error:
        if connected:
            raise
        say({"op": "connect", **failure(error)})
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token")
    parser.add_argument("--answer-server", action="store_true")
    parser.add_argument("--protocol", default="auto")
    parser.add_argument("--sign-in", action="store_true")
    parser.add_argument("--client-id")
    sys.exit(anyio.run(run, parser.parse_args()))


main()
