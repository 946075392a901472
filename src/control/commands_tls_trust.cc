// Authorities and revocation lists while connections go on: listing them, and replacing them in a transaction of `set` and
// `commit` (management.txt, `set ssl ca-file`, `set ssl crl-file`). Handshakes that come after a commit are judged by the new ones.
#include <fmt/format.h>

#include "control/certificate_text.h"
#include "control/command.h"
#include "net/tls_store.h"

namespace weir::control {
namespace {

using net::TlsStore;
using net::TlsTrust;
using net::TlsTrustFiles;
using Kind = TlsTrustFiles::Kind;

// How the two are called.
struct Words {
  Kind kind;
  Str command;  // "ca-file"
  Str name;  // "CA"
  Str payload;  // what `set` takes
};
constexpr Words kAuthorities{Kind::authorities, "ca-file", "CA", "CAs"};
constexpr Words kRevocations{Kind::revocations, "crl-file", "CRL", "CRLs"};

const Words& words_of(const Call& call) {
  return call.word(2) == kAuthorities.command ? kAuthorities : kRevocations;
}

TlsTrustFiles* trust_of(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  return store ? &store->trust : nullptr;
}

// --- showing ---

void list(Call& call, const Words& w, TlsTrustFiles* files) {
  auto line = [&](Str mark, Str name, const std::shared_ptr<const TlsTrust>& content) {
    call.out += fmt::format("{}{}", mark, name);
    if (w.kind == Kind::authorities)
      call.out += fmt::format(" - {} certificate(s)", content ? content->certificates().size() : 0);
    call.out += '\n';
  };
  if (files && files->pending(w.kind)) {
    call.out += "# transaction\n";
    line("*", files->pending(w.kind)->name, files->pending(w.kind)->content);
  }
  call.out += "# filename\n";
  if (!files) return;
  for (const auto& [name, file] : files->all())
    if (file.kind == w.kind) line("", name, file.content);
}

template <typename Items, typename Text>
void describe(Call& call, Str title, const Items& items, uint64_t only, Text text) {
  for (size_t i = 0; i < items.size(); i++)
    if (!only || only == i + 1) call.out += fmt::format(" \n{} #{}:\n{}", title, i + 1, text(items[i]));
}

// [*][\]NAME[:INDEX]
Outcome show(Call& call) {
  const Words& w = words_of(call);
  TlsTrustFiles* files = trust_of(call);
  Str name = call.word(3);
  if (name.empty()) return list(call, w, files), Outcome::done;
  uint64_t only = 0;
  if (const size_t colon = name.find(':'); colon != Str::npos) {
    only = parse_u64(name.substr(colon + 1)).value_or(0);
    if (!only) return call.refuse(fmt::format("wrong {} index after colons in '{}'!\n", w.name, name));
    name = name.substr(0, colon);
  }
  const bool changed = name.starts_with('*');
  if (changed) name.remove_prefix(1);
  if (name.starts_with('\\')) name.remove_prefix(1);
  const TlsTrustFiles::File* found = files ? files->find(name) : nullptr;
  if (!found || found->kind != w.kind || (changed && (!files->pending(w.kind) || files->pending(w.kind)->name != name)))
    return call.refuse(fmt::format("Can't display the {} file : Not found!\n", w.name));
  const auto& content = changed ? files->pending(w.kind)->content : found->content;
  const bool used = call.server.catalogue().certificates->used_trust(name);
  call.out += fmt::format("Filename: {}{}\nStatus: {}\n", changed ? "*" : "", name,
                          !content  ? "Empty"
                          : changed ? "Uncommitted"
                          : used    ? "Used"
                                    : "Unused");
  if (!content) return Outcome::done;
  if (w.kind == Kind::authorities)
    describe(call, "Certificate", content->certificates(), only, certificate_text);
  else
    describe(call, "Certificate Revocation List", content->lists(), only, list_text);
  return Outcome::done;
}

// --- changing ---

Outcome create(Call& call) {
  const Words& w = words_of(call);
  TlsTrustFiles* files = trust_of(call);
  const Str name = call.word(3);
  if (name.empty()) return call.refuse(fmt::format("'new ssl {}' expects a filename\n", w.command));
  if (!files) return call.refuse(fmt::format("Can't create a {} file: nothing here is configured for TLS\n", w.name));
  if (files->find(name)) return call.refuse(fmt::format("{} file '{}' already exists!\n", w.name, name));
  files->add(name, w.kind, nullptr);
  return call.say(fmt::format("New {} file created '{}'!\n", w.name, name), Severity::notice);
}

// `set` begins anew, `add` goes on with what the transaction, or else the file, has.
Outcome change(Call& call) {
  const Words& w = words_of(call);
  TlsTrustFiles* files = trust_of(call);
  const Str name = call.word(3);
  if (name.empty() || call.payload.empty())
    return call.refuse(fmt::format("'set ssl {}' expects a filename and {} as a payload\n", w.command, w.payload));
  auto refuse = [&](std::string why) { return call.refuse(fmt::format("{}Can't update {}!\n", why, name)); };
  const TlsTrustFiles::File* file = files ? files->find(name) : nullptr;
  if (files && files->pending(w.kind) && files->pending(w.kind)->name != name)
    return refuse(fmt::format("The ongoing transaction is about '{}' but you are trying to set '{}'\n",
                              files->pending(w.kind)->name, name));
  if (!file || file->kind != w.kind)
    return refuse(fmt::format("Can't replace a {} file which is not referenced by the configuration!\n", w.name));
  auto& pending = files->pending(w.kind);
  std::string text(call.payload), problem;
  const auto& before = pending ? pending->content : file->content;
  if (call.word(0) == "add" && before) text = before->text() + '\n' + text;
  auto content = TlsTrust::parse(std::move(text), problem);
  if (!content || (w.kind == Kind::authorities ? content->certificates().empty() : content->lists().empty()))
    return refuse("Invalid payload\n");
  const bool first = !pending;
  pending = {std::string(name), std::move(content)};
  return call.say(fmt::format("transaction {} for {} {}!\n", first ? "created" : "updated", w.name, name),
                  Severity::notice);
}

// What is wrong with a transaction about that file; empty: nothing.
std::string foreign(Call& call, const Words& w, Str none, Str verb) {
  TlsTrustFiles* files = trust_of(call);
  if (!files || !files->pending(w.kind)) return std::string(none);
  if (files->pending(w.kind)->name == call.word(3)) return {};
  return fmt::format("The ongoing transaction is about '{}' but you are trying to {} '{}'\n",
                     files->pending(w.kind)->name, verb, call.word(3));
}

Outcome commit(Call& call) {
  const Words& w = words_of(call);
  const Str name = call.word(3);
  if (name.empty()) return call.refuse(fmt::format("'commit ssl {}' expects a filename\n", w.command));
  if (const std::string why = foreign(call, w, "No ongoing transaction! !\n", "set"); !why.empty())
    return call.refuse(fmt::format("{}Can't commit {}!\n", why, name));
  TlsStore& store = *call.server.catalogue().certificates;
  auto& pending = store.trust.pending(w.kind);
  size_t made = 0;
  std::string problem;
  const bool good = store.replace_trust(*pending, made, problem);
  pending.reset();
  const std::string begin = fmt::format("Committing {}{}\n", name, std::string(made, '.'));
  if (!good) return call.refuse(fmt::format("{}{}\nFailed!\n", begin, problem));
  return call.say(begin + "Success!\n", Severity::notice);
}

Outcome abort(Call& call) {
  const Words& w = words_of(call);
  if (call.word(3).empty()) return call.refuse(fmt::format("'abort ssl {}' expects a filename\n", w.command));
  if (const std::string why = foreign(call, w, "No ongoing transaction!\n", "abort a transaction for"); !why.empty())
    return call.refuse(why);
  trust_of(call)->pending(w.kind).reset();
  return call.say(fmt::format("Transaction aborted for certificate '{}'!\n", call.word(3)), Severity::notice);
}

Outcome remove(Call& call) {
  const Words& w = words_of(call);
  TlsTrustFiles* files = trust_of(call);
  const Str name = call.word(3);
  if (name.empty()) return call.refuse(fmt::format("'del ssl {}' expects a {} file name\n", w.command, w.name));
  auto refuse = [&](std::string why) {
    return call.refuse(fmt::format("Can't remove the {} file: {}\n", w.name, why));
  };
  if (files && files->pending(w.kind) && files->pending(w.kind)->name == name)
    return refuse(fmt::format("ongoing transaction for the {} file '{}'", w.name, name));
  const TlsTrustFiles::File* file = files ? files->find(name) : nullptr;
  if (!file) return refuse(fmt::format("{} file '{}' doesn't exist!\n", w.name, name));
  if (file->kind != w.kind)
    return refuse(fmt::format("'del ssl {}' does not work on {} files!\n", w.command,
                              w.kind == Kind::revocations ? "CA" : "CRL"));
  if (call.server.catalogue().certificates->used_trust(name))
    return refuse(fmt::format("{} file '{}' in use, can't be deleted!\n", w.name, name));
  std::string done = fmt::format("{} file '{}' deleted!\n", w.name, name);
  files->remove(name);
  return call.say(done, Severity::notice);
}

constexpr Command kRows[] = {
    {{"show", "ssl", "ca-file"},
     Level::operate,
     "show ssl ca-file [[*]<cafile>[:<index>]]",
     "the files of authorities, or one",
     show},
    {{"new", "ssl", "ca-file"}, Level::admin, "new ssl ca-file <cafile>", "an empty file of authorities", create},
    {{"set", "ssl", "ca-file"},
     Level::admin,
     "set ssl ca-file <cafile> <payload>",
     "replace authorities, when it is committed",
     change},
    {{"add", "ssl", "ca-file"},
     Level::admin,
     "add ssl ca-file <cafile> <payload>",
     "one more authority, when it is committed",
     change},
    {{"commit", "ssl", "ca-file"},
     Level::admin,
     "commit ssl ca-file <cafile>",
     "put replaced authorities in force",
     commit},
    {{"abort", "ssl", "ca-file"}, Level::admin, "abort ssl ca-file <cafile>", "forget replaced authorities", abort},
    {{"del", "ssl", "ca-file"},
     Level::admin,
     "del ssl ca-file <cafile>",
     "remove authorities that nobody trusts",
     remove},
    {{"show", "ssl", "crl-file"},
     Level::operate,
     "show ssl crl-file [[*]<crlfile>[:<index>]]",
     "the files of revocation lists, or one",
     show},
    {{"new", "ssl", "crl-file"}, Level::admin, "new ssl crl-file <crlfile>", "an empty file of lists", create},
    {{"set", "ssl", "crl-file"},
     Level::admin,
     "set ssl crl-file <crlfile> <payload>",
     "replace revocation lists, when it is committed",
     change},
    {{"commit", "ssl", "crl-file"},
     Level::admin,
     "commit ssl crl-file <crlfile>",
     "put replaced revocation lists in force",
     commit},
    {{"abort", "ssl", "crl-file"}, Level::admin, "abort ssl crl-file <crlfile>", "forget replaced lists", abort},
    {{"del", "ssl", "crl-file"},
     Level::admin,
     "del ssl crl-file <crlfile>",
     "remove revocation lists that nobody uses",
     remove},
};

}  // namespace

const Commands kTrustCommands = kRows;

}  // namespace weir::control
