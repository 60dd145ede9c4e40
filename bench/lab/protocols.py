"""How a login goes in each protocol: what the server says first, then question and answer in turn. Client and server both
follow this table, so that a login has the packets and about the lengths that the real one has."""

import base64
import os

HTTP_PORTS = [80, 8080]
GOOD_USER = b"staff"


def noise(length):
    """What is encrypted looks like this."""
    return lambda *_: os.urandom(length)


def text(pattern):
    return lambda user=b"", password=b"": pattern.replace(b"{user}", user).replace(b"{password}", password)


def mqtt_connect(user=b"", password=b""):
    fields = [b"lab", user, password]
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + b"".join(len(field).to_bytes(2, "big") + field for field in fields)
    return b"\x10" + bytes([len(body)]) + body


def smtp_plain(user=b"", password=b""):
    return b"AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password) + b"\r\n"


class Login:
    """`steps` are (what the client sends, what the server answers); from `again` on they are repeated for the next try."""

    def __init__(self, port, greeting, steps, again, refused_after):
        self.port, self.greeting, self.steps, self.again, self.refused_after = port, greeting, steps, again, refused_after


LOGINS = {
    "ssh": Login(22, text(b"SSH-2.0-OpenSSH_9.6 lab\r\n"), [
        (text(b"SSH-2.0-OpenSSH_9.6\r\n"), noise(1080)), (noise(1536), noise(8)), (noise(1208), noise(1564)),
        (noise(16), noise(8)), (noise(44), noise(44)), (noise(68), noise(52)), (noise(148), noise(52))], 6, 3),
    "ftp": Login(21, text(b"220 lab FTP server ready\r\n"), [
        (text(b"USER {user}\r\n"), text(b"331 Please specify the password.\r\n")),
        (text(b"PASS {password}\r\n"), text(b"530 Login incorrect.\r\n"))], 0, 3),
    "telnet": Login(23, text(b"\xff\xfd\x18\xff\xfd\x20lab login: "), [
        (text(b"{user}\r\n"), text(b"Password: ")), (text(b"{password}\r\n"), text(b"\r\nLogin incorrect\r\nlab login: "))], 0, 3),
    "smtp": Login(25, text(b"220 lab ESMTP\r\n"), [
        (text(b"EHLO client\r\n"), text(b"250-lab\r\n250-SIZE 10240000\r\n250 AUTH PLAIN LOGIN\r\n")),
        (smtp_plain, text(b"535 5.7.8 Error: authentication failed\r\n"))], 1, 4),
    "pop3": Login(110, text(b"+OK lab ready.\r\n"), [
        (text(b"USER {user}\r\n"), text(b"+OK\r\n")), (text(b"PASS {password}\r\n"), text(b"-ERR [AUTH] failed.\r\n"))], 0, 3),
    "imap": Login(143, text(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] lab ready.\r\n"), [
        (text(b"a1 LOGIN {user} {password}\r\n"), text(b"a1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"))], 0, 5),
    "mysql": Login(3306, noise(95), [(noise(180), noise(82))], 0, 1),
    "redis": Login(6379, text(b""), [(text(b"*2\r\n$4\r\nAUTH\r\n$8\r\n{password}\r\n"), text(b"-WRONGPASS invalid password\r\n"))], 0, 20),
    "mqtt": Login(1883, text(b""), [(mqtt_connect, text(b"\x20\x02\x00\x05"))], 0, 1),
    "rdp": Login(3389, text(b""), [
        (noise(47), noise(19)), (noise(180), noise(1200)), (noise(330), noise(51)), (noise(420), noise(90))], 3, 1),
}


def http_request(method, path, headers=b"", body=b""):
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return method + b" " + path + b" HTTP/1.1\r\nHost: lab\r\nUser-Agent: lab/1\r\nAccept: */*\r\n" + headers + length + b"\r\n" + body


def http_form(user, password):
    return http_request(b"POST", b"/login", b"Content-Type: application/x-www-form-urlencoded\r\n", b"user=" + user + b"&pass=" + password)


def http_basic(user, password):
    return http_request(b"GET", b"/admin/", b"Authorization: Basic " + base64.b64encode(user + b":" + password) + b"\r\n")
