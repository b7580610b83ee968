"""A mail server for tests: writes every mail it takes to /run/mails, one JSON object a line.

server.py ready            takes mail
server.py silent           takes connections and says nothing
server.py drip             says a byte a second
Recipients that begin with "never" are refused, those that begin with "later" the first time. With "once" as a second argument the
first message is refused for now. Nothing here is about the daemon.
"""
import email
import email.policy
import json
import socket
import sys
import time

PORT = 25


class Handler:
    def __init__(self, once):
        self.once = once
        self.deferred = set()

    async def handle_EHLO(self, server, session, envelope, hostname):
        session.host_name = "EHLO " + hostname
        return "250 SIZE"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never"):
            return "550 5.1.1 nobody of that name"
        if address.startswith("later") and address not in self.deferred:
            self.deferred.add(address)
            return "451 4.7.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.once:
            self.once = False
            return "452 4.3.1 no room now"
        raw = envelope.original_content.decode("ascii")
        mail = email.message_from_string(raw, policy=email.policy.default)
        record = {
            "helo": session.host_name,
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in mail.items()},
            "seconds": mail["Date"].datetime.timestamp(),
            "defects": [str(defect) for _, value in mail.items() for defect in value.defects],
            "body": mail.get_content(),
            "raw": raw,
        }
        with open("/run/mails", "a") as out:
            out.write(json.dumps(record) + "\n")
        return "250 taken"


def take(once):
    from aiosmtpd.controller import Controller

    # Without a name of its own it would look one up.
    Controller(Handler(once), hostname="0.0.0.0", port=PORT, server_hostname="mail.example.org", ready_timeout=30).start()
    open("/run/mail.ready", "w").close()
    while True:
        time.sleep(60)


def stall(drips):
    listener = socket.create_server(("0.0.0.0", PORT))
    open("/run/mail.ready", "w").close()
    while True:
        connection, _ = listener.accept()
        with open("/run/connections", "a") as out:
            out.write("one\n")
        try:
            for byte in b"220 this is a very slow mail server\r\n" if drips else b"":
                connection.send(bytes([byte]))
                time.sleep(1)
            while connection.recv(4096):
                pass
        except OSError:
            pass


if __name__ == "__main__":
    if sys.argv[1] == "ready":
        take("once" in sys.argv)
    stall(sys.argv[1] == "drip")
