// The protocol of the runtime socket and its commands, over a real socket, on a catalogue without shards.
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/control.h"

using namespace weir;
using namespace weir::control;

namespace {

struct Socket {
  explicit Socket(Level level = Level::admin, uint32_t timeout_ms = 5000, uint32_t max_sessions = 10) {
    uv_loop_init(&loop);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un any{AF_UNIX, {}};  // a free abstract name
    cr_assert(bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family) == 0 && listen(fd, 16) == 0);
    make_model();
    Access access;
    access.model = &model;
    fill(catalogue);
    access.catalogue = &catalogue;
    access.post = [](int, std::function<void(proxy::Shard&)>) { return false; };
    access.tell = [](const stats::ProxyEntry&, const News&) {};
    access.max_sessions = max_sessions;
    SocketConf conf{"unix@/x", fd, level, timeout_ms};
    std::string problem;
    server = Server::start(&loop, std::move(access), {&conf, 1}, problem);
    cr_assert(server, "%s", problem.c_str());
  }
  ~Socket() {
    server->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&loop), 0, "nothing is left in the loop");
    close(fd);
  }

  void make_model() {
    pool.name = "b";
    pool.state = &pool_state;
    pool.local = &pool_local;
    for (int i = 0; i < 2; i++) {
      servers[i].name = i ? "s2" : "s1";
      servers[i].id = static_cast<uint32_t>(i);
      servers[i].weight = 10;
      cr_assert(net::parse_ip("127.0.0.1", servers[i].addr));
      servers[i].addr.port = 80;
      servers[i].state = &states[i];
      servers[i].local = &locals[i];
      servers[i].pool = &pool;
      states[i].weight = 10;
      pool.servers.push_back(&servers[i]);
    }
  }
  void fill(stats::Catalogue& c) {
    c.start_ms = stats::monotonic_ms();
    c.product = "HAProxy";
    c.version = "3.5";
    entries[1].id = 2;
    for (stats::ServerEntry& e : entries) c.servers.push_back(&e);
    stats::ProxyEntry web, b;
    web.name = "web";
    web.id = 2;
    web.front = web.http = true;
    web.mode = b.mode = "http";
    web.front_counters = web.back_counters = &front;
    b.name = "b";
    b.id = 3;
    b.back = b.http = true;
    b.pool = &pool;
    b.front_counters = b.back_counters = &back;
    c.proxies = {web, b};
    patterns.file("virt@colours", true, error);
    patterns.assign_ids();
    c.patterns = &patterns;
  }

  int connect_client() {
    sockaddr_un to{};
    socklen_t size = sizeof to;
    getsockname(fd, reinterpret_cast<sockaddr*>(&to), &size);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(connect(client, reinterpret_cast<sockaddr*>(&to), size), 0);
    return client;
  }
  // Runs the loop until `client` was closed, or until nothing has come for a moment. Returns what came.
  std::string receive(int client, bool* closed = nullptr) {
    std::string all;
    for (int quiet = 0; quiet < 60; quiet++) {
      uv_run(&loop, UV_RUN_NOWAIT);
      char buffer[65536];
      ssize_t n = recv(client, buffer, sizeof buffer, 0);
      if (closed) *closed = n == 0;
      if (n == 0) break;
      if (n > 0) {
        all.append(buffer, static_cast<size_t>(n));
        quiet = 0;
      } else {
        usleep(1000);
      }
    }
    return all;
  }
  std::string ask(Str text, bool expect_close = true) {
    int client = connect_client();
    cr_assert_eq(send(client, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    bool closed = false;
    std::string answer = receive(client, &closed);
    cr_expect_eq(closed, expect_close, "%.*s", static_cast<int>(text.size()), text.data());
    close(client);
    uv_run(&loop, UV_RUN_NOWAIT);
    return answer;
  }

  uv_loop_t loop;
  int fd;
  model::Model model;
  model::Pool pool;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::ServerLocal locals[2];
  stats::ServerEntry entries[2];
  model::Server servers[2];
  model::ServerState states[2];
  stats::ProxyCounters front, back;
  expr::PatternSources patterns;
  stats::Catalogue catalogue;
  std::string error;
  std::unique_ptr<Server> server;
};

void expect(const std::string& answer, Str wanted) {
  cr_expect(answer == wanted, "got \"%s\", wanted \"%.*s\"", answer.c_str(), static_cast<int>(wanted.size()),
            wanted.data());
}

}  // namespace

