// See nginx/ssl_late.h.
#include "nginx/ssl_late.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include "http/h1_server.h"
#include "net/tls_wait.h"
#include "nginx/error_log.h"
#include "nginx/request.h"
#include "proxy/shard.h"

namespace weir::nginx {
namespace {

using Identity = std::shared_ptr<const net::TlsIdentity>;

int64_t now_s(const net::Loop& loop) {
  return static_cast<int64_t>(loop.now() / 1000);
}

// --- clients' handshakes ---

class Loading final : public net::TlsWork {
 public:
  Loading(std::vector<net::TlsFiles::Wanted> wanted, net::TlsFiles& files, int64_t now)
      : wanted_(std::move(wanted)), files_(files), now_s_(now) {}
  void run() override {
    for (const net::TlsFiles::Wanted& w : wanted_) {
      Identity read = files_.get(w, now_s_, problem);
      if (!read) return;
      found.push_back(std::move(read));
    }
  }
  std::vector<Identity> found;
  std::string problem;

 private:
  std::vector<net::TlsFiles::Wanted> wanted_;
  net::TlsFiles& files_;
  int64_t now_s_;
};

// What runs as the connection's, in place of a request.
struct Visit {
  const LateCertificates& late;
  std::vector<net::TlsFiles::Wanted> wanted;
  const std::string* problem = nullptr;  // to be logged
};

proxy::Next visit(proxy::Transaction& txn, proxy::Cursor&, const void* arg) {
  auto& v = *static_cast<Visit*>(const_cast<void*>(arg));
  Request& r = of(txn);
  r.server = v.late.server;
  r.location = &r.server->level;
  txn.where = &r.server->level.request_segment;
  if (v.problem) {
    log_error(&txn, LogLevel::error, 0, *v.problem, "SSL handshaking");
    return proxy::Next::done;
  }
  for (const LateCertificates::Pair& p : v.late.pairs)
    v.wanted.push_back({p.certificate.eval(txn), p.key.eval(txn), &v.late.passwords});
  return proxy::Next::done;
}

bool run_visit(SSL* ssl, Visit& v) {
  const proxy::Step steps[] = {{visit, &v, {}}};
  const proxy::Segment segment{"certificate", steps, 1, nullptr};
  return proxy::Shard::current().screen(static_cast<http::H1Server&>(*net::tls_conn(ssl)), segment);
}

int give(SSL* ssl, const LateCertificates& late, const std::vector<Identity>& found, std::string problem) {
  for (const Identity& one : found)
    if (problem.empty()) one->give_to(ssl, problem);
  if (problem.empty()) return 1;
  Visit v{late, {}, &problem};
  run_visit(ssl, v);
  return 0;
}

// OpenSSL's certificate callback: 1 goes on, 0 ends the handshake, -1 waits.
int on_certificate(SSL* ssl, void* arg) {
  const auto& late = *static_cast<const LateCertificates*>(arg);
  if (const net::TlsWork* work = net::TlsWork::of(ssl)) {
    if (!work->done()) return -1;
    const auto& loading = *static_cast<const Loading*>(work);
    return give(ssl, late, loading.found, loading.problem);
  }
  Visit v{late, {}, nullptr};
  if (!net::tls_conn(ssl) || !run_visit(ssl, v)) return 0;
  const int64_t now = now_s(proxy::Shard::current().loop);
  std::vector<Identity> found;
  for (const net::TlsFiles::Wanted& w : v.wanted) {
    Identity known = late.files->find(w, now);
    if (!known) break;
    found.push_back(std::move(known));
  }
  if (found.size() == v.wanted.size()) return give(ssl, late, found, {});
  net::TlsWork::start(ssl, std::make_shared<Loading>(std::move(v.wanted), *late.files, now));
  return -1;
}

bool read_cache_word(Str word, net::TlsFiles::Limits& limits) {
  if (word.starts_with("max=")) {
    const auto n = parse_u64(word.substr(4));
    limits.most = n.value_or(0);
    return limits.most > 0;
  }
  const bool inactive = word.starts_with("inactive="), valid = word.starts_with("valid=");
  if (!inactive && !valid) return false;
  word.remove_prefix(word.find('=') + 1);
  return parse_sec(word, inactive ? limits.inactive_s : limits.valid_s);
}

}  // namespace

bool has_variables(Str text) {
  return text.find('$') != Str::npos;
}

std::string LateName::eval(proxy::Transaction& txn) const {
  const Str name = script->eval(txn);
  if (name.empty() || folder.empty() || name.starts_with('/') || !net::is_tls_file(name)) return std::string(name);
  return fmt::format("{}{}", folder, name);
}

LateName late_name(Scope& scope, Str text, config::Where where) {
  if (!has_variables(text))
    return {compile_script(scope.arena, scope.http->variables, key_path(scope, text), where, scope.diag), {}};
  return {compile_script(scope.arena, scope.http->variables, text, where, scope.diag),
          scope.arena.dup(full_path(scope, "", true))};
}

Str key_path(Scope& scope, Str text) {
  return scope.arena.dup(net::is_tls_file(text) ? Str(full_path(scope, text, true)) : text);
}

net::TlsFiles* no_certificate_cache() {
  static net::TlsFiles none(net::TlsFiles::Limits{0, 0, 0});
  return &none;
}

void bind_certificate_cache(Scope& scope, const Directive& d, net::TlsFiles*& out) {
  if (d.args() == 1 && d.arg(0).text == "off") {
    out = no_certificate_cache();
    return;
  }
  net::TlsFiles::Limits limits{0, 10, 60};
  for (size_t i = 0; i < d.args(); i++)
    if (!read_cache_word(d.arg(i).text, limits))
      return bad_value(scope, d, i, "off, or max=N [inactive=TIME] [valid=TIME]");
  if (!limits.most) {
    std::string text = fmt::format("\"{}\" must have the \"max\" parameter", d.name());
    scope.error(d.where, text, "write max=N").product = text;
    return;
  }
  out = scope.arena.own<net::TlsFiles>(limits);
}

void choose_late(ssl_ctx_st* context, const LateCertificates& late) {
  SSL_CTX_set_cert_cb(context, on_certificate, const_cast<LateCertificates*>(&late));
}

// --- requests ---

// The half that the pool writes; the request may be gone by then.
struct LateIdentity : proxy::Waiter {
  struct Job {
    uv_work_t work;
    net::TlsFiles::Wanted wanted;
    net::TlsFiles* files = nullptr;
    int64_t now = 0;
    Identity identity;
    std::string problem;
    LateIdentity* owner = nullptr;
  };
  proxy::Transaction* txn = nullptr;
  proxy::Cursor* cursor = nullptr;
  Job* job = nullptr;  // under way
  Identity identity;
  std::string problem;

