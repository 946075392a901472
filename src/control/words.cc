// See control/words.h.
#include "control/words.h"

#include <array>
#include <cstdlib>

namespace weir::control {
namespace {

// The place of the first unescaped `;` or line end at or behind `from`.
size_t find_end(const std::string& in, size_t from) {
  for (size_t i = from; i < in.size(); i++) {
    if (in[i] == '\\')
      i++;
    else if (in[i] == ';' || in[i] == '\n')
      return i;
  }
  return std::string::npos;
}

void cut_payload(CommandLine& line) {
  std::string& last = line.commands.back();
  size_t word = last.find_last_of(" \t");
  word = word == std::string::npos ? 0 : word + 1;
  if (last.compare(word, 2, "<<") != 0) return;
  line.payload = true;
  line.payload_end = last.substr(word + 2);
  last.erase(word);
}

using Fingerprint = std::array<int, 1024>;

void add_word(Fingerprint& print, Str word) {
  constexpr int kEdge = 28;
  int from = kEdge;
  for (char c : word) {
    char l = lower(c);
    int to = l >= 'a' && l <= 'z' ? l - 'a' + 1 : is_digit(c) ? 27 : kEdge;
    print[static_cast<size_t>(to)] = 1;
    print[32 * static_cast<size_t>(from) + static_cast<size_t>(to)]++;
    from = to;
  }
  print[32 * static_cast<size_t>(from) + kEdge]++;
}

}  // namespace

bool next_line(std::string& in, CommandLine& out) {
  out = {};
  size_t from = 0;
  while (true) {
    size_t end = find_end(in, from);
    if (end == std::string::npos) return false;
    out.commands.push_back(in.substr(from, end - from));
    from = end + 1;
    if (in[end] == '\n') break;
  }
  in.erase(0, from);
  std::string& last = out.commands.back();
  if (last.ends_with('\r')) last.pop_back();
  cut_payload(out);
  return true;
}

std::vector<std::string> split_words(Str command) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  for (size_t i = 0; i < command.size(); i++) {
    char c = command[i];
    if (c == ' ' || c == '\t') {
      if (inside) words.push_back(std::move(word));
      word.clear();
      inside = false;
      continue;
    }
    inside = true;
    if (c != '\\')
      word += c;
    else if (i + 1 < command.size())
      word += command[++i];
  }
  if (inside) words.push_back(std::move(word));
  return words;
}

std::optional<uint64_t> parse_duration(Str text, uint32_t unit) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) digits++;
  auto n = parse_u64(text.substr(0, digits));
  Str suffix = text.substr(digits);
  if (!n || *n > INT32_MAX) return std::nullopt;
  uint64_t us = 0;
  if (suffix.empty())
    us = uint64_t{unit} * 1000;
  else if (suffix == "us")
    us = 1;
  else if (suffix == "ms")
    us = 1000;
  else if (suffix == "s")
    us = 1000000;
  else if (suffix == "m")
    us = 60 * 1000000ull;
  else if (suffix == "h")
    us = 3600 * 1000000ull;
  else if (suffix == "d")
    us = 86400 * 1000000ull;
  else
    return std::nullopt;
  uint64_t whole = uint64_t{unit} * 1000;
  uint64_t units = (*n * us + whole - 1) / whole;
  if (units > INT32_MAX) return std::nullopt;
  return units;
}

int word_distance(const std::vector<Str>& a, const std::vector<Str>& b) {
  Fingerprint one{}, two{};
  for (Str w : a) add_word(one, w);
  for (Str w : b) add_word(two, w);
  int distance = 0;
  for (size_t i = 0; i < one.size(); i++) distance += std::abs(one[i] - two[i]);
  return distance;
}

}  // namespace weir::control
