// Lists of certificates at run time: which there are, lines added and removed (management.txt, `add ssl crt-list`).
#include <fmt/format.h>

#include <algorithm>

#include "control/command.h"
#include "net/tls_store.h"

namespace weir::control {
namespace {

using net::TlsList;
using net::TlsStore;

Outcome show(Call& call) {
  const bool numbers = call.word(3) == "-n";
  const Str name = call.word(numbers ? 4 : 3);
  const TlsStore* store = call.server.catalogue().certificates;
  if (numbers && name.empty()) return call.refuse("'show ssl crt-list -n' expects a filename or a directory\n");
  bool found = name.empty();
  if (!store) return found ? Outcome::done : call.refuse("didn't find the specified filename\n");
  for (const TlsList& list : store->lists()) {
    if (name.empty()) {
      call.out += list.name + '\n';
      continue;
    }
    if (list.name != name) continue;
    found = true;
    call.out += fmt::format("# {}\n", list.name);
    for (const TlsList::Line& line : list.lines) {
      call.out += line.certificate;
      if (numbers) call.out += fmt::format(":{}", line.number);
      if (!line.rest.empty()) call.out += ' ' + line.rest;
      call.out += '\n';
    }
  }
  return found ? Outcome::done : call.refuse("didn't find the specified filename\n");
}

Outcome add(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  auto refuse = [&](std::string why) { return call.refuse(fmt::format("Can't edit the crt-list: {}\n", why)); };
  Str text = call.payload.empty() ? call.word(4) : trim(call.payload);
  if (call.word(3).empty() || text.empty())
    return call.refuse("'add ssl crtlist' expects a filename and a certificate name\n");
  if (text.find('\n') != Str::npos) return refuse("only one line of payload is supported!");
  TlsList* list = store ? store->find_list(call.word(3)) : nullptr;
  if (!list) return refuse(fmt::format("crt-list '{}' does not exist!", call.word(3)));
  TlsList::Line line;
  const size_t end = std::min(text.find_first_of(" \t["), text.size());
  line.certificate = text.substr(0, end);
  line.rest = trim(text.substr(end));
  const TlsStore::Certificate* certificate = store->find(line.certificate);
  if (!certificate) return refuse(fmt::format("certificate '{}' does not exist!", line.certificate));
  if (!certificate->identity) return refuse(fmt::format("certificate '{}' is empty!", line.certificate));
  if (list->folder && !line.rest.empty())
    return refuse("this is a directory, SSL configuration, crt-store keywords and filters are not allowed");
  uint32_t last = 0;
  for (const TlsList::Line& l : list->lines) {
    if (list->folder && l.certificate == line.certificate) return refuse("file already exists in this directory!");
    last = std::max(last, l.number);
  }
  if (!list->folder) line.number = last + 1;
  std::string problem;
  for (const TlsList::Add& user : list->users)
    if (!user(line, problem)) {
      store->drop(*list, line);
      return refuse(problem);
    }
  const std::string done =
      fmt::format("Inserting certificate '{}' in crt-list '{}'.\nSuccess!\n", line.certificate, list->name);
  list->lines.push_back(std::move(line));
  return call.say(done, Severity::notice);
}

// "name" or "name:line".
Outcome remove(Call& call) {
  TlsStore* store = call.server.catalogue().certificates;
  auto refuse = [&](std::string why) { return call.refuse(fmt::format("Can't delete the entry: {}\n", why)); };
  if (call.word(4).empty()) return call.refuse("'del ssl crtlist' expects a filename and a certificate name\n");
  Str name = call.word(4);
  uint64_t number = 0;
  if (const size_t colon = name.rfind(':'); colon != Str::npos) {
    const auto n = parse_u64(name.substr(colon + 1));
    if (!n) return refuse(fmt::format("wrong line number after colons in '{}'!", name));
    number = *n;
    name = name.substr(0, colon);
  }
  TlsList* list = store ? store->find_list(call.word(3)) : nullptr;
  if (!list) return refuse(fmt::format("crt-list '{}' does not exist!", call.word(3)));
  std::vector<size_t> found;
  for (size_t i = 0; i < list->lines.size(); i++)
    if (list->lines[i].certificate == name && (!number || list->lines[i].number == number)) found.push_back(i);
  if (found.empty())
    return refuse(fmt::format("certificate '{}' can't be found in crt-list '{}'!", call.word(4), list->name));
  if (found.size() > 1)
    return refuse(fmt::format(
        "found the certificate '{}' in several entries, please specify a line number preceded by colons", name));
  for (const net::TlsListener& listener : store->listeners())
    if (!listener.entries.empty() && listener.entries[0].list == list &&
        listener.entries[0].certificate->name == name && listener.entries[0].line == list->lines[found[0]].number &&
        !listener.names.strict())
      return refuse(fmt::format("certificate '{}' cannot be deleted, it is used as default certificate\n", name));
  store->drop(*list, list->lines[found[0]]);
  list->lines.erase(list->lines.begin() + static_cast<ptrdiff_t>(found[0]));
  return call.say(fmt::format("Entry '{}' deleted in crtlist '{}'!\n", name, list->name), Severity::notice);
}

constexpr Command kRows[] = {
    {{"show", "ssl", "crt-list"},
     Level::admin,
     "show ssl crt-list [-n] [<list>]",
     "the lists of certificates, or one",
     show},
    {{"add", "ssl", "crt-list"},
     Level::admin,
     "add ssl crt-list <list> <cert> | <payload>",
     "show a certificate wherever the list is used",
     add},
    {{"del", "ssl", "crt-list"},
     Level::admin,
     "del ssl crt-list <list> <cert[:line]>",
     "show a certificate no more where the list is used",
     remove},
};

}  // namespace

const Commands kCrtListCommands = kRows;

}  // namespace weir::control
