"""Follows the stream with httpx-sse: comes back with the last id until COUNT messages were seen."""

import json
import os
import time

import httpx
from httpx_sse import connect_sse

count, seen, last = int(os.environ["COUNT"]), [], os.environ["cursor"]
with httpx.Client(timeout=60) as client:
    while len(seen) < count:
        headers = {"Authorization": f"Bearer {os.environ['token']}", "Last-Event-ID": last}
        try:
            with connect_sse(client, "GET", os.environ["NOTIFY"] + "/events", headers=headers) as source:
                for event in source.iter_sse():
                    last = event.id or last
                    if event.event == "message.new":
                        seen.append(json.loads(event.data)["message"]["seq"])
                        if len(seen) == count:
                            break
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
print("seen:", *seen)
