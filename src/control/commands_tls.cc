// Certificates and ticket keys while connections go on: listing them, and replacing them in a transaction of `set` and
// `commit` (management.txt, `set ssl cert`). Handshakes that come after a commit see the new certificate.
#include <fmt/format.h>

#include "base/arena.h"
#include "control/certificate_text.h"
#include "control/command.h"
#include "expr/encode.h"
#include "net/tls_store.h"

namespace weir::control {
namespace {

using net::TlsStore;

Outcome show(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  if (call.word(3).empty()) {
    if (store && store->pending) call.out += fmt::format("# transaction\n*{}\n", store->pending->name);
    call.out += "# filename\n";
    if (!store) return Outcome::done;
    for (const auto& c : store->all())
      if (!c.name.empty()) call.out += c.name + '\n';
    return Outcome::done;
  }
  Str name = call.word(3);
  const bool changed = name.starts_with('*');
  if (changed) name.remove_prefix(1);
  if (name.starts_with('\\')) name.remove_prefix(1);
  const TlsStore::Certificate* found = store ? store->find(name) : nullptr;
  if (!found || (changed && (!store->pending || store->pending->name != name)))
    return call.refuse("Can't display the certificate: Not found or the certificate is a bundle!\n");
  const auto& identity = changed ? store->pending->identity : found->identity;
  const Str status = !identity ? "Empty" : changed ? "Uncommitted" : store->used(*found) ? "Used" : "Unused";
  call.out += fmt::format("Filename: {}{}\nStatus: {}\n", changed ? "*" : "", name, status);
  if (!identity) return Outcome::done;
  call.out += certificate_text(identity->certificate());
  for (const X509* next : identity->chain())
    call.out += fmt::format("Chain Subject: {}\nChain Issuer: {}\n", name_text(X509_get_subject_name(next)),
                            name_text(X509_get_issuer_name(next)));
  std::string servers;
  for (const net::TlsServerUse& s : store->servers())
    if (s.certificate == found) servers += ' ' + s.name;
  if (!servers.empty()) call.out += fmt::format("Servers:{}\n", servers);
  return Outcome::done;
}

// --- changing ---

struct Side {
  Str extension;
  std::string net::TlsTexts::* text;
  bool base64 = false;
};
constexpr Side kSides[] = {{".key", &net::TlsTexts::key, false},
                           {".issuer", &net::TlsTexts::issuer, false},
                           {".ocsp", &net::TlsTexts::ocsp, true},
                           {".sctl", &net::TlsTexts::sctl, false}};

// A PEM text that brings its own key stands alone.
void put(net::TlsTexts& texts, const Side* side, std::string text) {
  if (side) {
    texts.*side->text = std::move(text);
    return;
  }
  if (text.find("PRIVATE KEY-----") != std::string::npos) texts.key.clear();
  texts.pem = std::move(text);
}

bool read_payload(Str payload, const Side* side, std::string& text) {
  text = payload;
  if (!side || !side->base64) return true;
  Arena arena;
  std::erase(text, '\n');
  Str bytes;
  if (!expr::decode_base64(text, false, arena, bytes)) return false;
  text = bytes;
  return true;
}

// What is not complete yet may become so: a key of another certificate is found at the commit.
Outcome set(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  if (call.word(3).empty() || call.payload.empty())
    return call.refuse("'set ssl cert' expects a filename and a certificate as a payload\n");
  Str name = call.word(3);
  const Side* side = nullptr;
  for (const Side& s : kSides)
    if (name.ends_with(s.extension)) side = &s;
  if (side) name.remove_suffix(side->extension.size());
  if (store && store->pending && store->pending->name != name)
    return call.refuse(fmt::format("The ongoing transaction is about '{}' but you are trying to set '{}'\n",
                                   store->pending->name, name));
  const TlsStore::Certificate* certificate = store ? store->find(name) : nullptr;
  if (!certificate || name.empty())
    return call.refuse("Can't replace a certificate which is not referenced by the configuration!\n");
  std::string text;
  if (!read_payload(call.payload, side, text)) return call.refuse("Can't load the payload: it is not base64\n");
  TlsStore::Pending changed =
      store->pending.value_or(TlsStore::Pending{certificate->name, certificate->texts, nullptr});
  put(changed.texts, side, std::move(text));
  std::string problem, warning;
  changed.identity = net::TlsIdentity::parse(changed.texts, problem, warning);
  const bool may_follow = problem == "no private key" || problem.starts_with("the private key is not that");
  if (!changed.identity && !may_follow) return call.refuse(fmt::format("Can't load the payload: {}\n", problem));
  const bool first = !store->pending;
  store->pending = std::move(changed);
  return call.say(fmt::format("Transaction {} for certificate {}!\n{}", first ? "created" : "updated", name,
                              warning.empty() ? "" : warning + '\n'),
                  Severity::notice);
}

// True when that transaction is under way; else it was said what is wrong.
bool in_transaction(Call& call, Str verb) {
  const TlsStore* store = call.server.catalogue().certificates;
  if (!store || !store->pending) {
    call.refuse(verb == "set" ? "No ongoing transaction! !\n" : "No ongoing transaction!\n");
    return false;
  }
  if (store->pending->name == call.word(3)) return true;
  call.refuse(fmt::format("The ongoing transaction is about '{}' but you are trying to {} '{}'\n", store->pending->name,
                          verb, call.word(3)));
  return false;
}

Outcome commit(Call& call) {
  if (call.word(3).empty()) return call.refuse("'commit ssl cert expects a filename\n");
  if (!in_transaction(call, "set")) return Outcome::done;
  TlsStore& store = *call.server.catalogue().certificates;
  std::string problem, warning;
  auto identity = net::TlsIdentity::parse(store.pending->texts, problem, warning);
  if (!identity) return call.refuse(fmt::format("{} is not replaced: {}\n", store.pending->name, problem));
  store.pending->identity = std::move(identity);
  TlsStore::Certificate& certificate = *store.find(store.pending->name);
  if (!store.replace(certificate, *store.pending, problem))
    return call.refuse(fmt::format("Committing {}\n{}\nFailed!\n", certificate.name, problem));
  store.pending.reset();
  return call.say(fmt::format("Committing {}.\nSuccess!\n", certificate.name), Severity::notice);
}

Outcome abort(Call& call) {
  if (call.word(3).empty()) return call.refuse("'abort ssl cert' expects a filename\n");
  if (!in_transaction(call, "abort a transaction for")) return Outcome::done;
  call.server.catalogue().certificates->pending.reset();
  return call.say(fmt::format("Transaction aborted for certificate '{}'!\n", call.word(3)), Severity::notice);
}

Outcome create(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  const Str name = call.word(3);
  if (name.empty()) return call.refuse("'new ssl cert' expects a filename\n");
  if (!store) return call.refuse("Can't create a certificate: nothing here is configured for TLS\n");
  if (store->find(name)) return call.refuse(fmt::format("Certificate '{}' already exists!\n", name));
  store->add_empty(name);
  return call.say(fmt::format("New empty certificate store '{}'!\n", name), Severity::notice);
}

Outcome remove(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  const Str name = call.word(3);
  if (name.empty()) return call.refuse("'del ssl cert' expects a certificate name\n");
  auto refuse = [&](std::string why) { return call.refuse(fmt::format("Can't remove the certificate: {}\n", why)); };
  if (store && store->pending && store->pending->name == name)
    return refuse(fmt::format("ongoing transaction for the certificate '{}'", name));
  TlsStore::Certificate* certificate = store ? store->find(name) : nullptr;
  if (!certificate) return refuse(fmt::format("certificate '{}' doesn't exist!\n", name));
  if (store->used(*certificate)) return refuse(fmt::format("certificate '{}' in use, can't be deleted!\n", name));
  store->remove(*certificate);
  return call.say(fmt::format("Certificate '{}' deleted!\n", name), Severity::notice);
}

// For whichever certificate it is about.
Outcome set_response(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  std::string text(call.payload.empty() ? call.word(3) : call.payload);
  if (text.empty()) return call.refuse("'set ssl ocsp-response' expects response in base64 encoding.\n");
  Arena arena;
  std::erase(text, '\n');
  Str bytes;
  if (!expr::decode_base64(text, false, arena, bytes))
    return call.refuse("'set ssl ocsp-response' received invalid base64 encoded response.\n");
  if (!store) return call.refuse("OCSP single response: Certificate ID does not match any certificate or issuer.\n");
  for (TlsStore::Certificate& c : store->all()) {
    if (!c.identity) continue;
    TlsStore::Pending by{c.name, c.texts, nullptr};
    by.texts.ocsp = bytes;
    std::string problem, warning;
    by.identity = net::TlsIdentity::parse(by.texts, problem, warning);
    if (!by.identity || by.identity->ocsp().empty()) continue;
    if (!store->replace(c, by, problem)) return call.refuse(fmt::format("{}.\n", problem));
    return call.say("OCSP Response updated!\n");
  }
  return call.refuse("OCSP single response: Certificate ID does not match any certificate or issuer.\n");
}

// --- ticket keys ---

void show_keys(Call& call, const net::TicketFile& file, size_t id, bool dump) {
  call.out += fmt::format("{}{} ({})\n", dump ? "# " : "", id, file.path);
  if (!dump) return;
  std::lock_guard lock(file.keys.mutex);
  Arena arena;
  for (size_t i = 0; i < file.keys.fixed.size(); i++)
    call.out +=
        fmt::format("{}.{} {}\n", id, i, expr::encode_base64(net::ticket_key_bytes(file.keys.fixed[i]), false, arena));
}

Outcome show_tickets(Call& call) {
  const TlsStore* store = call.server.catalogue().certificates;
  const Str which = call.word(2);
  const bool dump = !which.empty();
  call.out += dump ? "# id secret\n" : "# id (file)\n";
  for (size_t id = 0; store && id < store->ticket_files.size(); id++) {
    const net::TicketFile& file = *store->ticket_files[id];
    if (!dump || which == "*" || which == file.path || which == fmt::format("#{}", id)) show_keys(call, file, id, dump);
  }
  return Outcome::done;
}

Outcome set_ticket_key(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  if (call.words.size() < 5)
    return call.refuse("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n");
  net::TicketFile* file = nullptr;
  for (size_t id = 0; store && id < store->ticket_files.size(); id++)
    if (store->ticket_files[id]->path == call.word(3) || call.word(3) == fmt::format("#{}", id))
      file = store->ticket_files[id];
  if (!file) return call.refuse("'set ssl tls-key' unable to locate referenced filename\n");
  Arena arena;
  Str bytes;
  if (!expr::decode_base64(call.word(4), false, arena, bytes))
    return call.refuse("'set ssl tls-key' received invalid base64 encoded TLS key.\n");
  net::TicketKey key;
  if (!net::parse_ticket_key(bytes, key) || key.aes256 != file->keys.fixed[0].aes256)
    return call.refuse("'set ssl tls-key' received a key of wrong size.\n");
  file->keys.rotate(key);
  return call.say("TLS ticket key updated!\n");
}

constexpr Command kRows[] = {
    {{"show", "ssl", "cert"}, Level::operate, "show ssl cert [[*]<certfile>]", "the certificates, or one", show},
    {{"set", "ssl", "cert"},
     Level::admin,
     "set ssl cert <certfile> <payload>",
     "replace a certificate, or a file beside it, when it is committed",
     set},
    {{"commit", "ssl", "cert"},
     Level::admin,
     "commit ssl cert <certfile>",
     "put a replaced certificate in force",
     commit},
    {{"abort", "ssl", "cert"}, Level::admin, "abort ssl cert <certfile>", "forget a replaced certificate", abort},
    {{"new", "ssl", "cert"},
     Level::admin,
     "new ssl cert <certfile>",
     "an empty certificate, for set and commit",
     create},
    {{"del", "ssl", "cert"}, Level::admin, "del ssl cert <certfile>", "remove a certificate that nobody shows", remove},
    {{"set", "ssl", "ocsp-response"},
     Level::admin,
     "set ssl ocsp-response <resp|payload>",
     "replace a stapled OCSP response",
     set_response},
    {{"show", "tls-keys"}, Level::admin, "show tls-keys [id|*]", "the files of ticket keys, or the keys", show_tickets},
    {{"set", "ssl", "tls-key"}, Level::admin, "set ssl tls-key [id|file] <key>", "the next ticket key", set_ticket_key},
};

}  // namespace

const Commands kCertificateCommands = kRows;

}  // namespace weir::control
