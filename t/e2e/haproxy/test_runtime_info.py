"""`show info`: the names that programs look for, and figures of the process that are true."""

import pytest

from rig import net

CONF = """
global
    nbthread 1
    stats socket {dir}/admin.sock level admin

defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port} ssl crt {own}
    http-request return status 200 content-type text/plain string one
"""
# What HAProxy 2.6 prints, in its order, but for its misspelt TotalSplicdedBytesOut.
NAMES = """
Name Version Release_date Nbthread Nbproc Process_num Pid Uptime Uptime_sec Memmax_MB PoolAlloc_MB PoolUsed_MB PoolFailed
Ulimit-n Maxsock Maxconn Hard_maxconn CurrConns CumConns CumReq MaxSslConns CurrSslConns CumSslConns Maxpipes PipesUsed PipesFree
ConnRate ConnRateLimit MaxConnRate SessRate SessRateLimit MaxSessRate SslRate SslRateLimit MaxSslRate SslFrontendKeyRate
SslFrontendMaxKeyRate SslFrontendSessionReuse_pct SslBackendKeyRate SslBackendMaxKeyRate SslCacheLookups SslCacheMisses
CompressBpsIn CompressBpsOut CompressBpsRateLim ZlibMemUsage MaxZlibMemUsage Tasks Run_queue Idle_pct node Stopping Jobs
Unstoppable_Jobs Listeners ActivePeers ConnectedPeers DroppedLogs BusyPolling FailedResolutions TotalBytesOut BytesOutRate
DebugCommandsIssued CumRecvLogs Build_info Memmax_bytes PoolAlloc_bytes PoolUsed_bytes Start_time_sec Tainted
""".split()


@pytest.fixture
def proxy(weir, certs):
    return weir("haproxy", text=CONF, own=certs.leaf("localhost"))


def test_every_name_that_programs_look_for(proxy):
    printed = [line.split(":")[0].replace(" ", "_") for line in proxy.runtime()("show info").splitlines() if line]
    assert [name for name in printed if name in NAMES] == NAMES
    assert "description" not in printed, "there is none"


def test_tls_connections_are_counted(proxy, certs):
    admin = proxy.runtime()
    info = admin.info()
    assert (info["CurrSslConns"], info["CumSslConns"], info["MaxSslRate"]) == ("0", "0", "0")
    with proxy.client(tls=certs.client_context()) as client:
        client.request("/")
        info = admin.info()
        assert (info["CurrSslConns"], info["CumSslConns"], info["MaxSslRate"]) == ("1", "1", "1")
        assert int(info["SslRate"]) <= 1
    net.wait_until(lambda: admin.info()["CurrSslConns"] == "0", "the end of the connection")
    assert admin.info()["CumSslConns"] == "1"


def test_how_busy_the_process_is(proxy):
    admin = proxy.runtime()
    info = admin.info()
    assert 0 <= int(info["Idle_pct"]) <= 100 and int(info["Tasks"]) >= 1 and info["Run_queue"] == "1"
    assert int(info["PoolUsed_bytes"]) <= int(info["PoolAlloc_bytes"])
    net.wait_until(lambda: int(admin.info()["Idle_pct"]) >= 80, "an idle process")
