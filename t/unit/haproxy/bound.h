#pragma once
// What the tests of binding share: a configuration text becomes a model with its diagnostics.
#include <memory>
#include <string>

#include "config/lexer.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"

namespace weir::haproxy {

struct Bound {
  config::Diagnostics diag;
  std::unique_ptr<model::Model> model;

  explicit Bound(std::string text, bool offline = false) {
    auto tree = std::make_unique<config::Tree>();
    config::read_lines_text(*tree, diag, "t.cfg", std::move(text), {}, {});
    model::LoadOptions options;
    options.offline = offline;
    options.face = config::Dialect::haproxy;
    model = load(std::move(tree), diag, options);
  }
  const Global& global() const { return haproxy::global(*model); }
  const Proxy& proxy(Str name) const {
    for (const Proxy* p : global().proxies)
      if (p->name == name) return *p;
    static const Proxy none;
    return none;
  }
  // The first message of that severity; an empty one when there is none.
  const config::Diagnostic& first(config::Severity severity) const {
    static const config::Diagnostic none{};
    for (const config::Diagnostic& d : diag.all())
      if (d.severity == severity) return d;
    return none;
  }
  std::string error() const { return first(config::Severity::error).text; }
  std::string product() const { return first(config::Severity::error).product; }
  std::string said() const {
    std::string out;
    for (const config::Diagnostic& d : diag.all()) out += d.text + "\n";
    return out;
  }
};

// A configuration that is complete without `lines`, which stand in its frontend.
inline std::string with_front(const std::string& lines) {
  return "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
         "frontend f\n bind 127.0.0.1:8080\n default_backend b\n" +
         lines + "\nbackend b\n server s1 127.0.0.1:9000\n";
}

}  // namespace weir::haproxy
