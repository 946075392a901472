// Printed forms of statistics lines; see stats/lines.h.
#include <fmt/format.h>

#include "stats/lines.h"

namespace weir::stats {
namespace {

uint64_t number(const Line& line, Col c) {
  return static_cast<uint64_t>(line[static_cast<size_t>(c)].number);
}

void append_help(std::string& out, const Column& c) {
  out += fmt::format(":\"{}\"", c.help);
}

void append_stat_csv(std::string& out, const Line& line) {
  for (const Field& f : line) {
    append_csv(out, f);
    out += ',';
  }
  out += "-,\n";
}

// "S.4.1.17.status.1:SGPV:str:UP"
void append_stat_typed(std::string& out, const Line& line, bool help) {
  char type = "FBS"[number(line, Col::type)];
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i].empty()) continue;
    const Column& column = columns()[i];
    out += fmt::format("{}.{}.{}.{}.{}.{}:", type, number(line, Col::iid), number(line, Col::sid), i, column.name,
                       number(line, Col::pid));
    append_typed(out, line[i], column.shared);
    if (help) append_help(out, column);
    out += '\n';
  }
}

void append_stat_json(std::string& out, const Line& line, bool first) {
  constexpr Str kTypes[] = {"Frontend", "Backend", "Server"};
  if (!first) out += ',';
  out += '[';
  bool inside = false;
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i].empty()) continue;
    if (inside) out += ',';
    inside = true;
    out += fmt::format(R"({{"objType":"{}","proxyId":{},"id":{},"field":{{"pos":{},"name":"{}"}},"processNum":{},)",
                       kTypes[number(line, Col::type)], number(line, Col::iid), number(line, Col::sid), i,
                       columns()[i].name, number(line, Col::pid));
    append_json(out, line[i]);
    out += '}';
  }
  out += ']';
}

void append_info_json(std::string& out, const Line& line) {
  out += '[';
  bool inside = false;
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i].empty()) continue;
    if (inside) out += ',';
    inside = true;
    out += fmt::format(R"({{"field":{{"pos":{},"name":"{}"}},"processNum":1,)", i, info_columns()[i].name);
    append_json(out, line[i]);
    out += '}';
  }
  out += "]\n";
}

}  // namespace

// The lone "-" column ends the fixed ones; HAProxy's protocol modules put theirs behind it.
void append_stat_head(std::string& out, Form form) {
  if (form == Form::json) out += '[';
  if (form != Form::plain) return;
  out += "# ";
  for (const Column& c : columns()) (out += c.name) += ',';
  out += "-,\n";
}

void append_stat_line(std::string& out, const Line& line, Form form, bool help, bool first) {
  switch (form) {
    case Form::plain: return append_stat_csv(out, line);
    case Form::typed: return append_stat_typed(out, line, help);
    case Form::json: return append_stat_json(out, line, first);
  }
}

void append_stat_end(std::string& out, Form form) {
  if (form == Form::json) out += "]\n";
}

void append_info(std::string& out, const Line& line, Form form, bool help) {
  if (form == Form::json) return append_info_json(out, line);
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i].empty()) continue;
    const Column& column = info_columns()[i];
    if (form == Form::typed) {
      out += fmt::format("{}.{}.1:", i, column.name);
      append_typed(out, line[i], false);
    } else {
      out += fmt::format("{}: ", column.name);
      append_csv(out, line[i]);
    }
    if (help) append_help(out, column);
    out += '\n';
  }
}

}  // namespace weir::stats
