"""A person with a browser for PyPI's mcp: what it keeps between the steps of an authorization, and
who follows its redirects."""

from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

# Where the authorization server sends the browser back to; nobody has to listen there.
CALLBACK = "http://127.0.0.1:1/callback"


class Memory:
    """A `TokenStorage` of the library."""

    def __init__(self, client):
        self.client = client
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def sign_in(url, client_id):
    """The library's provider of tokens; `client_id` for one that is known already."""
    known = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    client = OAuthClientInformationFull(client_id=client_id, **known) if client_id else None
    asked = []

    async def redirect(page):
        asked.append(page)

    async def browse():
        page = asked.pop()
        async with httpx2.AsyncClient(follow_redirects=False) as browser:
            while not page.startswith(CALLBACK):
                response = await browser.get(page)
                if "location" not in response.headers:
                    raise RuntimeError(f"no redirect but {response.status_code}: {response.text}")
                page = str(response.url.join(response.headers["location"]))
        brought = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        return AuthorizationCodeResult(**{n: brought.get(n) for n in ("code", "state", "iss")})

    metadata = OAuthClientMetadata(
        client_name="mcp-zero-test", grant_types=["authorization_code"], **known
    )
    return OAuthClientProvider(url, metadata, Memory(client), redirect, browse)
