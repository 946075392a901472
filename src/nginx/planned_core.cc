// Planned words: the main and events levels. Their rows have no binder, so checks, help and completion know the words
// while starting refuses them. add_planned() puts the table into the index once at start; it is static data. A row
// moves to its feature's file once the feature is built, which is why rows stand by module.
#include "nginx/context.h"
#include "nginx/planned.h"

namespace weir::nginx {
namespace {

using config::Block;
using config::Inherit;

// A file may be included at every level.
constexpr ContextMask kAnywhere = ~ContextMask{0};

constexpr config::Row kRows[] = {
    // nginx
    {"daemon", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether the master detaches from the terminal and runs in the background."},
    {"master_process", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether worker processes are started; off is for development."},
    {"timer_resolution", kMain, 1, 1, Block::none, Inherit::none, nullptr, "interval",
     "Updates the cached time at this interval instead of after every event."},
    {"pid", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file",
     "File that gets the process id of the master; off writes none."},
    {"lock_file", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file",
     "Prefix of lock file names where accept_mutex cannot use atomic operations."},
    {"worker_processes", kMain, 1, 1, Block::none, Inherit::none, nullptr, "number | auto",
     "Number of workers; auto takes the number of available CPUs."},
    {"debug_points", kMain, 1, 1, Block::none, Inherit::none, nullptr, "abort | stop",
     "What to do when an internal consistency check fails."},
    {"user", kMain, 1, 2, Block::none, Inherit::none, nullptr, "user [group]",
     "User and group whose rights the workers take."},
    {"worker_priority", kMain, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Scheduling priority (nice) of the workers; negative means more urgent."},
    {"worker_cpu_affinity", kMain, 1, -1, Block::none, Inherit::none, nullptr, "cpumask ... | auto [cpumask]",
     "Binds workers to sets of CPUs given as bit masks, or spreads them with auto."},
    {"worker_rlimit_nofile", kMain, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Limit of open files for each worker."},
    {"worker_rlimit_core", kMain, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "Limit of the size of a worker's core file."},
    {"worker_shutdown_timeout", kMain, 1, 1, Block::none, Inherit::none, nullptr, "time",
     "After this time a gracefully stopping worker closes the connections that are left."},
    {"working_directory", kMain, 1, 1, Block::none, Inherit::none, nullptr, "directory",
     "Current directory of the workers, mainly the place for core files."},
    {"env", kMain, 1, 1, Block::none, Inherit::none, nullptr, "variable[=value]",
     "Keeps an environment variable for the workers, or sets it to a value."},
    {"load_module", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file", "Loads a dynamic module from this file."},
    // ngx_conf_file
    {"include", kAnywhere, 1, 1, Block::none, Inherit::none, nullptr, "file | mask",
     "Reads another file, or all files that match a mask, at this place."},
    // ngx_log
    {"error_log", kMain, 1, -1, Block::none, Inherit::none, nullptr, "file [level] [json]",
     "Where errors are logged and from which severity on; may stand several times."},
    // ngx_regex
    {"pcre_jit", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether regular expressions of the configuration are compiled to machine code."},
    // ngx_thread_pool
    {"thread_pool", kMain, 2, 3, Block::none, Inherit::none, nullptr, "name threads=number [max_queue=number]",
     "Names a pool of threads for reading and sending files without blocking a worker."},
    // ngx_event
    {"events", kMain, 0, 0, Block::required, Inherit::none, nullptr, "{ ... }",
     "Holds the settings of connection processing."},
    {"worker_connections", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Most connections that one worker may have open, to clients and upstreams together."},
    {"use", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "method",
     "The kernel interface that reports connection events; the best one is chosen by default."},
    {"multi_accept", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether a worker accepts all waiting connections at once or one at a time."},
    {"accept_mutex", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether workers accept new connections in turn."},
    {"accept_mutex_delay", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "time",
     "How long a worker waits before it tries again to become the accepting one."},
    {"debug_connection", kEvents, 1, 1, Block::none, Inherit::none, nullptr,
     "address | CIDR | unix:", "Writes debug messages only for clients from this address or network."},
    // ngx_epoll_module
    {"epoll_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of events taken from the kernel by one epoll_wait call."},
    {"worker_aio_requests", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Most asynchronous file operations outstanding per worker when aio works with epoll."},
    // ngx_event_openssl
    {"ssl_engine", kMain, 1, 1, Block::none, Inherit::none, nullptr, "device",
     "Name of the hardware accelerator that OpenSSL shall use."},
    // ngx_event_openssl_cache
    {"ssl_object_cache_inheritable", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether unchanged certificates, keys and CRLs are taken over on reload."},
    // ngx_event_quic_bpf
    {"quic_bpf", kMain, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Routes QUIC packets to the worker that owns the connection by means of eBPF."},
    // ngx_kqueue_module
    {"kqueue_changes", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of changes passed to kevent at once; BSD and macOS only."},
    {"kqueue_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of events taken from kevent at once; BSD and macOS only."},
    // ngx_devpoll_module
    {"devpoll_changes", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of changes passed to /dev/poll at once; Solaris only."},
    {"devpoll_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of events taken from /dev/poll at once; Solaris only."},
    // ngx_eventport_module
    {"eventport_events", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of events taken from an event port at once; Solaris only."},
    // ngx_iocp_module
    {"iocp_threads", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of threads behind the completion port; Windows only."},
    {"post_acceptex", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "number",
     "Number of AcceptEx calls posted ahead; Windows only."},
    {"acceptex_read", kEvents, 1, 1, Block::none, Inherit::none, nullptr, "on | off",
     "Whether AcceptEx also waits for the first data; Windows only."},
    // ngx_google_perftools_module
    {"google_perftools_profiles", kMain, 1, 1, Block::none, Inherit::none, nullptr, "file",
     "File name prefix of the profiles that the Google CPU profiler writes per worker."},
};

}  // namespace

const config::Table kPlannedCore = kRows;

}  // namespace weir::nginx
