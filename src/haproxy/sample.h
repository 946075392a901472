#pragma once
// HAProxy's sample expressions, `fetch(args),converter(args),…` (configuration.txt 7.3), from text to expr::Expr, and
// the places where they may stand. Used by ACLs, log formats, rules, balance and stick words. Configuration time only.
#include <span>
#include <string>

#include "config/diag.h"
#include "config/tree.h"
#include "expr/args.h"
#include "expr/fetch.h"
#include "expr/pattern.h"

namespace weir::haproxy {

// A point in a connection's life where expressions are evaluated: what is there, and its name for messages.
struct Place {
  uint16_t provides = 0;
  Str name;
};
inline constexpr uint16_t kClientThere = expr::kClientConn | expr::kClientSession;
inline constexpr uint16_t kRequestThere =
    kClientThere | expr::kRequestBytes | expr::kRequestHead | expr::kRequestKept | expr::kRequestBody;
inline constexpr uint16_t kServerThere = expr::kBackend | expr::kServerConn | expr::kServerAddress;
inline constexpr uint16_t kResponseThere = kClientThere | expr::kRequestKept | kServerThere | expr::kResponseBytes |
                                           expr::kResponseHead | expr::kResponseKept | expr::kResponseBody;

inline constexpr Place kAtConfig{0, "configuration parser"};
inline constexpr Place kAtConnection{expr::kClientConn, "tcp-request connection rule"};
inline constexpr Place kAtSession{kClientThere, "tcp-request session rule"};
inline constexpr Place kAtFrontendContent{kRequestThere, "frontend's tcp-request content rule"};
inline constexpr Place kAtFrontendRequest{kRequestThere, "frontend's http-request header rule"};
inline constexpr Place kAtSwitching{kRequestThere, "frontend's use-backend rule"};
inline constexpr Place kAtBackendContent{kRequestThere | expr::kBackend, "backend's tcp-request content rule"};
inline constexpr Place kAtBackendRequest{kRequestThere | expr::kBackend, "backend's http-request header rule"};
inline constexpr Place kAtServerChoice{kRequestThere | expr::kBackend,
                                       "backend's use-server, balance or stick-match rule"};
inline constexpr Place kAtConnect{kRequestThere | expr::kBackend | expr::kServerConn, "server source selection"};
inline constexpr Place kAtBackendResponseContent{kResponseThere, "backend's tcp-response content rule"};
inline constexpr Place kAtBackendResponse{kResponseThere, "backend's http-response header rule"};
inline constexpr Place kAtStore{kResponseThere, "backend's stick-store rule"};
inline constexpr Place kAtFrontendResponse{kResponseThere, "frontend's http-response header rule"};
inline constexpr Place kAtLog{kClientThere | expr::kRequestKept | kServerThere | expr::kResponseKept | expr::kLog,
                              "logs"};
inline constexpr Place kAtCheck{expr::kClientConn | kServerThere | expr::kResponseBytes | expr::kResponseHead |
                                    expr::kResponseKept | expr::kResponseBody,
                                "tcp-check rule"};
inline constexpr Place kAnyPlace{0xffff, "everywhere"};

// What parsing works with. One per section that is bound.
struct ParseEnv {
  Arena& arena;  // of the model: expressions live there
  config::Diagnostics& diag;
  expr::References* references = nullptr;
  expr::PatternSources* patterns = nullptr;
  Str home = {};  // the proxy that is bound
};

struct SampleError {
  std::string text;
  std::string remedy;  // "did you mean …", or empty
  size_t at = 0;  // in bytes from the start of the text
  size_t length = 1;
};

// Parses the expression at the start of `text`; `used` gets how many bytes it took. Null: `error` says why. `where` is
// only kept for names that are resolved later.
const expr::Expr* parse_sample(Str text, size_t& used, ParseEnv& env, config::Where where, SampleError& error);
// The whole of `text` must be one expression.
const expr::Expr* parse_sample_text(Str text, ParseEnv& env, config::Where where, SampleError& error);
// From words[index] on: the expression's word and any following words that name converters (the old syntax). `index` is
// left behind them. Problems are reported; null after an error.
const expr::Expr* parse_sample_words(std::span<const config::Word> words, size_t& index, ParseEnv& env);

// Whether the expression's data can be there at `place`.
inline bool available(const expr::Expr& e, const Place& place) {
  return e.needs == expr::kAnywhere || (e.needs & place.provides);
}
// Reports an error when it cannot (log formats and rule arguments; ACLs warn by themselves). True when it can.
bool require_available(const expr::Expr& e, const Place& place, config::Where where, config::Diagnostics& diag);

// Whether the expression's fetch is a word of later work: it gives nothing, and a `not yet` line was said about it.
bool is_planned(const expr::Expr& e);

// The last type that the expression yields, for messages and casts: addr and any included.
inline expr::Type result_type(const expr::Expr& e) {
  return e.type;
}

// Reads names met by `references` after all sections are known; reports what is missing.
void resolve_references(const expr::References& references, const model::Model& model, config::Diagnostics& diag);

// The place of byte `at` of a word, for carets. Exact for words that need no unquoting.
config::Where at_byte(const config::Word& word, size_t at, size_t length);

}  // namespace weir::haproxy
