"""A SOCKS4 proxy: leads to where it is asked for, or answers as a test wants."""

import socket
import struct
import threading

GRANTED, REJECTED = 90, 91


class Socks4:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []  # (version, command, port, address, user) of each connection
        self.code = GRANTED
        self.answer = None  # bytes in place of a proper answer; the connection is closed behind them
        self.pieces = False  # the answer comes byte by byte, and the server's first bytes with its end
        threading.Thread(target=self._accept, daemon=True).start()

    def __str__(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock:
            try:
                self._lead(sock)
            except OSError:
                pass

    def _lead(self, sock):
        head = sock.recv(8, socket.MSG_WAITALL)
        user = b""
        while not user.endswith(b"\0"):
            user += sock.recv(1)
        version, command, port = struct.unpack("!BBH", head[:4])
        place = socket.inet_ntoa(head[4:]), port
        self.asked.append((version, command, port, place[0], user[:-1].decode()))
        if self.answer is not None:
            sock.sendall(self.answer)
            return
        answer = struct.pack("!BBHI", 0, self.code, 0, 0)
        if self.code != GRANTED:
            sock.sendall(answer)
            sock.recv(1)
            return
        with socket.create_connection(place) as server:
            if self.pieces:
                for byte in answer[:-1]:
                    sock.sendall(bytes([byte]))
                answer = answer[-1:] + server.recv(65536)
            sock.sendall(answer)
            back = threading.Thread(target=self._copy, args=(server, sock), daemon=True)
            back.start()
            self._copy(sock, server)
            back.join()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
