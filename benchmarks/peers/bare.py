"""No server but a loop of ``send()``: what the sockets and the load client cost by themselves.

``python -m benchmarks.peers.bare PORT``: upgrades every connection, checks nothing, and writes
each message from Redis to all of them, blocking.
"""

import os
import socket
import sys
import threading

import redis

CHANNEL = "events"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def frame(payload: bytes) -> bytes:
    size = len(payload)
    return (b"\x81" + bytes((size,)) if size < 126 else b"\x81\x7e" + size.to_bytes(2)) + payload


def accept(listener: socket.socket, peers: list[socket.socket]) -> None:
    while True:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if peer.recv(65536):  # else it only looked whether somebody listens
            peer.sendall(ACCEPTED)
            peers.append(peer)


def main() -> None:
    peers: list[socket.socket] = []
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client, client.pubsub() as pubsub:
        pubsub.subscribe(CHANNEL)
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
        threading.Thread(target=accept, args=(listener, peers), daemon=True).start()
        for message in pubsub.listen():
            if message["type"] == "message":
                data = frame(message["data"])
                for peer in peers:
                    peer.sendall(data)


if __name__ == "__main__":
    main()