Test(control_session, one_line_then_close) {
  Socket s;
  expect(s.ask("show version\n"), "3.5\n\n");
  expect(s.ask("show version\nshow version\n"), "3.5\n\n");
  expect(s.ask("echo a\\ b  c;echo d\r\n"), "a b c\n\nd\n\n");
  expect(s.ask("\n"), "\n");
  expect(s.ask("echo x;quit;echo y\n"), "x\n\n");
}

Test(control_session, prompt_and_interactive_mode) {
  Socket s;
  expect(s.ask("prompt\n", false), "\n> ");
  expect(s.ask("prompt\necho a\necho b;echo c\n", false), "\n> a\n\n> b\n\nc\n\n> ");
  expect(s.ask("prompt i\necho a\necho b\n", false), "\na\n\nb\n\n");
  expect(s.ask("prompt\nprompt n\n"), "\n> \n");
  expect(s.ask("prompt\nadd map virt@colours <<\na 1\n\nquit\n"), "\n> + + \n> ");
}

Test(control_session, half_a_line_is_no_command) {
  Socket s;
  int client = s.connect_client();
  send(client, "show version", 12, 0);
  shutdown(client, SHUT_WR);
  bool closed = false;
  expect(s.receive(client, &closed), "");
  cr_expect(closed);
  close(client);
}

Test(control_session, silent_clients_are_disconnected) {
  Socket s(Level::admin, 20);
  int client = s.connect_client();
  bool closed = false;
  s.receive(client, &closed);
  cr_expect(closed);
  close(client);
}

Test(control_session, more_clients_than_may_be_wait) {
  Socket s(Level::admin, 5000, 1);
  int first = s.connect_client();
  send(first, "prompt\n", 7, 0);
  expect(s.receive(first), "\n> ");
  int second = s.connect_client();
  send(second, "show version\n", 13, 0);
  expect(s.receive(second), "");
  close(first);
  expect(s.receive(second), "3.5\n\n");
  close(second);
}

Test(control_session, limits) {
  Socket s;
  std::string many;
  for (int i = 0; i < 70; i++) many += "echo ";
  expect(s.ask(many + "\n"), "Too many arguments. Commands must have at most 64 arguments.\n\n");
  cr_expect(s.ask(std::string(20000, 'x')).starts_with("The command line is too big"));
}

Test(control_session, rights) {
  Socket user(Level::user);
  expect(user.ask("set server b/s1 state drain\n"), "Permission denied\n\n");
  expect(user.ask("show env\n"), "Permission denied\n\n");
  expect(user.ask("clear counters\n"), "Permission denied\n\n");
  expect(user.ask("get weight b/s1\n"), "10 (initial 10)\n\n");
  Socket operate(Level::operate);
  expect(operate.ask("clear counters\n"), "\n");
  expect(operate.ask("clear counters all\n"), "Permission denied\n\n");
  Socket admin;
  expect(admin.ask("user;show cli level;operator\n"), "\nuser\n\nPermission denied\n\n");
}

Test(control_session, severities) {
  Socket s;
  expect(s.ask("set severity-output number -;set server b/x state ready\n"), "[3]: No such server.\n\n");
  expect(s.ask("set severity-output string;show version\n"), "\n[info]: 3.5\n\n");
}

Test(control_session, help_and_unknown_commands) {
  Socket s;
  std::string all = s.ask("help\n");
  cr_expect(all.starts_with("The following commands are valid at this level:\n"));
  cr_expect(all.find("  show stat [desc|json|no-maint|typed|up]*: ") != std::string::npos);
  cr_expect(all.ends_with(": disconnect\n\n"));
  std::string some = s.ask("help get weight\n");
  cr_expect(some.find("get weight") != std::string::npos && some.find("show info") == std::string::npos);
  std::string like = s.ask("show stats\n");
  cr_expect(like.starts_with("Unknown command: 'show', but maybe one of the following ones is a better match:\n"));
  cr_expect(like.find("show stat ") != std::string::npos);
}

