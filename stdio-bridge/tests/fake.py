"""An MCP server over stdio that does what the tests ask of it, faults included.

argv: the marker of the test, then the eras it speaks: legacy, modern, dual or fragile
(legacy, and ends at any message before `initialize`).
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

MARK, ERAS = sys.argv[1], sys.argv[2]
lock = threading.Lock()
waiting = {}
seen = []
listening = []
VERSION = "io.modelcontextprotocol/protocolVersion"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def raw(text):
    with lock:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def send(message):
    raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def text(value):
    return {"content": [{"type": "text", "text": value}], "resultType": "complete"}


def sleeper(session):
    code = "import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code, MARK], start_new_session=session).pid


def call(message):
    ident, params = message["id"], message["params"]
    name, args = params["name"], params.get("arguments", {})
    token = params.get("_meta", {}).get("progressToken")
    if name == "echo":
        result = text(json.dumps(args))
    elif name == "pid":
        result = text(str(os.getpid()))
    elif name == "cwd":
        result = text(os.getcwd())
    elif name == "env":
        result = text(json.dumps(dict(os.environ)))
    elif name == "argv":
        result = text(json.dumps(sys.argv))
    elif name == "seen":
        result = text(json.dumps(seen))
    elif name == "count":
        result = text(str(sum("hang" in line for line in seen)))
    elif name == "sleep":
        time.sleep(args["s"])
        result = text("slept")
    elif name == "hang":
        return
    elif name == "crash":
        os._exit(3)
    elif name == "fail":
        for number in range(args["n"]):
            sys.stderr.write(f"frame {number} \x1b[1m\n")
        sys.stderr.write("token=c4n4ry\nreason")
        sys.stderr.flush()
        os._exit(args["status"])
    elif name == "progress":
        for step in range(args["n"]):
            send({"method": "notifications/progress", "params": {"progressToken": token, "progress": step,
                  "message": "x" * args.get("size", 0)}})
        time.sleep(args.get("s", 0))
        result = text("done")
    elif name == "log":
        send({"method": "notifications/message", "params": {"level": "info", "data": args.get("data", "said")}})
        time.sleep(args.get("s", 0))
        result = text("logged")
    elif name == "later":
        def later():
            time.sleep(args["s"])
            send({"method": "notifications/message", "params": {"level": "info", "data": "later"}})
        threading.Thread(target=later, daemon=True).start()
        result = text("soon")
    elif name == "ask":
        key = args.get("id", "q-1")
        waiting[key] = threading.Event()
        send({"id": key, "method": args.get("method", "roots/list")})
        waiting[key].wait(30)
        result = text(json.dumps(waiting[key].answer))
    elif name == "garbage":
        raw(b"hello\n\n{\"x\":1}\n[1,2]\n\xff\xfe\n{\"jsonrpc\":\"2.0\",\"id\":999999,\"result\":{}}\n")
        result = text("survived")
    elif name == "noise":
        raw(b"x\n" * args["n"])
        result = text("survived")
    elif name == "truncated":
        raw(b'{"jsonrpc":"2.0","id":%d,"result":{"con\n' % ident)
        return
    elif name == "shapeless":
        raw(b'{"jsonrpc":"2.0","id":%d}\n' % ident)
        return
    elif name == "big":
        raw(b'{"result":{"content":[{"type":"text","text":"' + b"y" * args["n"] + b'"}]},"jsonrpc":"2.0","id":%d}\n' % ident)
        return
    elif name == "stderr":
        sys.stderr.write("e" * 200 + "\n")
        sys.stderr.write(("z" * 99 + "\n") * (args["n"] // 100))
        sys.stderr.flush()
        result = text("said")
    elif name == "spelled":
        raw(b'{ "result" :{"n":1.50e1, "u":"\\u00e9/\\/", "s":"a"},\t"jsonrpc":"2.0" , "id":  %d }\n' % ident)
        return
    elif name == "tree":
        sleeper(False)
        sleeper(True)
        result = text("grown")
    elif name == "stubborn":
        result = text("never")
    elif name == "tell":
        for listener in listening:
            send({"method": "notifications/tools/list_changed", "params": {"_meta": {SUBSCRIPTION: listener}}})
        result = text("told")
    elif name == "input":
        result = {"resultType": "input_required", "requestState": "st\u00e4te", "inputRequests": {"a": {"method": "roots/list", "params": {}}}}
    else:
        send({"id": ident, "error": {"code": -32602, "message": "no such tool"}})
        return
    send({"id": ident, "result": result})


deaf = False
ready = ERAS != "fragile"


def handle(line):
    global ready, deaf
    message = json.loads(line)
    seen.append(line)
    method, ident = message.get("method"), message.get("id")
    if not ready and method != "initialize":
        sys.exit(1)
    if method is None:
        event = waiting.get(ident)
        if event is not None:
            event.answer = message.get("result", message.get("error"))
            event.set()
    elif method == "initialize":
        ready = True
        if ERAS == "modern":
            send({"id": ident, "error": {"code": -32022, "message": "Unsupported protocol version",
                  "data": {"supported": ["2026-07-28"]}}})
            return
        send({"method": "notifications/message", "params": {"level": "info", "data": "starting"}})
        send({"id": ident, "result": {"protocolVersion": message["params"]["protocolVersion"],
              "capabilities": {"tools": {}}, "serverInfo": {"name": "fake", "version": "1"}}})
    elif method == "server/discover" and ERAS in ("modern", "dual"):
        send({"id": ident, "result": {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {}}})
    elif method == "subscriptions/listen":
        listening.append(ident)
        send({"method": "notifications/subscriptions/acknowledged",
              "params": {"_meta": {SUBSCRIPTION: ident}, "notifications": {}}})
    elif method == "tools/call":
        if message["params"]["name"] == "stubborn":
            # Only the main thread may.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            deaf = True
        threading.Thread(target=call, args=(message,), daemon=True).start()
    elif method == "ping":
        send({"id": ident, "result": {}})
    elif ident is not None:
        send({"id": ident, "error": {"code": -32601, "message": "Method not found"}})


for line in sys.stdin:
    handle(line.rstrip("\n"))
while deaf:
    time.sleep(1)
