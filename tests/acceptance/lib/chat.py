"""Chat, as far as the acceptance scripts need it: sends signed callbacks, each with a body of its own, and compares
what was acked with what is stored. Python 3, standard library only.

    chat.py send HOST:PORT ACKED PREFIX CONNECTIONS   sends until killed; appends the id of each acked body to ACKED
    chat.py call HOST:PORT                            makes one callback; prints status and text, or `closed` without an answer
    chat.py compare HOST:PORT ACKED                   asks the admin API for all events; prints the counts;
                                                      exit code 1 when an acked one is missing, 2 when one is there twice
    chat.py cut DIRECTORY                             shuts its file system down without flushing anything: a power cut
"""

import collections
import fcntl
import hashlib
import http.client
import json
import os
import struct
import sys
import threading
import time

APP = 1400000001
TOKEN = "the-token-of-the-acceptance-scripts"
COMMAND = "Sns.CallbackFriendDelete"
# FS_IOC_SHUTDOWN with "do not even flush the file system's journal".
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


def target():
    now = str(int(time.time()))
    sign = hashlib.sha256((TOKEN + now).encode()).hexdigest()
    return (
        f"/callback?SdkAppid={APP}&CallbackCommand={COMMAND}&contenttype=json"
        f"&ClientIP=192.0.2.1&OptPlatform=iOS&Sign={sign}&RequestTime={now}"
    )


def body(name):
    return json.dumps({"PairList": [{"From_Account": "alice", "To_Account": name}]})


def post(connection, name):
    connection.request("POST", target(), body(name))
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, text


def send(address, acked, prefix, connections):
    # Unbuffered and one write a line: what is in the file is what was acked, whenever this process is killed.
    log = os.open(acked, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def sender(thread):
        connection = None
        for number in range(10**9):
            name = f"{prefix}-{thread}-{number}"
            try:
                connection = connection or http.client.HTTPConnection(address, timeout=30)
                status, text = post(connection, name)
            except (OSError, http.client.HTTPException):
                connection = None
                time.sleep(0.01)
                continue
            if status == 200 and json.loads(text)["ActionStatus"] == "OK":
                os.write(log, f"{name}\n".encode())
            else:
                time.sleep(0.01)

    threads = [threading.Thread(target=sender, args=(n,), daemon=True) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def call(address):
    try:
        status, text = post(http.client.HTTPConnection(address, timeout=10), "a single call")
        print(status, json.loads(text)["ErrorInfo"])
    except TimeoutError:
        print("neither an answer nor an end")
    except (OSError, http.client.HTTPException):
        print("closed")


def compare(address, acked):
    with open(acked) as lines:
        wanted = set(lines.read().split())
    stored = collections.Counter()
    connection = http.client.HTTPConnection(address, timeout=60)
    cursor = ""
    while cursor is not None:
        connection.request("GET", f"/v1/events?limit=500{cursor}")
        page = json.loads(connection.getresponse().read())
        for event in page["data"]:
            name = event["body"]["PairList"][0]["To_Account"]
            if event["body"] != json.loads(body(name)):
                sys.exit(f"another body than was sent: {event['id']}")
            if name != "a single call":
                stored[name] += 1
        cursor = page["next"] and f"&cursor={page['next']}"
    lost = [name for name in wanted if name not in stored]
    twice = [name for name, times in stored.items() if times > 1]
    print(f"{len(wanted)} acked, {sum(stored.values())} stored, {len(lost)} acked lost, {len(twice)} twice")
    sys.exit(1 if lost else 2 if twice else 0)


def cut(directory):
    opened = os.open(directory, os.O_RDONLY)
    fcntl.ioctl(opened, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))


match sys.argv[1:]:
    case ["send", address, acked, prefix, connections]:
        send(address, acked, prefix, int(connections))
    case ["call", address]:
        call(address)
    case ["compare", address, acked]:
        compare(address, acked)
    case ["cut", directory]:
        cut(directory)
    case _:
        sys.exit(__doc__)