Test(control_session, waiting) {
  Socket s;
  expect(s.ask("wait 5ms;echo then\n"), "Done.\n\nthen\n\n");
  expect(s.ask("wait\n"), "Expects a duration in milliseconds.\n\n");
  expect(s.ask("wait 1s srv-removable b/none\n"), "Failed. No such server.\n\n");
  expect(s.ask("wait 1s srv-removable b/s1\n"), "Failed. Only servers in maintenance mode can be deleted.\n\n");
  s.ask("set server b/s1 state maint\n");
  expect(s.ask("wait 1s srv-removable b/s1\n"), "Done.\n\n");
  s.states[0].current.up();
  expect(s.ask("wait 20ms srv-removable b/s1\n"),
         "Wait delay expired. Server still has connections attached to it, cannot remove it.\n\n");
}

// --- servers ---

Test(control_server, states) {
  Socket s;
  expect(s.ask("set server b/s1 state drain\n"), "\n");
  cr_expect_eq(s.states[0].admin.load(), static_cast<uint8_t>(model::Admin::drain));
  cr_expect(s.states[0].changed_s.load() > 0);
  cr_expect(s.ask("show stat b 4 1\n").find("b,s1,0,0,0,0,,0,0,0,,0,,0,0,0,0,DRAIN,10,1,0,") != std::string::npos);
  expect(s.ask("disable server b/s1\n"), "\n");
  std::string state = s.ask("show servers state b\n");
  cr_expect(state.starts_with("1\n# be_id be_name srv_id "));
  cr_expect(state.find("\n3 b 1 s1 127.0.0.1 0 1 10 10 ") != std::string::npos, "%s", state.c_str());
  expect(s.ask("enable server b/s1\n"), "\n");
  expect(s.ask("set server b/s1 health down\n"), "\n");
  cr_expect(!s.states[0].up.load());
  expect(s.ask("set server b/s1 health stopping\n"), "\n");
  cr_expect(s.states[0].up.load() && s.states[0].stopping.load());
  expect(s.ask("set server b/s1 health up\n"), "\n");
  cr_expect(!s.states[0].stopping.load());
}

Test(control_server, mistakes) {
  Socket s;
  expect(s.ask("set server b\n"), "Require 'backend/server'.\n\n");
  expect(s.ask("set server x/s1 state ready\n"), "No such backend.\n\n");
  expect(s.ask("set server b/x state ready\n"), "No such server.\n\n");
  expect(s.ask("set server b/s1 state nice\n"), "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n");
  expect(s.ask("set server b/s1 agent up\n"), "agent checks are not enabled on this server.\n\n");
  expect(s.ask("enable health b/s1\n"), "Health check was not configured on this server, cannot enable.\n\n");
}

Test(control_server, weights) {
  Socket s;
  expect(s.ask("set server b/s1 weight 50%;get weight b/s1\n"), "\n5 (initial 10)\n\n");
  expect(s.ask("set weight b/s1 256\n"), "\n");
  cr_expect_eq(s.states[0].weight.load(), 256);
  expect(s.ask("set weight b/s1 257\n"), "Absolute weight can only be between 0 and 256 inclusive.\n\n");
  expect(s.ask("set weight b/s1 -1%\n"), "Relative weight must be positive.\n\n");
  expect(s.ask("set weight b/s1 x\n"), "Empty weight string empty or preceded by garbage\n\n");
  expect(s.ask("set weight b/s1 1x\n"), "Trailing garbage in weight string\n\n");
  expect(s.ask("set weight b/s1\n"), "Require <weight> or <weight%>.\n\n");
}

Test(control_server, address_and_limit) {
  Socket s;
  expect(s.ask("set server b/s1 addr 127.0.0.2 port 81\n"),
         "IP changed from '127.0.0.1' to '127.0.0.2', port changed from '80' to '81' by 'stats socket command'\n\n");
  cr_expect_eq(s.servers[0].address().text(), "127.0.0.2:81");
  expect(s.ask("set server b/s1 addr 127.0.0.2\n"), "nothing changed\n\n");
  expect(s.ask("set server b/s1 addr nowhere\n"), "Invalid addr 'nowhere'\n\n");
  expect(s.ask("set maxconn server b/s1 7\n"), "\n");
  cr_expect_eq(s.states[0].max_conns.load(), 7);
  expect(s.ask("set maxconn server b/s1 7x\n"), "Trailing garbage in maxconn string\n\n");
}

