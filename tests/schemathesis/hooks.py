"""What Schemathesis works on: a workspace with people, chats and messages, whose ids stand in for half of those that it
makes up. It signs in again and again, since what it tries ends sessions too."""

import json
import os
import urllib.request
import uuid

import schemathesis

API = os.environ["API"]
ANN = {"email": "ann@acme.example", "password": "correct horse"}


def post(path, body=None, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(API + path, json.dumps(body or {}).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def populate():
    """Ids by the name of the parameter or property that takes them. Many of each: some get deleted on the way."""
    ann = post("/api/signup", ANN | {"workspace": "acme", "fullname": "Ann"})
    token = ann["access_token"]
    code = post("/api/invites", {"max_uses": 8}, token)["code"]
    people = []
    for number in range(8):
        body = {"fullname": f"Guest {number}", "email": f"{number}@acme.example", "password": "correct horse"}
        people.append(post("/api/signup", body | {"invite": code})["user"]["id"])
    chats, messages = [], []
    for number in range(24):
        kind = ["group", "private_channel", "public_channel"][number % 3]
        body = {"kind": kind, "name": f"chat {number}", "members": people}
        chats.append(post("/api/chat", body, token)["chat"]["id"])
        messages.append([post(f"/api/chat/{chats[-1]}/messages", {"body": "hi"}, token)["id"] for _ in range(3)])
    codes = [post("/api/invites", {}, token)["code"] for _ in range(16)]
    return ann["workspace"]["id"], people, chats, messages, codes


WORKSPACE, PEOPLE, CHATS, MESSAGES, CODES = populate()


@schemathesis.auth(refresh_interval=2)
class Token:
    def get(self, case, context):
        return post("/api/signin", ANN)["access_token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


def number_of(text):
    """Good values alone are replaced: bad ones are to stay as they are."""
    try:
        return uuid.UUID(text).int
    except (AttributeError, TypeError, ValueError):
        return None


@schemathesis.hook
def map_path_parameters(context, parameters):
    path, number = context.operation.path, number_of((parameters or {}).get("id"))
    if number is not None and number % 4:
        place = number // 4 % len(CHATS)
        if path.startswith("/api/chat/"):
            parameters["id"] = CHATS[place]
            if number_of(parameters.get("message_id")) is not None:
                parameters["message_id"] = MESSAGES[place][number % 3]
            if number_of(parameters.get("member_id")) is not None:
                parameters["member_id"] = PEOPLE[number // 4 % len(PEOPLE)]
        elif path.startswith("/api/users/"):
            parameters["id"] = PEOPLE[number // 4 % len(PEOPLE)]
        elif path.startswith("/api/workspaces/"):
            parameters["id"] = WORKSPACE
    return parameters


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        for key in ("members", "user_ids"):
            numbers = [number_of(one) for one in body[key]] if isinstance(body.get(key), list) else []
            if numbers and None not in numbers:
                body[key] = sorted({PEOPLE[number % len(PEOPLE)] for number in numbers})
    return body
