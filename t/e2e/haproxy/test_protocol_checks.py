"""Checks that speak SMTP, MySQL, PostgreSQL, Redis, LDAP, SPOP and the hello of SSLv3: good servers and bad ones."""

import pytest

from rig import net

CONF = """
global
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode tcp
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s

listen b
    bind 127.0.0.1:{port}
    option {option}
    server s1 {origin} check inter 50ms rise 1 fall 1
"""

GREETING = bytes.fromhex("4A0000000A382E302E3139000A0000006F3C025E6249410D00FFFFFF0200FFC715000000000000000000007C182159106E"
                         "2761144322200063616368696E675F736861325F70617373776F726400")
REFUSED = bytes.fromhex("1A000000FFE304") + b"#08004Client is too old"
SPOP = bytes.fromhex("000000366500000001000007766572" "73696F6E0803322E300E6D61782D6672616D652D73697A6503FCF0"
                     "060C6361706162696C69746965730800")

# option, what the server says by turns with what it must hear (bytes that it must begin with), and how that is shown.
GOOD = [
    ("redis-check", [b"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"], "L7OK", "Redis server is ok"),
    ("smtpchk EHLO here", ["220 mail\r\n", b"EHLO here\r\n", "250-mail\r\n250 bye\r\n", b"QUIT\r\n", "221 closing\r\n"],
     "L7OK", "closing"),
    ("mysql-check", [GREETING], "L7OK", "8.0.19"),
    ("mysql-check user u", [GREETING + bytes.fromhex("0700000200000002000000"), b"\x26\0\0\1"], "L7OK", "8.0.19"),
    ("pgsql-check user u", [b"\0\0\0\x10\0\3\0\0user\0u\0\0", bytes.fromhex("520000000800000000")], "L7OK",
     "PostgreSQL server is ok"),
    ("ldap-check", [bytes.fromhex("300c0201016007020103"), bytes.fromhex("300c02010161070a010004000400")], "L7OK",
     "Success"),
    ("spop-check", [bytes.fromhex("0000004e01"), SPOP], "L7OK", "SPOA server is ok"),
    ("ssl-hello-chk", [bytes.fromhex("1603000079"), bytes.fromhex("15030000020228")], "L6OK", ""),
]
BAD = [
    ("redis-check", [b"*1", "-Error message\r\n"], "L7STS", "-Error message"),
    ("smtpchk", ["421 Try again later\r\n"], "L7STS", "Try again later"),
    ("smtpchk", ["hello there\r\n"], "L7RSP", "hello there"),
    ("mysql-check", [REFUSED], "L7STS", "#08004Client is too old"),
    ("pgsql-check user u", [b"\0", b"E\0\0\0\0\1FATAL"], "L7RSP", "FATAL"),
    ("ldap-check", [b"\x30", bytes.fromhex("300c02010161070a013104000400")], "L7STS",
     "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"),
    ("ldap-check", [b"\x30", b"no LDAP here at all"], "L7RSP", "Not LDAPv3 protocol"),
    ("spop-check", [b"\0", bytes.fromhex("0000001465000000010000") + b"\x07version\x08\x031.0"], "L7RSP",
     "unsupported version"),
    ("ssl-hello-chk", [b"\x16"], "L6RSP", "TCPCHK got an empty response at step 2"),
]


def say(dialogue):
    """Servers that speak first say their first turn at once; then each side has its turn."""

    def run(sock):
        speaks = isinstance(dialogue[0], str) or dialogue[0] in (GREETING, REFUSED) or dialogue[0].startswith(GREETING)
        for turn in dialogue:
            if speaks:
                sock.sendall(turn.encode() if isinstance(turn, str) else turn)
            else:
                heard = sock.recv(4096)
                if not heard.startswith(turn):
                    sock.sendall(b"unexpected: " + heard.hex().encode())
                    break
            speaks = not speaks
        sock.shutdown(1)
        while sock.recv(4096):
            pass
        raise OSError

    return run


@pytest.mark.parametrize("option, dialogue, status, text", GOOD + BAD, ids=[f"{c[0]}-{c[2]}-{i}" for i, c in enumerate(GOOD + BAD)])
def test_dialogues(weir, origins, syslog, option, dialogue, status, text):
    server = origins()
    server.on_connect = say(dialogue)
    proxy = weir("haproxy", text=CONF, option=option, origin=server, syslog=syslog)

    def shown():
        row = proxy.runtime().stat()["b", "s1"]
        return row["check_status"], row["last_chk"]

    net.wait_until(lambda: shown() == (status, text), lambda: f"{(status, text)}, not {shown()}")
