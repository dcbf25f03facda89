"""A mail server that takes mail over TLS and after a sign-in alone, and writes each mail into a file."""

import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder, certificate, key, port, how = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        name = f"{time.time_ns()} {' '.join(envelope.rcpt_tos)}"
        path = pathlib.Path(folder, "new", name)
        path.write_bytes(envelope.content)
        path.rename(pathlib.Path(folder, "cur", name))
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"parlor", b"p@ss:word"))


options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": True}
if how == "starttls":
    options |= {"tls_context": context, "require_starttls": True}
else:
    # aiosmtpd does not know that a connection which began with TLS has it.
    options |= {"ssl_context": context, "auth_require_tls": False}
controller = Controller(Handler(), hostname="localhost", port=int(port), **options)
controller.start()
print("ready", flush=True)
time.sleep(600)
