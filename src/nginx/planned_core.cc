// Planned words: the main and events levels. Their rows have no binder, so checks, help and completion know the words
// while starting refuses them. add_planned() puts the table into the index once at start; it is static data. A row
// moves to its feature's file once the feature is built, which is why rows stand by module.
#include "nginx/context.h"
#include "nginx/planned.h"

namespace weir::nginx {
namespace {

using config::as_harmless;
using config::Block;
using config::Inherit;

// A file may be included at every level.
constexpr ContextMask kAnywhere = ~ContextMask{0};

constexpr config::Row kRows[] = {
    // nginx
    // ngx_conf_file
    {"include", kAnywhere, 1, 1, Block::none, Inherit::none, nullptr, "file | mask",
     "Reads another file, or all files that match a mask, at this place."},
    // ngx_epoll_module
    as_harmless({"epoll_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of events taken from the kernel by one epoll_wait call."}),
    // ngx_event_openssl
    as_harmless({"ssl_engine", kMain, 1, 1, Block::none, Inherit::none, nullptr, "device",
                 "Name of the hardware accelerator that OpenSSL shall use."}),
    // ngx_event_openssl_cache
    as_harmless({"ssl_object_cache_inheritable", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
                 "Whether unchanged certificates, keys and CRLs are taken over on reload."}),
    // ngx_event_quic_bpf
    as_harmless({"quic_bpf", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
                 "Routes QUIC packets to the worker that owns the connection by means of eBPF."}),
    // ngx_kqueue_module
    as_harmless({"kqueue_changes", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of changes passed to kevent at once; BSD and macOS only."}),
    as_harmless({"kqueue_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of events taken from kevent at once; BSD and macOS only."}),
    // ngx_devpoll_module
    as_harmless({"devpoll_changes", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of changes passed to /dev/poll at once; Solaris only."}),
    as_harmless({"devpoll_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of events taken from /dev/poll at once; Solaris only."}),
    // ngx_eventport_module
    as_harmless({"eventport_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of events taken from an event port at once; Solaris only."}),
    // ngx_iocp_module
    as_harmless({"iocp_threads", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of threads behind the completion port; Windows only."}),
    as_harmless({"post_acceptex", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
                 "Number of AcceptEx calls posted ahead; Windows only."}),
    as_harmless({"acceptex_read", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
                 "Whether AcceptEx also waits for the first data; Windows only."}),
    // ngx_google_perftools_module
    as_harmless({"google_perftools_profiles", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file",
                 "File name prefix of the profiles that the Google CPU profiler writes per worker."}),
};

}  // namespace

const config::Table kPlannedCore = kRows;

}  // namespace weir::nginx