// --- statistics ---

Test(control_stat, forms_and_choice) {
  Socket s;
  std::string all = s.ask("show stat\n");
  cr_expect(all.starts_with("# pxname,svname,") && all.find("\nweb,FRONTEND,") != std::string::npos);
  cr_expect(all.find("\nb,BACKEND,") != std::string::npos);
  std::string typed = s.ask("show stat web 1 -1 typed\n");
  cr_expect(typed.starts_with("F.2.0.0.pxname.1:KNSV:str:web\n"), "%s", typed.c_str());
  cr_expect(s.ask("show stat 3 2 -1\n").find("FRONTEND") == std::string::npos);
  expect(s.ask("show stat nothing 1 1\n"), "No such proxy.\n\n");
  std::string json = s.ask("show stat json\n");
  cr_expect(json.starts_with(R"([[{"objType":"Frontend","proxyId":2,"id":0,"field":{"pos":0,"name":"pxname"},)"));
  cr_expect(json.ends_with("]]\n\n"));
  s.ask("disable server b/s1\n");
  std::string up = s.ask("show stat up\n");
  cr_expect(up.find("\nb,s1,") == std::string::npos && up.find(",UP (1/2),") != std::string::npos);
}

Test(control_stat, info) {
  Socket s;
  std::string info = s.ask("show info\n");
  cr_expect(info.starts_with("Name: HAProxy\nVersion: 3.5\n"));
  cr_expect(s.ask("show info typed\n").starts_with("0.Name.1:POSV:str:HAProxy\n"));
  cr_expect(s.ask("show info json\n").starts_with(R"([{"field":{"pos":0,"name":"Name"},"processNum":1,)"));
}

Test(control_stat, clearing) {
  Socket s;
  s.states[0].total = 5;
  s.states[0].max_current = 3;
  s.ask("clear counters\n");
  cr_expect(s.states[0].total == 5 && s.states[0].max_current == 0);
  s.ask("clear counters all\n");
  cr_expect_eq(s.states[0].total.load(), 0u);
  s.states[1].total = 5;
  expect(s.ask("clear counters server b/s2\n"), "Server counters cleared.\n\n");
  cr_expect_eq(s.states[1].total.load(), 0u);
}

// --- questions to shards, maps ---

Test(control_stream, without_shards_there_is_nothing) {
  Socket s;
  expect(s.ask("show sess\n"), "\n");
  expect(s.ask("shutdown session 0x1\n"), "No such session (use 'show sess').\n\n");
  expect(s.ask("shutdown sessions server b/s1\n"), "\n");
  expect(s.ask("show sess bogus\n"), "Unsupported option 'bogus', try 'help' for more info.\n\n");
}

Test(control_pattern, maps) {
  Socket s;
  std::string list = s.ask("show map\n");
  cr_expect(list.starts_with("# id (file) description\n0 (virt@colours) "), "%s", list.c_str());
  expect(s.ask("add map virt@colours red 1\n"), "\n");
  expect(s.ask("add map #0 <<\ngreen 2\nblue 3\n\n"), "\n");
  std::string all = s.ask("show map #0\n");
  cr_expect(all.find(" red 1\n") != std::string::npos && all.find(" blue 3\n") != std::string::npos, "%s", all.c_str());
  expect(s.ask("set map #0 red 9;del map #0 green\n"), "\n\n");
  all = s.ask("show map #0\n");
  cr_expect(all.find(" red 9\n") != std::string::npos && all.find("green") == std::string::npos);
  expect(s.ask("del map #0 green\n"), "Key not found.\n\n");
  expect(s.ask("clear map #0;show map #0\n"), "\n\n");
  expect(s.ask("show map nothing\n"), "Unknown map identifier. Please use #<id> or <file>.\n\n");
  expect(s.ask("add map #0 <<\nlonely\n\n"), "Missing value for key 'lonely'.\n\n");
}
