"""Addresses of servers, as people write them."""

from __future__ import annotations

import os
import re

from larderdb.errors import InvalidArgumentError

PORT = 6570
HTTP_PORT = 6571
DEFAULT = f"127.0.0.1:{PORT}"

# What gRPC resolves itself, and with which it balances load: dns:///larder.svc:6570.
_RESOLVED = re.compile(r"^(dns|unix|unix-abstract|ipv4|ipv6|vsock|xds):")


def parse(addr: str | None) -> str:
    """Return ``HOST:PORT`` of an address: of the variable ``LARDER_ADDR`` when none is
    given, with port 6570 when it has none."""
    addr = addr or os.environ.get("LARDER_ADDR") or DEFAULT
    if not isinstance(addr, str):
        raise _wrong(addr, 'write a string such as "localhost" or "localhost:6570"')
    if _RESOLVED.match(addr):
        return addr
    host, port = _split(addr.strip())
    if not host or re.search(r"[\s/\[\]@?#]", host):
        raise _wrong(addr, 'write a host and a port, as in "localhost:6570", or the host alone')
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise _wrong(addr, f'the port is a number from 1 to 65535, as in "{host}:{PORT}"')
    return f"[{host}]:{int(port)}" if ":" in host else f"{host}:{int(port)}"


def _split(addr: str) -> tuple[str, str]:
    scheme, is_url, rest = addr.partition("://")
    if is_url:
        raise _url(addr, scheme.lower(), rest)
    if addr.startswith("["):
        host, closed, port = addr[1:].partition("]")
        if not closed or ":" not in host or (port and not port.startswith(":")):
            raise _wrong(addr, f'write IPv6 as in "[::1]:{PORT}"')
        return host, port[1:] if port else str(PORT)
    if addr.count(":") > 1:  # IPv6 without brackets has no port
        return addr, str(PORT)
    host, has_port, port = addr.partition(":")
    return host, port if has_port else str(PORT)


def _url(addr: str, scheme: str, rest: str) -> InvalidArgumentError:
    host, colon, port = rest.split("/", 1)[0].rpartition(":")
    if not colon or not port.isdigit():
        host, port = rest.split("/", 1)[0], str(PORT)
    if port in (str(HTTP_PORT), "80", "443"):
        port = str(PORT)
    secure = ", tls=True" if scheme in ("https", "grpcs") else ""
    return _wrong(addr, f'it is a URL; write HOST:PORT of the server\'s gRPC, as in larderdb.Client("{host}:{port}"{secure})')


def _wrong(addr: object, remedy: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"the address {addr!r} can't be used: {remedy}", "BAD_ADDRESS")
