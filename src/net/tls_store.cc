// See net/tls_store.h.
#include "net/tls_store.h"

#include <algorithm>

#include "net/tls_current.h"

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
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const TlsServerUse& s) { return s.certificate == &certificate; }) ||
         std::any_of(listeners_.begin(), listeners_.end(), [&](const TlsListener& l) {
           return std::any_of(l.entries.begin(), l.entries.end(),
                              [&](const TlsEntry& e) { return e.certificate == &certificate; });
         });
}

namespace {

using Context = std::unique_ptr<ssl_ctx_st, TlsEntry::Free>;

// New contexts in place of some: all are made before any is used.
class Changes {
 public:
  bool add(TlsListener& listener, TlsEntry& entry, const std::shared_ptr<const TlsIdentity>& identity,
           std::string& problem) {
    TlsProblems problems;
    Context context = entry.make(identity, problems);
    if (!context) return problem = problems.front().text, false;
    entries_.push_back({&entry, std::move(context)});
    if (listeners_.empty() || listeners_.back() != &listener) listeners_.push_back(&listener);
    return true;
  }
  bool add(const TlsServerUse& server, const std::shared_ptr<const TlsIdentity>& identity, std::string& problem) {
    TlsClientOptions o = server.options;
    o.identity = identity;
    Context context(make_tls_client(o, problem));
    if (!context) return false;
    servers_.push_back({&server, std::move(context)});
    return true;
  }
  size_t size() const { return entries_.size() + servers_.size(); }
  void apply() {
    for (auto& [entry, context] : entries_) entry->context = std::move(context);
    for (TlsListener* listener : listeners_) listener->publish();
    for (auto& [server, context] : servers_) replace_tls(server->context, context.release());
  }

 private:
  std::vector<std::pair<TlsEntry*, Context>> entries_;
  std::vector<TlsListener*> listeners_;
  std::vector<std::pair<const TlsServerUse*, Context>> servers_;
};

}  // namespace

bool TlsStore::replace(Certificate& certificate, const Pending& by, std::string& problem) {
  Changes changes;
  for (TlsListener& listener : listeners_)
    for (TlsEntry& e : listener.entries)
      if (e.certificate == &certificate && !changes.add(listener, e, by.identity, problem)) return false;
  for (const TlsServerUse& s : servers_)
    if (s.certificate == &certificate && !changes.add(s, by.identity, problem)) return false;
  certificate.texts = by.texts;
  certificate.identity = by.identity;
  changes.apply();
  return true;
}

bool TlsStore::replace_trust(const TlsTrustFiles::Pending& by, size_t& made, std::string& problem) {
  TlsTrustFiles::File& file = *trust.find(by.name);
  const auto before = std::exchange(file.content, by.content);
  Changes changes;
  bool good = true;
  for (TlsListener& listener : listeners_)
    for (TlsEntry& e : listener.entries)
      if (good && uses_trust(e.options, by.name)) good = changes.add(listener, e, e.certificate->identity, problem);
  for (const TlsServerUse& s : servers_)
    if (good && uses_trust(s.options, by.name))
      good = changes.add(s, s.certificate ? s.certificate->identity : nullptr, problem);
  if (good)
    changes.apply();
  else
    file.content = before;
  made = changes.size();
  return good;
}

bool TlsStore::used_trust(Str file) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const TlsServerUse& s) { return uses_trust(s.options, file); }) ||
         std::any_of(listeners_.begin(), listeners_.end(), [&](const TlsListener& l) {
           return std::any_of(l.entries.begin(), l.entries.end(),
                              [&](const TlsEntry& e) { return uses_trust(e.options, file); });
         });
}

void TlsStore::add_server(TlsServerUse use) {
  let_tls_be_replaced(use.context);
  servers_.push_back(std::move(use));
}

void TlsStore::rename_server(Str from, Str to) {
  for (TlsServerUse& s : servers_)
    if (s.name == from) s.name = to;
}

void TlsStore::forget_server(Str name) {
  std::erase_if(servers_, [name](const TlsServerUse& s) { return s.name == name; });
}

void TlsStore::drop(const TlsList& list, const TlsList::Line& line) {
  for (TlsListener& listener : listeners_) {
    const auto gone = std::erase_if(listener.entries, [&](const TlsEntry& e) {
      return e.list == &list && e.certificate->name == line.certificate && e.line == line.number;
    });
    if (gone) listener.publish();
  }
}

TlsListener& TlsStore::add_listener(bool strict, std::string front, std::string place) {
  return listeners_.emplace_back(strict, std::move(front), std::move(place));
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
                                                           TlsProblems& problems) const {
  TlsServerOptions o = options;
  o.identity = identity;
  o.identity_name = certificate->name;
  return std::unique_ptr<ssl_ctx_st, Free>(make_tls_server(o, problems));
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
