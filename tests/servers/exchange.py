"""An identity provider that exchanges tokens (RFC 8693): PyPI's idpyoidc, over TLS.

    python exchange.py '{"port": N, "people_port": M, "certificate": FILE, "key": FILE,
                         "client": ID, "secret": SECRET, "target": AUDIENCE, "scopes": [S, ...],
                         "people": {NAME: [GROUP, ...]}}'

`client` may exchange tokens for `target`, within the scopes that the caller's token has. People get
theirs by the code flow as the client `desk`, which is also the audience of those tokens; tests need
no browser for that but ask the plain port of loopback: `/sign-in/NAME` answers with a token,
`/sign-out` takes the one in the body back. Each request for a token is a line: its form without
secrets, and what was answered.
"""

import asyncio
import json
import sys
from base64 import b64encode

import uvicorn
from idpyoidc.server import Server
from idpyoidc.server.configure import ASConfiguration
from idpyoidc.server.exception import UnAuthorizedClient
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

given = json.loads(sys.argv[1])
issuer = f"https://localhost:{given['port']}"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
BACK = "https://localhost/back"
LIFE = 600
HELPERS = "idpyoidc.server.oauth2.token_helper"

password = {name: f"{name} signs in" for name in given["people"]}
server = Server(
    ASConfiguration(
        conf={
            "issuer": issuer,
            "key_conf": {"key_defs": [{"type": "RSA", "size": 2048, "use": ["sig"]}]},
            "endpoint": {
                "authorization": {
                    "path": "authorization",
                    "class": "idpyoidc.server.oauth2.authorization.Authorization",
                    "kwargs": {"response_types_supported": ["code"]},
                },
                "token": {
                    "path": "token",
                    "class": "idpyoidc.server.oauth2.token.Token",
                    "kwargs": {
                        "client_authn_method": ["client_secret_basic"],
                        "grant_types_helpers": {
                            "authorization_code": {
                                "class": f"{HELPERS}.access_token.AccessTokenHelper"
                            },
                            EXCHANGE: {
                                "class": f"{HELPERS}.token_exchange.TokenExchangeHelper",
                                "kwargs": {
                                    "requested_token_types_supported": [ACCESS_TOKEN],
                                    "policy": {
                                        "": {
                                            "function": f"{HELPERS}.validate_token_exchange_policy",
                                            "kwargs": {"audience": [given["target"]]},
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
            "token_handler_args": {
                "code": {"lifetime": 60},
                "token": {
                    "class": "idpyoidc.server.token.jwt_token.JWTToken",
                    "kwargs": {"alg": "RS256", "lifetime": LIFE, "base_claims": {"groups": None}},
                },
            },
            "authz": {
                "class": "idpyoidc.server.authz.AuthzHandling",
                "kwargs": {
                    "grant_config": {
                        "usage_rules": {
                            "authorization_code": {
                                "supports_minting": ["access_token"],
                                "max_usage": 1,
                            },
                            "access_token": {
                                "supports_minting": ["access_token"],
                                "expires_in": LIFE,
                            },
                        },
                        "expires_in": LIFE,
                    }
                },
            },
            "authentication": {
                "basic": {
                    "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
                    "class": "idpyoidc.server.user_authn.user.BasicAuthn",
                    "kwargs": {"pwd": password},
                }
            },
            "userinfo": {
                "class": "idpyoidc.server.user_info.UserInfo",
                "kwargs": {
                    "db": {name: {"groups": groups} for name, groups in given["people"].items()}
                },
            },
            "scopes_to_claims": {scope: [] for scope in given["scopes"]},
        }
    )
)


def known(secret, grant):
    return {
        "client_secret": secret,
        "client_salt": "salt",
        "allowed_scopes": given["scopes"],
        "grant_types_supported": [grant],
        "response_types_supported": ["code"],
        "redirect_uris": [(BACK, {})],
        "token_endpoint_auth_method": "client_secret_basic",
    }


clients = server.context.cdb
clients["desk"] = known("the secret of the desk", "authorization_code")
clients[given["client"]] = known(given["secret"], EXCHANGE)


def basic(user, secret):
    return "Basic " + b64encode(f"{user}:{secret}".encode()).decode()


def token(form, headers):
    """The token endpoint: what it answers, and the status."""
    endpoint = server.endpoint["token"]
    http = {"headers": headers, "method": "POST", "url": f"{issuer}/token"}
    try:
        request = endpoint.parse_request(form, http_info=http)
    except UnAuthorizedClient:
        return {"error": "invalid_client"}, 401
    answer = request if "error" in request else endpoint.process_request(request)
    answer = answer.get("response_args", answer)
    answer = answer.to_dict() if hasattr(answer, "to_dict") else dict(answer)
    return answer, 400 if "error" in answer else 200


async def exchange(request):
    form = dict(await request.form())
    answer, status = token(dict(form), dict(request.headers))
    told = {name: form.get(name) for name in ("grant_type", "audience", "scope")}
    print(json.dumps({**told, "status": status, "error": answer.get("error")}), flush=True)
    return JSONResponse(answer, status_code=status)


async def discovery(_request):
    return JSONResponse(
        {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "token_endpoint": f"{issuer}/token"}
    )


async def keys(_request):
    return JSONResponse(json.loads(server.keyjar.export_jwks_as_json("")))


async def sign_in(request):
    name = request.path_params["name"]
    endpoint = server.endpoint["authorization"]
    form = {
        "client_id": "desk",
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": " ".join(given["scopes"]),
        "state": "a state of eight letters or more",
    }
    asked = endpoint.parse_request(form)
    answer = endpoint.process_request(asked, authn=basic(name, password[name]))["response_args"]
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": BACK}
    secret = clients["desk"]["client_secret"]
    answer, _ = token({**form, "client_id": "desk"}, {"authorization": basic("desk", secret)})
    return PlainTextResponse(answer["access_token"])


async def sign_out(request):
    value = (await request.body()).decode()
    sessions = server.context.session_manager
    found = sessions.get_session_info_by_token(value, handler_key="access_token")
    sessions.revoke_token(found["branch_id"], value)
    return PlainTextResponse("")


async def serve():
    outside = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/keys", keys),
            Route("/token", exchange, methods=["POST"]),
        ]
    )
    people = Starlette(
        routes=[
            Route("/sign-in/{name}", sign_in),
            Route("/sign-out", sign_out, methods=["POST"]),
        ]
    )
    common = {"host": "127.0.0.1", "log_level": "warning"}
    tls = {"ssl_certfile": given["certificate"], "ssl_keyfile": given["key"]}
    await asyncio.gather(
        uvicorn.Server(uvicorn.Config(outside, port=given["port"], **common, **tls)).serve(),
        uvicorn.Server(uvicorn.Config(people, port=given["people_port"], **common)).serve(),
    )


asyncio.run(serve())
