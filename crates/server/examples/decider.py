"""A decider in Python's own library: refuses messages that offer red packets."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Decider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    disable_nagle_algorithm = True  # or each answer waits for 40 ms

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ack = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}
        if "red packet" in json.dumps(message.get("MsgBody")):
            ack.update(ErrorCode=120001, ErrorInfo="no red packets here")
        body = json.dumps(ack).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", 9000), Decider).serve_forever()
