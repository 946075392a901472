// Destruction of a model; see model/model.h.
#include "model/model.h"

#include "balance/balancer.h"
#include "net/tls_context.h"

namespace weir::model {

Model::~Model() {
  for (Pool* p : pools) delete p->balancer;
  for (ssl_ctx_st* t : tls) net::free_tls(t);
}

}  // namespace weir::model
