// Destruction of a model; see model/model.h.
#include "model/model.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "balance/balancer.h"
#include "net/tls_context.h"
#include "proxy/personality.h"

namespace weir::model {

Model::~Model() {
  for (Pool* p : pools) delete p->balancer;
  for (ssl_ctx_st* t : tls) net::free_tls(t);
}

uint64_t identity_of(const Listener& l) {
  std::string device = l.interface.empty() ? std::string() : fmt::format("%{}", l.interface);
  std::string text = fmt::format("{}\n{}{}\n{}\n{}{}{}\n{}", l.personality ? l.personality->name() : Str{},
                                 l.addr.text(), device, l.text, l.tcp, l.accept_proxy, l.tls != nullptr, l.rules);
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace weir::model
