// See nginx/ssl_ocsp.h.
#include "nginx/ssl_ocsp.h"

#include <fmt/format.h>

#include <unordered_map>

#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/resolver.h"
#include "nginx/zone_names.h"
#include "ocsp/clients.h"
#include "ocsp/stapling.h"

namespace weir::nginx {
namespace {

enum class Ocsp : uint8_t { off, on, leaf };

struct OcspConf {
  Setting<Str> stapling_responder;
  Setting<bool> stapling_verify;
  Setting<Ocsp> ocsp;
  Setting<Str> responder;
  Setting<ocsp::StatusCache*> cache;
  config::Where where;  // of ssl_ocsp
  config::Where responder_where;
};

// Once for a configuration.
struct OcspMain {
  ocsp::Asker* asker = nullptr;
  std::unordered_map<std::string, std::pair<uint64_t, ocsp::StatusCache*>> caches;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}
OcspConf& conf_of(void* s) {
  return *static_cast<OcspConf*>(scope_of(s).conf);
}

void bind_ocsp(void* s, const Directive& d, const Row&) {
  const Str word = d.arg(0).text;
  if (word != "on" && word != "off" && word != "leaf") return bad_value(scope_of(s), d, 0, "on, off or leaf");
  conf_of(s).ocsp = word == "on" ? Ocsp::on : word == "leaf" ? Ocsp::leaf : Ocsp::off;
  conf_of(s).where = d.where;
}

void bind_responder(void* s, const Directive& d, const Row& row) {
  set_str(s, d, row);
  conf_of(s).responder_where = d.arg(0).where;
}

// off, or shared:NAME:SIZE
void bind_cache(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Str word = d.arg(0).text;
  if (word == "off") {
    conf_of(s).cache = nullptr;
    return;
  }
  uint64_t size = 0;
  const Str name = word.starts_with("shared:") ? word.substr(7, word.find(':', 7) - 7) : Str();
  if (name.empty() || name.size() + 7 >= word.size() || !parse_size(word.substr(8 + name.size()), size))
    return bad_value(scope, d, 0, "off or shared:NAME:SIZE");
  constexpr uint64_t kSmallest = 8 * 4096, kEntry = 256;
  if (size < kSmallest) {
    std::string text = fmt::format("OCSP cache \"{}\" is too small", word);
    scope.error(d.arg(0).where, text, "32k or more").product = text;
    return;
  }
  if (!claim_zone(scope, d.arg(0), name, "ssl_ocsp_cache")) return;
  auto& [known, cache] = scope.main<OcspMain>(kSslOcspModule).caches[std::string(name)];
  if (cache && known != size) {
    std::string text = fmt::format("the size {} of shared memory zone \"{}\" conflicts with already declared size {}",
                                   size, name, known);
    scope.error(d.arg(0).where, text, "give it the same size everywhere").product = text;
    return;
  }
  known = size;
  if (!cache) cache = scope.arena.own<ocsp::StatusCache>(size / kEntry);
  conf_of(s).cache = cache;
}

void merge_ocsp(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<OcspConf*>(child);
  const auto& p = *static_cast<const OcspConf*>(parent);
  if (!c.where.line) c.where = p.where;
  if (!c.responder_where.line) c.responder_where = p.responder_where;
}

ocsp::Asker& asker_of(Scope& scope) {
  ocsp::Asker*& asker = scope.main<OcspMain>(kSslOcspModule).asker;
  if (!asker) scope.model.services.push_back(asker = scope.arena.own<ocsp::Asker>());
  return *asker;
}

void complain(const std::string& text) {
  log_error(nullptr, LogLevel::error, 0, text, "requesting certificate status");
}

constexpr ContextMask kHS = kHttp | kServer;
#define FIELD(member) WEIR_FIELD(OcspConf, member)
constexpr Row row(Str name, config::BindFn bind, uint32_t offset, void (*merge)(void*, const void*), Str syntax,
                  Str help, Str fallback = {}) {
  return {name, kHS, 1, 1, Block::none, Inherit::scalar, bind, syntax, help, {}, offset, merge, fallback};
}

const Row kTable[] = {
    row("ssl_stapling_responder", set_str, FIELD(stapling_responder), "url",
        "OCSP responder that is asked about the server's certificates, in place of the one that they name"),
    row("ssl_stapling_verify", set_flag, FIELD(stapling_verify), "on | off",
        "whether OCSP answers are verified before they are sent along", "off"),
    row("ssl_ocsp", bind_ocsp, FIELD(ocsp), "on | off | leaf",
        "whether OCSP responders are asked about clients' certificates: about all of the chain, or the first one",
        "off"),
    row("ssl_ocsp_responder", bind_responder, FIELD(responder), "url",
        "OCSP responder that is asked about clients' certificates, in place of the one that they name"),
    row("ssl_ocsp_cache", bind_cache, FIELD(cache), "off | [shared:name:size]",
        "where answers about clients' certificates are kept, for all shards", "off"),
};
#undef FIELD

}  // namespace

void staple_from_responders(Scope& scope, const ServerBlock& server, ssl_ctx_st* context, Str certificate) {
  const auto& c = server.level.of<OcspConf>(kSslOcspModule);
  const auto& resolver = server.level.of<ResolverConf>(kResolverModule);
  ocsp::Stapler::Options o;
  o.asker = &asker_of(scope);
  o.url = std::string(c.stapling_responder.get({}));
  o.names = resolver.names.get(nullptr);
  o.names_are_looked_up = o.names || scope.options.offline;
  o.verify = c.stapling_verify.get(false);
  o.complain = complain;
  scope.arena.own<ocsp::Stapler>(context, std::move(o), std::string(certificate), [&](const std::string& text) {
    scope.diag.warning(server.directive->where, text, "name the answer with ssl_stapling_file, or a responder");
  });
}

void ask_about_clients(Scope& scope, const ServerBlock& server, ssl_ctx_st* context, bool complete) {
  const auto& c = server.level.of<OcspConf>(kSslOcspModule);
  if (c.ocsp.get(Ocsp::off) == Ocsp::off) return;
  if (!complete) {
    constexpr Str kText = "\"ssl_ocsp\" is incompatible with \"ssl_verify_client optional_no_ca\"";
    scope.error(c.where, std::string(kText), "answers are signed by authorities, which optional_no_ca has not")
        .product = kText;
    return;
  }
  ocsp::ClientStatus::Options o;
  o.asker = &asker_of(scope);
  o.names = server.level.of<ResolverConf>(kResolverModule).names.get(nullptr);
  o.leaf_only = c.ocsp.value == Ocsp::leaf;
  o.cache = c.cache.get(nullptr);
  o.complain = [](const ssl_st*, const std::string& text) { complain(text); };
  std::string problem;
  if (const Str url = c.responder.get({}); !url.empty()) {
    if (!ocsp::parse_responder(url, o.responder, problem)) {
      std::string text = fmt::format("{} in OCSP responder \"{}\" in \"ssl_ocsp_responder\"", problem, url);
      scope.error(c.responder_where, text, "write http://HOST[:PORT][/PATH]").product = text;
      return;
    }
    if (!o.names && !scope.options.offline) ocsp::look_up(o.responder);
  }
  if (context) scope.arena.own<ocsp::ClientStatus>(std::move(o))->watch(context);
}

const Module kSslOcspModule{"ssl_ocsp", sizeof(OcspConf), module_create<OcspConf>, kTable, merge_ocsp};

}  // namespace weir::nginx
