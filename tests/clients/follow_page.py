"""Serves the page with the EventSource until a browser says that it has seen everything, then prints what."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

page = Path(__file__).with_name("follow.html").read_text()
page = page.replace("STREAM_URL", sys.argv[1]).replace("COUNT", os.environ["COUNT"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def do_POST(self):
        print(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(204)
        self.end_headers()
        self.server.done = True

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 7699), Handler) as server:
    server.done = False
    while not server.done:
        server.handle_request()
