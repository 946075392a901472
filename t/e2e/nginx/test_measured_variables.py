"""Variables that measure the answer and its connection: $gzip_ratio, $tcpinfo_rtt and its like."""

import re

import pytest

from rig import net

CONF = """
daemon off;
user {user};
pid nginx.pid;
events {}
http {
    log_format ratio "$uri $gzip_ratio $body_bytes_sent";
    log_format tcp "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space";
    access_log access.log ratio;
    access_log tcp.log tcp;
    gzip on;
    gzip_min_length 1;
    gzip_types text/plain;
    server {
        listen 127.0.0.1:{port};
        location /plain { gzip off; return 200 aaaa; }
        location / { return 200 {text}; }
    }
}
"""


@pytest.fixture
def proxy(weir):
    return weir("nginx", text=CONF.replace("{text}", "ab" * 1000))


def test_the_ratio_of_compressed_answers(proxy):
    answer = proxy.get("/big", headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == "gzip"
    ratio = re.fullmatch(r"/big (\d+)\.(\d\d) \d+", proxy.wait_log("/big "))
    assert int(ratio[1]) * 100 + int(ratio[2]) == (2000 * 1000 // len(answer.body) + 5) // 10


@pytest.mark.parametrize("path", ["/plain", "/uncoded"])
def test_no_ratio_of_others(proxy, path):
    proxy.get(path)
    assert re.fullmatch(path + r" - \d+", proxy.wait_log(path + " "))


def test_what_the_kernel_knows(proxy):
    proxy.get("/plain")
    line = net.wait_until((proxy.dir / "tcp.log").read_text, "its line")
    rtt, variation, window, space = (int(n) for n in line.split())
    assert rtt > 0 and variation > 0 and window > 0 and space > 0