  ~LateIdentity() {
    if (job) job->owner = nullptr;
  }
};

namespace {

void run_job(uv_work_t* work) {
  auto& job = *static_cast<LateIdentity::Job*>(work->data);
  job.identity = job.files->get(job.wanted, job.now, job.problem);
}

void end_job(uv_work_t* work, int) {
  const std::unique_ptr<LateIdentity::Job> job(static_cast<LateIdentity::Job*>(work->data));
  LateIdentity* late = job->owner;
  if (!late) return;
  late->job = nullptr;
  late->identity = std::move(job->identity);
  late->problem = std::move(job->problem);
  late->txn->disown(late);
  late->txn->wake(*late->cursor);
}

}  // namespace

LateIdentity* start_late(proxy::Transaction& txn, proxy::Cursor& cursor, const LateCertificates& late) {
  auto* made = txn.arena.own<LateIdentity>();
  const LateCertificates::Pair& pair = late.pairs[0];
  net::TlsFiles::Wanted wanted{pair.certificate.eval(txn), pair.key.eval(txn), &late.passwords};
  if (wanted.certificate.empty()) return made;  // none is shown
  const int64_t now = now_s(txn.shard.loop);
  made->identity = late.files->find(wanted, now);
  if (made->identity) return made;
  made->txn = &txn;
  made->cursor = &cursor;
  made->cancel = [](proxy::Waiter* w) {
    auto* self = static_cast<LateIdentity*>(w);
    if (self->job) self->job->owner = nullptr;
    self->job = nullptr;
  };
  made->job = new LateIdentity::Job{{}, std::move(wanted), late.files, now, nullptr, {}, made};
  made->job->work.data = made->job;
  txn.own(made);
  uv_queue_work(txn.shard.loop.uv(), &made->job->work, run_job, end_job);
  txn.shard.loop.uv_touched();
  return made;
}

LateIdentity* read_late(proxy::Transaction& txn, const LateCertificates& late) {
  auto* made = txn.arena.own<LateIdentity>();
  const LateCertificates::Pair& pair = late.pairs[0];
  const net::TlsFiles::Wanted wanted{pair.certificate.eval(txn), pair.key.eval(txn), &late.passwords};
  if (!wanted.certificate.empty()) made->identity = late.files->get(wanted, now_s(txn.shard.loop), made->problem);
  return made;
}

bool late_done(const LateIdentity& late) {
  return !late.job;
}

const net::TlsIdentity* late_identity(const LateIdentity& late, Str& problem) {
  problem = late.problem;
  return late.identity.get();
}

}  // namespace weir::nginx
