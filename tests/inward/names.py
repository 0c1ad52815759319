"""A name server (RFC 1035) on loopback that changes its mind from one question to the next."""

import ipaddress
import socket
import struct
import threading

A, CNAME, AAAA, IN = 1, 5, 28, 1


class NameServer:
    """Answers from a script: for each name a list of answers, one a question, the last one for
    good. An answer is a list of addresses, or of one other name. Nothing may be remembered: every
    answer lives for 0 s. Names without a script have the address `otherwise`."""

    def __init__(self, script: dict[str, list[list[str]]], otherwise: str):
        self.script, self.otherwise = script, otherwise
        self.asked: dict[tuple[str, int], int] = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(512)
            self.socket.sendto(self.answer(question), sender)

    def answer(self, message: bytes) -> bytes:
        labels, at = [], 12
        while length := message[at]:
            labels.append(message[at + 1 : at + 1 + length].decode().lower())
            at += 1 + length
        name, end = ".".join(labels), at + 5
        (kind,) = struct.unpack_from("!H", message, at + 1)
        records = list(self.records(name, kind))
        # A response, with authority, to a recursive question; no error.
        header = message[:2] + struct.pack("!5H", 0x8580, 1, len(records), 0, 0)
        return header + message[12:end] + b"".join(records)

    def records(self, name: str, kind: int):
        """IPv4 and IPv6 are asked for one by one, so each has a count of its own."""
        answers = self.script.get(name, [[self.otherwise]])
        number = self.asked.get((name, kind), 0)
        self.asked[(name, kind)] = number + 1
        for value in answers[min(number, len(answers) - 1)]:
            try:
                address = ipaddress.ip_address(value)
            except ValueError:
                yield record(name, CNAME, encoded(value))
                yield from self.records(value, kind)
                continue
            if kind == {4: A, 6: AAAA}[address.version]:
                yield record(name, kind, address.packed)


def record(name: str, kind: int, data: bytes) -> bytes:
    return encoded(name) + struct.pack("!HHIH", kind, IN, 0, len(data)) + data


def encoded(name: str) -> bytes:
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
