#pragma once
// Where the settings of a TLS context stand that stand once, so that what making it finds is said of the right line.
#include "config/table.h"
#include "config/tree.h"
#include "net/tls_problem.h"

namespace weir::nginx {

class TlsPlaces {
 public:
  config::Where& of(net::TlsPart part) { return places_[static_cast<size_t>(part)]; }
  const config::Where& of(net::TlsPart part) const { return places_[static_cast<size_t>(part)]; }
  // Those of the level above for what is not said here.
  void inherit(const TlsPlaces& above) {
    for (size_t i = 0; i < kParts; i++)
      if (!places_[i].line) places_[i] = above.places_[i];
  }

 private:
  static constexpr size_t kParts = static_cast<size_t>(net::TlsPart::count_);
  config::Where places_[kParts];
};

// Binds a word, and keeps its place in the `places` of the configuration that `conf_of` finds.
template <auto conf_of, config::BindFn bind, net::TlsPart part>
void placed(void* s, const config::Directive& d, const config::Row& r) {
  conf_of(s).places.of(part) = d.arg(0).where;
  bind(s, d, r);
}

}  // namespace weir::nginx
