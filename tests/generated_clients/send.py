"""The client that openapi-python-client makes of the document signs up, makes a channel and sends a message."""

import os
from uuid import UUID

from parlor_client import AuthenticatedClient, Client
from parlor_client.api.account import signup
from parlor_client.api.chats import create_chat, get_chat
from parlor_client.api.messages import list_messages, send_message
from parlor_client.models import ChatRequest, Problem, SendMessage, SignUp, SignedIn

api = os.environ["API"]
person = SignUp(
    workspace="python", fullname="Ann", email="ann@python.example", password="correct horse battery"
)
signed_in = signup.sync(client=Client(base_url=api), body=person)
assert isinstance(signed_in, SignedIn), signed_in
client = AuthenticatedClient(base_url=api, token=signed_in.access_token)
made = create_chat.sync(client=client, body=ChatRequest.from_dict({"kind": "public_channel", "name": "news"}))
assert made is not None and not isinstance(made, Problem), made
sent = send_message.sync(made.chat.id, client=client, body=SendMessage(body="from Python", client_id="once"))
assert sent is not None and not isinstance(sent, Problem), sent
page = list_messages.sync(made.chat.id, client=client, limit=10)
assert page is not None and not isinstance(page, Problem), page
# Before it is the line that tells who made the channel.
assert [message.body for message in page.items if message.kind == "user"] == ["from Python"], page
refused = get_chat.sync(UUID("00000000-0000-7000-8000-000000000000"), client=client)
assert isinstance(refused, Problem) and refused.code == "not_found", refused
print("Python: sent and read")
