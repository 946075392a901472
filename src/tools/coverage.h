#pragma once
// Lists made from the directive tables: what `weir check --directives` and `haproxy -dK` print.
#include <string>

#include "base/str.h"
#include "config/table.h"

namespace weir::tools {

// Every word of both dialects: name, contexts, real, planned or without effect. As a table or as JSON.
void print_coverage(bool json);

// HAProxy's keyword classes: acl, cfg, cnv, flt, smp, all, help; several separated by commas.
void print_keywords(Str classes);

// "http server location" for nginx's bits, "frontend backend" for HAProxy's.
std::string nginx_contexts(config::ContextMask mask);
std::string haproxy_contexts(config::ContextMask mask);

}  // namespace weir::tools
