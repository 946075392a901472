// See net/tls_store.h.
#include "net/tls_store.h"

#include <algorithm>

namespace weir::net {

TlsStore::Certificate* TlsStore::find(Str name) {
  const auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

TlsStore::Certificate* TlsStore::add(Str name, TlsTexts texts, std::string& problem, std::string& warning) {
  auto identity = TlsIdentity::parse(texts, problem, warning);
  if (!identity) return nullptr;
  Certificate& made = add_empty(name);
  made.texts = std::move(texts);
  made.identity = std::move(identity);
  return &made;
}

TlsStore::Certificate& TlsStore::add_empty(Str name) {
  Certificate& made = certificates_.emplace_back();
  made.name = name;
  by_name_.emplace(made.name, &made);
  return made;
}

// Others are pointed to: the place of a removed one stays.
void TlsStore::remove(Certificate& certificate) {
  by_name_.erase(certificate.name);
  certificate = Certificate();
}

bool TlsStore::used(const Certificate& certificate) const {
  return certificate.fixed || std::any_of(listeners_.begin(), listeners_.end(), [&](const TlsListener& l) {
           return std::any_of(l.entries.begin(), l.entries.end(),
                              [&](const TlsEntry& e) { return e.certificate == &certificate; });
         });
}

bool TlsStore::replace(Certificate& certificate, const Pending& by, std::string& problem) {
  struct Change {
    TlsEntry* entry;
    std::unique_ptr<ssl_ctx_st, TlsEntry::Free> context;
  };
  std::vector<Change> changes;
  std::vector<TlsListener*> concerned;
  for (TlsListener& listener : listeners_) {
    const size_t before = changes.size();
    for (TlsEntry& e : listener.entries) {
      if (e.certificate != &certificate) continue;
      auto made = e.make(by.identity, problem);
      if (!made) return false;
      changes.push_back({&e, std::move(made)});
    }
    if (changes.size() > before) concerned.push_back(&listener);
  }
  certificate.texts = by.texts;
  certificate.identity = by.identity;
  for (Change& c : changes) c.entry->context = std::move(c.context);
  for (TlsListener* listener : concerned) listener->publish();
  return true;
}

void TlsStore::drop(const TlsList& list, const TlsList::Line& line) {
  for (TlsListener& listener : listeners_) {
    const auto gone = std::erase_if(listener.entries, [&](const TlsEntry& e) {
      return e.list == &list && e.certificate->name == line.certificate && e.line == line.number;
    });
    if (gone) listener.publish();
  }
}

TlsListener& TlsStore::add_listener(bool strict) {
  return listeners_.emplace_back(strict);
}

TlsList* TlsStore::find_list(Str name) {
  for (TlsList& l : lists_)
    if (l.name == name) return &l;
  return nullptr;
}

TlsList& TlsStore::add_list(Str name) {
  TlsList& made = lists_.emplace_back();
  made.name = name;
  return made;
}

std::unique_ptr<ssl_ctx_st, TlsEntry::Free> TlsEntry::make(const std::shared_ptr<const TlsIdentity>& identity,
                                                           std::string& problem) const {
  TlsServerOptions o = options;
  o.identity = identity;
  o.identity_name = certificate->name;
  return std::unique_ptr<ssl_ctx_st, Free>(make_tls_server(o, problem));
}

void TlsListener::publish() {
  std::vector<TlsNames::Entry> list;
  for (const TlsEntry& e : entries) {
    TlsNames::Entry& to = list.emplace_back();
    to.context = e.context.get();
    to.kind = e.certificate->identity->kind();
    to.names = e.filters.empty() ? e.certificate->identity->names() : e.filters;
    to.fallback = e.fallback || &e == &entries.front();
  }
  names.publish(std::move(list));
}

}  // namespace weir::net
