// See master/title.h.
#include "master/title.h"

#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace weir::master {
namespace {

// The kernel shows the bytes where the arguments lay, which the environment follows.
char* begin = nullptr;
size_t room = 0;
std::string line;

}  // namespace

void make_room_for_title(int argc, char** argv) {
  if (argc < 1) return;
  char* at = argv[0];
  char* end = at;
  auto take = [&end](char*& text) {
    if (text == end) end = text + strlen(text) + 1;  // all of it lies in a row
    text = strdup(text);
    return text != nullptr;
  };
  for (int i = 0; i < argc; i++) {
    line += (i ? " " : "") + std::string(argv[i]);
    if (!take(argv[i])) return;
  }
  for (char** e = environ; *e; e++)
    if (!take(*e)) return;
  begin = at;
  room = static_cast<size_t>(end - at);
}

void set_title(Str text) {
  if (!room) return;
  size_t n = std::min(text.size(), room - 1);
  memcpy(begin, text.data(), n);
  memset(begin + n, 0, room - n);
}

Str command_line() {
  return line;
}

}  // namespace weir::master
