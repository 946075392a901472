// post_action: a request of our own when one has ended, in the background.
#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "nginx/subrequest.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

struct PostActionConf {
  Setting<Str> uri;
};

void follow_up(proxy::Transaction& txn, const void* c) {
  if (of(txn).subrequest) return;
  proxy::SubrequestOptions o;
  o.uri = static_cast<const PostActionConf*>(c)->uri.value;
  o.background = true;
  subrequest(txn, nullptr, o);
}

void compile(Scope&, Location& l, void* c) {
  Str uri = static_cast<PostActionConf*>(c)->uri.value;
  if (!uri.empty() && uri != "off") l.loggers.push_back({follow_up, c});
}

const Row kTable[] = {
    {"post_action",
     kHttpEverywhere,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_str,
     "uri | off",
     "asks this URI when a request has ended",
     {},
     WEIR_FIELD(PostActionConf, uri),
     "off"},
};

}  // namespace

const Module kPostActionModule{"post_action", sizeof(PostActionConf), module_create<PostActionConf>, kTable, nullptr,
                               compile};

}  // namespace weir::nginx
