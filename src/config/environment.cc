// See config/environment.h.
#include "config/environment.h"

#include <unistd.h>

#include <algorithm>

namespace weir::config {

Environment::Environment(const std::vector<std::string>& defines, bool keeps_peer) : keeps_peer_(keeps_peer) {
  auto put = [this](Str entry) {
    Str name = cut(entry, '=');
    values_.insert_or_assign(std::string(name), std::string(entry));
  };
  for (char** e = environ; e && *e; e++) put(*e);
  for (const std::string& d : defines) put(d);
}

std::optional<Str> Environment::get(Str name) const {
  auto it = values_.find(name);
  if (it == values_.end()) return std::nullopt;
  return it->second;
}

void Environment::apply(const Directive& directive) {
  Str name = directive.name();
  if ((name == "setenv" || name == "presetenv") && directive.args() == 2) {
    std::string key(directive.arg(0).text);
    std::string value(directive.arg(1).text);
    if (name == "setenv")
      values_.insert_or_assign(std::move(key), std::move(value));
    else
      values_.emplace(std::move(key), std::move(value));
  } else if (name == "unsetenv") {
    for (size_t i = 0; i < directive.args(); i++) values_.erase(std::string(directive.arg(i).text));
  } else if (name == "localpeer" && directive.args() == 1 && !keeps_peer_) {
    values_.insert_or_assign("HAPROXY_LOCALPEER", std::string(directive.arg(0).text));
  } else if (name == "resetenv") {
    std::erase_if(values_, [&](const auto& entry) {
      return std::none_of(directive.words.begin() + 1, directive.words.end(),
                          [&](const Word& kept) { return kept == Str(entry.first); });
    });
  }
}

}  // namespace weir::config
