"""Google's own gRPC core against a server of ours: bodies larger than its windows, many at once, some taken back.

usage: grpc_client.py SOCKET
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

PATH = "/v2.KeyManagementService/Encrypt"
# The largest is what one request may have; it is more than the window that an answer begins with.
SIZES = (1, 900, 60_000, 70_000, 98_000)
ROUNDS = 40


def field(number, data):
    """A field of bytes, as protobuf writes it."""
    head, left = bytes([number << 3 | 2]), len(data)
    while left >= 0x80:
        head, left = head + bytes([left & 0x7F | 0x80]), left >> 7
    return head + bytes([left]) + data


def main(socket):
    options = [("grpc.max_receive_message_length", 4 << 20)]
    with grpc.insecure_channel(f"unix:{socket}", options=options) as channel:
        encrypt = channel.unary_unary(PATH)

        def one(at):
            body = field(1, bytes([at % 256]) * SIZES[at % len(SIZES)])
            if at % 7 == 6:
                call = encrypt.future(body, timeout=10)
                call.cancel()
                return 0
            answer = encrypt(body, timeout=30)
            if not answer.startswith(body):
                raise AssertionError(f"call {at} got another answer")
            return 1

        with ThreadPoolExecutor(16) as pool:
            answered = sum(pool.map(one, range(ROUNDS * len(SIZES))))
    print(f"answered {answered}")


if __name__ == "__main__":
    main(sys.argv[1])
