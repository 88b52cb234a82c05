"""What the dashboards are to show: deciders and subscribers with good and bad times, and a morning of callbacks.

    traffic.py decide PORT SECONDS                serves /quick, /slow and /flaky until killed
    traffic.py send HOST:PORT SAMPLES SECONDS     sends what Chat would, and what it would not, for so long

Slow and flaky have their bad time in the middle of SECONDS, which begin with the first question. SAMPLES is the folder of
the plug-ins, with a body for each command. Python 3, standard library only; the same numbers by chance in each run.
"""

import hashlib
import http.client
import http.server
import json
import math
import pathlib
import random
import sys
import threading
import time

TOKEN = "the-token-of-the-acceptance-scripts"
APPS = {1400000001: 3, 1400000002: 1}
CALLERS = 24
# Callbacks a second, on the average.
RATE = 60
# How often each comes: the command, and what it stands for when it is not as it should be.
MIX = {
    ("C2C.CallbackBeforeSendMsg", ""): 20,
    ("C2C.CallbackAfterSendMsg", ""): 18,
    ("Group.CallbackBeforeSendMsg", ""): 9,
    ("Group.CallbackAfterSendMsg", ""): 8,
    ("C2C.CallbackAfterMsgReport", ""): 12,
    ("State.StateChange", ""): 10,
    ("Group.CallbackBeforeApplyJoinGroup", ""): 3,
    ("Sns.CallbackFriendAdd", ""): 3,
    ("Sns.CallbackFriendDelete", ""): 2,
    ("Group.CallbackBeforeCreateGroup", ""): 2,
    ("Group.CallbackAfterNewMemberJoin", ""): 3,
    ("Bot.OnC2CMessage", ""): 2,
    ("Profile.CallbackPortraitSet", ""): 2,
    ("No.Such", ""): 1,
    ("Sns.CallbackFriendDelete", "drift"): 1,
    ("State.StateChange", "drift"): 2,
    ("Sns.CallbackFriendAdd", "unreadable"): 0.5,
    ("C2C.CallbackAfterSendMsg", "unfinished"): 0.3,
    ("Sns.CallbackFriendDelete", "guess"): 1,
    ("Sns.CallbackFriendDelete", "stale"): 0.5,
    ("", "probe"): 0.5,
}


def bad_time(share):
    """0 to 1: how bad it is after this share of the time."""
    return max(0.0, math.sin((share - 0.4) * math.pi / 0.35)) if 0.4 < share < 0.75 else 0.0


class Decider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seconds, began = 60.0, None

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Decider.began = Decider.began or time.monotonic()
        bad = bad_time((time.monotonic() - Decider.began) / Decider.seconds)
        status, code = 200, random.choices([0, 1], [9, 1])[0]
        if self.path.startswith("/slow"):
            time.sleep(random.lognormvariate(math.log(0.03 + 1.1 * bad), 0.3))
        else:
            time.sleep(random.lognormvariate(math.log(0.006), 0.4))
        if self.path.startswith("/flaky") and random.random() < 0.01 + 0.8 * bad:
            status = 503
        ack = json.dumps({"ActionStatus": "OK", "ErrorCode": code, "ErrorInfo": ""}).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(ack)))
            self.end_headers()
            self.wfile.write(ack)
        except OSError:
            self.close_connection = True  # The gateway waits no longer.

    def log_message(self, *_):
        pass


def decide(port, seconds):
    Decider.seconds = seconds
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Decider)
    server.daemon_threads = True
    server.serve_forever()


def samples(folder):
    bodies = (json.loads(file.read_text()) for file in pathlib.Path(folder).glob("*/samples/*.json"))
    return {body["CallbackCommand"]: body for body in bodies if "CallbackCommand" in body}


def send(address, bodies, command, kind):
    """One callback, on a connection of its own."""
    app = random.choices(list(APPS), list(APPS.values()))[0]
    sent = str(int(time.time()) - (300 if kind == "stale" else 0))
    sign = hashlib.sha256((("a-guess" if kind == "guess" else TOKEN) + sent).encode()).hexdigest()
    query = f"SdkAppid={app}&CallbackCommand={command}&Sign={sign}&RequestTime={sent}"
    body = bodies.get(command, {}) | ({"Gift": 1} if kind == "drift" else {})
    body = json.dumps("not an object" if kind == "unreadable" else body)
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        if kind == "probe":
            connection.request("GET", "/callback")
        elif kind == "unfinished":
            connection.request("POST", f"/callback?{query}", body, {"Content-Length": str(len(body) + 1)})
        else:
            connection.request("POST", f"/callback?{query}", body)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # What is unfinished gets no answer.
    finally:
        connection.close()


def send_all(address, folder, seconds):
    random.seed(7)
    bodies = samples(folder)
    began = time.monotonic()

    def caller(number):
        time.sleep(number / RATE)
        while (share := (time.monotonic() - began) / seconds) < 1:
            wave = 1 + 0.4 * math.sin(share * 3 * math.pi)
            command, kind = random.choices(list(MIX), list(MIX.values()))[0]
            send(address, bodies, command, kind)
            time.sleep(random.uniform(0.5, 1.5) * CALLERS / RATE / wave)

    threads = [threading.Thread(target=caller, args=(number,), daemon=True) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


match sys.argv[1:]:
    case ["decide", port, seconds]:
        decide(int(port), float(seconds))
    case ["send", address, folder, seconds]:
        send_all(address, folder, float(seconds))
    case _:
        sys.exit(__doc__)
