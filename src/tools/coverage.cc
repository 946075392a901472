// See tools/coverage.h.
#include "tools/coverage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "expr/tables.h"
#include "haproxy/context.h"
#include "haproxy/haproxy.h"
#include "haproxy/log_tags.h"
#include "nginx/context.h"
#include "nginx/nginx.h"

namespace weir::tools {
namespace {

using config::ContextMask;
using config::Row;

struct Name {
  ContextMask bit;
  Str name;
};

constexpr Name kNginxNames[] = {{nginx::kMain, "main"},
                                {nginx::kEvents, "events"},
                                {nginx::kHttp, "http"},
                                {nginx::kServer, "server"},
                                {nginx::kLocation, "location"},
                                {nginx::kIfInServer, "if in server"},
                                {nginx::kIfInLocation, "if in location"},
                                {nginx::kLimitExcept, "limit_except"},
                                {nginx::kUpstream, "upstream"},
                                {nginx::kTypes, "types"},
                                {nginx::kMap, "map"},
                                {nginx::kGeo, "geo"},
                                {nginx::kSplitClients, "split_clients"},
                                {nginx::kMatch, "match"},
                                {nginx::kCharsetMap, "charset_map"},
                                {nginx::kStream, "stream"},
                                {nginx::kStreamServer, "stream server"},
                                {nginx::kStreamUpstream, "stream upstream"},
                                {nginx::kStreamMap, "stream map"},
                                {nginx::kStreamGeo, "stream geo"},
                                {nginx::kStreamSplitClients, "stream split_clients"},
                                {nginx::kMail, "mail"},
                                {nginx::kMailServer, "mail server"},
                                {nginx::kMgmt, "mgmt"},
                                {nginx::kOtel, "otel_exporter"},
                                {nginx::kAcme, "acme_issuer"}};

constexpr Name kHaproxyNames[] = {{haproxy::kTop, "top"},
                                  {haproxy::kGlobal, "global"},
                                  {haproxy::kDefaults, "defaults"},
                                  {haproxy::kFrontend, "frontend"},
                                  {haproxy::kListen, "listen"},
                                  {haproxy::kBackend, "backend"},
                                  {haproxy::kResolvers, "resolvers"},
                                  {haproxy::kPeers, "peers"},
                                  {haproxy::kUserlist, "userlist"},
                                  {haproxy::kMailers, "mailers"},
                                  {haproxy::kCache, "cache"},
                                  {haproxy::kRing, "ring"},
                                  {haproxy::kLogForward, "log-forward"},
                                  {haproxy::kHttpErrors, "http-errors"},
                                  {haproxy::kFcgiApp, "fcgi-app"},
                                  {haproxy::kProgram, "program"},
                                  {haproxy::kTraces, "traces"},
                                  {haproxy::kCrtStore, "crt-store"},
                                  {haproxy::kAcme, "acme"},
                                  {haproxy::kLogProfile, "log-profile"},
                                  {haproxy::kHealthcheck, "healthcheck"},
                                  {haproxy::kDynUpdate, "dynamic-update"},
                                  {haproxy::kBindOption, "bind option"},
                                  {haproxy::kServerOption, "server option"},
                                  {haproxy::kFetch, "fetch"},
                                  {haproxy::kConverter, "converter"},
                                  {haproxy::kLogTag, "log tag"},
                                  {haproxy::kFilter, "filter"}};

std::string join(std::span<const Name> names, ContextMask mask) {
  std::string out;
  for (const Name& n : names)
    if (mask & n.bit) out.append(out.empty() ? "" : ", ").append(n.name);
  return out;
}

// Fetches, converters and log tags are defined where they are evaluated: their rows only know the words.
bool in_engine(const Row& row) {
  return ((row.contexts & haproxy::kFetch) && expr::find_fetch(row.name)) ||
         ((row.contexts & haproxy::kConverter) && expr::find_converter(row.name)) ||
         ((row.contexts & haproxy::kLogTag) && haproxy::find_log_tag(row.name));
}

const char* state(const Row& row) {
  if (in_engine(row)) return "real";
  return !row.no_effect.empty() ? "no effect" : row.bind ? "real" : "planned";
}

struct Count {
  size_t real = 0, planned = 0, no_effect = 0;
  void add(Str state) { (state == "real" ? real : state == "planned" ? planned : no_effect)++; }
};

std::vector<Row> rows_of(const config::Index& index) {
  std::vector<Row> all;
  for (const Row* row : index.rows()) all.push_back(*row);
  return all;
}

// With fetches and converters that are built and have no row.
std::vector<Row> haproxy_rows() {
  const config::Index& index = haproxy::index();
  std::vector<Row> all = rows_of(index);
  auto add = [&](Str name, ContextMask kind, Str help) {
    if (index.find_name(name, kind)) return;
    Row& row = all.emplace_back();
    row.name = name;
    row.contexts = kind;
    row.help = help;
  };
  for (Str name : expr::fetch_names()) add(name, haproxy::kFetch, expr::find_fetch(name)->help);
  for (Str name : expr::converter_names()) add(name, haproxy::kConverter, expr::find_converter(name)->help);
  return all;
}

void print_table(Str dialect, const std::vector<Row>& rows, std::string (*contexts)(ContextMask)) {
  Count count;
  for (const Row& row : rows) {
    count.add(state(row));
    fmt::print("{:<8} {:<9} {:<42} {}\n", dialect, state(row), row.name, contexts(row.contexts));
  }
  fmt::print("{:<8} {} real, {} planned, {} without effect\n", dialect, count.real, count.planned, count.no_effect);
}

void add_json(nlohmann::ordered_json& out, Str dialect, const std::vector<Row>& rows,
              std::string (*contexts)(ContextMask)) {
  for (const Row& row : rows)
    out.push_back({{"dialect", dialect},
                   {"name", row.name},
                   {"contexts", contexts(row.contexts)},
                   {"state", state(row)},
                   {"syntax", row.syntax},
                   {"help", row.help}});
}

void print_class(Str title, ContextMask mask, bool sections) {
  fmt::print("# List of registered {}:\n", title);
  std::set<Str> seen;
  for (const Row& row : haproxy_rows()) {
    if (!(row.contexts & mask) || (!row.bind && !in_engine(row))) continue;
    if (sections)
      fmt::print("[{}] {}\n", haproxy_contexts(row.contexts & mask), row.name);
    else if (seen.insert(row.name).second)
      fmt::print("{}\n", row.name);
  }
}

}  // namespace

std::string nginx_contexts(ContextMask mask) {
  return join(kNginxNames, mask);
}

std::string haproxy_contexts(ContextMask mask) {
  return join(kHaproxyNames, mask);
}

void print_coverage(bool json) {
  if (!json) {
    print_table("nginx", rows_of(nginx::index()), nginx_contexts);
    print_table("haproxy", haproxy_rows(), haproxy_contexts);
    return;
  }
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  add_json(out, "nginx", rows_of(nginx::index()), nginx_contexts);
  add_json(out, "haproxy", haproxy_rows(), haproxy_contexts);
  fmt::print("{}\n", out.dump(2));
}

void print_keywords(Str classes) {
  constexpr ContextMask kLine = haproxy::kFetch | haproxy::kConverter | haproxy::kLogTag | haproxy::kFilter;
  while (!classes.empty()) {
    Str one = cut(classes, ',');
    bool all = one == "all";
    if (one == "help") fmt::print("# List of supported keyword classes:\nall\nacl\ncfg\ncnv\nflt\nsmp\n");
    if (all || one == "acl") print_class("ACL keywords", haproxy::kFetch, false);
    if (all || one == "cfg") print_class("configuration keywords", ~kLine, true);
    if (all || one == "cnv") print_class("sample converter functions", haproxy::kConverter, false);
    if (all || one == "flt") print_class("filter names", haproxy::kFilter, false);
    if (all || one == "smp") print_class("sample fetch functions", haproxy::kFetch, false);
  }
}

}  // namespace weir::tools
